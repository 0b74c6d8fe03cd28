"""How fast models are fitted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from atlas_tests.benchmarks.measure import Figure, timed

SESSIONS = 2_500
DATES, WINDOW, LAGS, HORIZON = 2_771, 200, 4, 10  # of Diebold and Yilmaz (2012)


def figures() -> Iterator[Figure]:
    """Averaging, autoregressions, connectedness, ensembles."""
    yield _tvp_var()
    yield from _dma()
    yield _tvp_var_full()
    yield _tvp_var_of_many()
    yield from _connectedness()
    yield _stacking()


def _tvp_var() -> Figure:
    from atlas_assets.models.tvp_var import TVPVAR, regressors_of

    y = np.random.default_rng(1).normal(size=(SESSIONS, 4))
    model = TVPVAR(lags=2)
    prior = model.prior.initial_state(y, lags=2, intercept=True)
    x = regressors_of(y, lags=2, intercept=True)

    def loop() -> None:
        """The same matrix-normal filter, written with numpy row by row."""
        theta, c, sigma = prior.mean, prior.regressors, prior.observation
        for t, row in enumerate(y[2:]):
            r = c if t == 0 else c / model.forgetting
            e, q = row - theta @ x[t], 1 + x[t] @ r @ x[t]
            s = q * sigma
            _ = -0.5 * (len(e) * np.log(2 * np.pi) + np.linalg.slogdet(s)[1] + e @ np.linalg.solve(s, e))
            gain = r @ x[t] / q
            theta, c = theta + np.outer(e, gain), r - q * np.outer(gain, gain)
            sigma = model.covariance_decay * sigma + (1 - model.covariance_decay) * np.outer(e, e) / q

    ours = timed(lambda: model.fit(y), repetitions=7)
    return Figure(
        f"TVP-VAR(2) filter, 4 variables, {SESSIONS:,} sessions",
        ours,
        timed(loop, repetitions=3),
        "numpy, row by row",
        rate=f"{SESSIONS / ours.best:,.0f} sessions/s",
    )


def _dma() -> Iterator[Figure]:
    from atlas_assets.models.dma import DynamicModelAveraging

    rows = 222  # of which 20 set the scale
    rng = np.random.default_rng(6)
    x = rng.normal(size=(rows, 18))
    y = x[:, 0] + rng.normal(size=rows)

    def loop() -> None:
        """One model after the other, each filtered with numpy row by row."""
        for mask in range(2**10):
            columns = np.append(np.ones((rows, 1)), x[:, :10][:, [bool(mask >> j & 1) for j in range(10)]], axis=1)
            theta, p, v = np.zeros(columns.shape[1]), np.eye(columns.shape[1]), 1.0
            for t in range(20, rows):
                row, r = columns[t], p / 0.99
                gain = r @ row
                spread, e = row @ gain, y[t] - row @ theta
                _ = -0.5 * (np.log(2 * np.pi * (v + spread)) + e * e / (v + spread))
                theta, p = theta + gain * (e / (v + spread)), r - np.outer(gain, gain / (v + spread))
                v = (t * v + e * e - spread) / (t + 1)

    # eDMA (C++, OpenMP), measured elsewhere on two cores: k = 16 in 15.7 to 21 s, k = 18 in 91 s.
    for k, promise in ((10, None), (14, None), (16, 2.0), (18, 10.0)):
        ours = timed(lambda k=k: DynamicModelAveraging().fit(y, x[:, :k]), repetitions=3)
        rate = f"{2**k * (rows - 20) / ours.best / 1e6:.1f} M model-rows/s"
        what = f"DMA over 2^{k} models, {rows - 20} rows"
        if k == 10:
            yield Figure(what, ours, timed(loop, repetitions=1, warm_up=False), "numpy, model by model", rate=rate)
        else:
            yield Figure(what, ours, rate=rate, promise=promise)


def _tvp_var_full() -> Figure:
    from atlas_assets.models.tvp_var import TVPVAR, regressors_of

    y = np.random.default_rng(1).normal(size=(DATES, 4))
    model = TVPVAR(form="full", stability="shrink")
    prior = model.prior.initial_state(y, lags=1, intercept=True)
    x = regressors_of(y, lags=1, intercept=True)

    def loop() -> None:
        """The same Kalman filter over all equations, written with numpy row by row."""
        theta, p, sigma = prior.mean.ravel(), np.kron(prior.equations, prior.regressors), prior.observation
        for t, row in enumerate(y[1:]):
            r = p if t == 0 else p / 0.99
            f = np.kron(np.eye(4), x[t])
            e = row - f @ theta
            s = sigma + f @ r @ f.T
            _ = -0.5 * (4 * np.log(2 * np.pi) + np.linalg.slogdet(s)[1] + e @ np.linalg.solve(s, e))
            gain = np.linalg.solve(s, f @ r).T
            previous, theta, p = theta, theta + gain @ e, r - gain @ f @ r
            if np.abs(np.linalg.eigvals(theta.reshape(4, 5)[:, :4])).max() > 1:
                theta = 0.99 * previous
            sigma = 0.96 * sigma + 0.04 * np.outer(e, e)

    ours = timed(lambda: model.fit(y), repetitions=7)
    return Figure(
        f"TVP-VAR(1) filter in the full form, 4 variables, {DATES:,} dates",
        ours,
        timed(loop, repetitions=3),
        "numpy, row by row",
        rate=f"{DATES / ours.best:,.0f} dates/s",
    )


def _tvp_var_of_many() -> Figure:
    from atlas_assets.models.tvp_var import TVPVAR

    y = np.random.default_rng(1).normal(size=(SESSIONS, 50))
    ours = timed(lambda: TVPVAR(lags=2).fit(y), repetitions=3)
    return Figure(
        f"TVP-VAR(2) filter, 50 variables, {SESSIONS:,} sessions",
        ours,
        rate=f"{SESSIONS / ours.best:,.0f} sessions/s",
        promise=5.0,
    )


def _connectedness() -> Iterator[Figure]:
    from atlas_assets.models.connectedness import connectedness, rolling_connectedness

    rng = np.random.default_rng(5)
    y = np.cumsum(rng.normal(size=(DATES, 4)), axis=0)

    def table(a: np.ndarray, sigma: np.ndarray) -> np.ndarray:
        """The decomposition of one date, written with numpy."""
        n = len(sigma)
        phi = [np.eye(n)]
        for h in range(1, HORIZON):
            lags = range(min(h, a.shape[1] // n))
            phi.append(np.sum([a[:, lag * n : lag * n + n] @ phi[h - 1 - lag] for lag in lags], axis=0))
        share = np.sum([(p @ sigma) ** 2 for p in phi], axis=0) / np.diag(sigma)
        share /= np.sum([np.diag(p @ sigma @ p.T) for p in phi], axis=0)[:, None]
        return 100 * share / share.sum(axis=1, keepdims=True)

    def rolling_loop() -> None:
        for start in range(len(y) - WINDOW + 1):
            rows = y[start : start + WINDOW]
            x = np.hstack([*(rows[LAGS - lag : WINDOW - lag] for lag in range(1, LAGS + 1)), ones])
            slopes = np.linalg.lstsq(x, rows[LAGS:], rcond=None)[0]
            residuals = rows[LAGS:] - x @ slopes
            table(slopes[:-1].T, residuals.T @ residuals / len(x))

    ones = np.ones((WINDOW - LAGS, 1))
    a = rng.uniform(-0.2, 0.2, (DATES, 4, 4 * LAGS))
    root = rng.normal(size=(DATES, 4, 4))
    sigma = root @ root.transpose(0, 2, 1) + np.eye(4)
    ours = timed(lambda: connectedness(a, sigma, horizon=HORIZON), repetitions=7)
    yield Figure(
        f"connectedness of a VAR({LAGS}) at {DATES:,} dates, 4 variables, H = {HORIZON}",
        ours,
        timed(lambda: [table(*date) for date in zip(a, sigma, strict=True)], repetitions=3),
        "numpy, date by date",
        rate=f"{DATES / ours.best:,.0f} dates/s",
    )
    ours = timed(lambda: rolling_connectedness(y, window=WINDOW, lags=LAGS, horizon=HORIZON), repetitions=5)
    yield Figure(
        f"rolling connectedness, VAR({LAGS}) on windows of {WINDOW}, {DATES:,} rows of 4 variables",
        ours,
        timed(rolling_loop, repetitions=3),
        "numpy, window by window",
        rate=f"{DATES / ours.best:,.0f} windows/s",
    )


def _stacking() -> Figure:
    from scipy.optimize import nnls

    from atlas_assets.models.ensemble import combine

    rng = np.random.default_rng(6)
    y = rng.normal(size=SESSIONS)
    forecasts = y[:, None] + rng.normal(size=(SESSIONS, 10)) * np.linspace(0.5, 2, 10) + rng.normal(size=(SESSIONS, 1))

    def loop() -> None:
        """Least squares with weights that are not negative, anew for each row; a heavy last equation for their sum."""
        heavy = 1e4
        for t in range(20, SESSIONS):
            matrix = np.vstack([forecasts[:t], np.full(10, heavy)])
            nnls(matrix, np.append(y[:t], heavy))

    ours = timed(lambda: combine(forecasts, y, method="stacking"), repetitions=5)
    return Figure(
        f"stacking of 10 forecasters with adaptive intervals, {SESSIONS:,} sessions",
        ours,
        timed(loop, repetitions=1),
        "scipy nnls, row by row (no intervals)",
        rate=f"{SESSIONS / ours.best:,.0f} sessions/s",
    )
