"""How fast the numerical kernels are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import talib

from atlas_tests.benchmarks.measure import Figure, timed

INSTRUMENTS, SESSIONS = 500, 2_500
TRADES = 1_000_000
RETURNS = 100_000
DATES, WINDOW, LAGS, HORIZON = 2_771, 200, 4, 10  # of Diebold and Yilmaz (2012)


def figures() -> Iterator[Figure]:
    """Models, indicators, risk, text."""
    yield _tvp_var()
    yield _tvp_var_full()
    yield _tvp_var_of_many()
    yield from _connectedness()
    yield _stacking()
    yield _vpin()
    yield _technical()
    yield _value_at_risk()
    yield _sentiment()


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
            phi.append(sum(a[:, lag * n : lag * n + n] @ phi[h - 1 - lag] for lag in lags))
        share = sum((p @ sigma) ** 2 for p in phi) / np.diag(sigma)
        share /= sum(np.diag(p @ sigma @ p.T) for p in phi)[:, None]
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


def _vpin() -> Figure:
    from atlas_assets.indicators.vpin import vpin_from_trades

    rng = np.random.default_rng(2)
    time = 1_545_000_000 + np.sort(rng.uniform(0, 10 * 86_400, TRADES))
    price = 4_000 + np.cumsum(rng.choice([-0.01, 0.0, 0.01], TRADES))
    volume = rng.lognormal(size=TRADES)
    ours = timed(lambda: vpin_from_trades(time, price, volume), repetitions=7)
    return Figure(
        f"VPIN of {TRADES:,} trades",
        ours,
        timed(lambda: (time.sum(), price.sum(), volume.sum()), repetitions=7),
        "numpy sums of the three columns",
        rate=f"{TRADES / ours.best / 1e6:.0f} M trades/s",
    )


def _technical() -> Figure:
    from atlas_assets.indicators.registry import technical_indicators

    rng = np.random.default_rng(3)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, (INSTRUMENTS, SESSIONS)), axis=1))
    panel = pd.DataFrame(
        {
            "instrument_id": np.repeat([f"ins_{number:04d}" for number in range(INSTRUMENTS)], SESSIONS),
            "session_date": np.tile(pd.date_range("2010-01-01", periods=SESSIONS), INSTRUMENTS),
            "open": close.ravel(),
            "high": close.ravel() * 1.01,
            "low": close.ravel() * 0.99,
            "close": close.ravel(),
            "volume": 1e6,
        }
    )

    def loop() -> pd.DataFrame:
        """The indicators that TA-Lib has, instrument by instrument; returns and volatility are left out."""
        frames = []
        for _, rows in panel.groupby("instrument_id", sort=False):
            high, low, last = (rows[name].to_numpy() for name in ("high", "low", "close"))
            line, signal, histogram = talib.MACD(last, 12, 26, 9)
            upper, middle, lower = talib.BBANDS(last, 20, 2, 2)
            columns = {"sma_20": talib.SMA(last, 20), "sma_50": talib.SMA(last, 50), "ema_20": talib.EMA(last, 20)}
            columns |= {"rsi_14": talib.RSI(last, 14), "line": line, "signal": signal, "histogram": histogram}
            columns |= {"upper": upper, "middle": middle, "lower": lower, "atr_14": talib.ATR(high, low, last, 14)}
            frames.append(pd.DataFrame(columns, index=rows.index))
        return pd.concat(frames)

    ours = timed(lambda: technical_indicators(panel), repetitions=3)
    return Figure(
        f"13 technical indicator columns, {INSTRUMENTS} instruments of {SESSIONS:,} sessions",
        ours,
        timed(loop, repetitions=3),
        "loop over TA-Lib, 11 of the columns",
        rate=f"{INSTRUMENTS * SESSIONS / ours.best / 1e6:.1f} M bars/s",
    )


def _value_at_risk() -> Figure:
    from atlas_assets.risk_management.var import historical_var

    returns = np.random.default_rng(4).standard_t(4, RETURNS) * 0.01
    series = pd.Series(returns)
    ours = timed(lambda: historical_var(returns, window=250, level=0.05), repetitions=5)
    return Figure(
        f"historical VaR and expected shortfall, {RETURNS:,} returns, window 250",
        ours,
        timed(lambda: series.rolling(250).quantile(0.05).shift(1), repetitions=5),
        "pandas rolling quantile (VaR only)",
        rate=f"{RETURNS / ours.best:,.0f} returns/s",
    )


def _sentiment() -> Figure:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    from atlas_assets.sandbox import SandboxTransport
    from atlas_assets.sentiment.analyzer import SentimentAnalyzer

    wire = SandboxTransport(clock=datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC)).newswire
    articles = [article for feed in ("market_wire", "crypto_wire") for article in wire.articles(feed)]
    texts = [f"{article.title}. {article.summary}" for article in articles][:1_000]
    ours, theirs = SentimentAnalyzer(), SentimentIntensityAnalyzer()
    measured = timed(lambda: ours.score(texts), repetitions=3)
    return Figure(
        f"tone of {len(texts):,} news texts (VADER)",
        measured,
        timed(lambda: [theirs.polarity_scores(text)["compound"] for text in texts], repetitions=3),
        "plain vaderSentiment loop",
        rate=f"{len(texts) / measured.best:,.0f} texts/s",
    )
