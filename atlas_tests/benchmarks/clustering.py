"""How fast regimes, deviations and participants are told."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from atlas_tests.benchmarks.measure import Figure, timed

SESSIONS = 2_500
TRADES = 1_000_000
RETURNS = 100_000


def figures() -> Iterator[Figure]:
    """Markov switching, hidden Markov models, change points, deviations, order flow."""
    yield _markov_switching_filter()
    yield _hidden_markov_filter()
    yield _baum_welch()
    yield _run_lengths()
    yield _segmentation()
    yield _trailing_deviation()
    yield _order_flow()


def _switching(rows: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    return rng.normal(0, np.where(np.arange(rows) // 200 % 3 == 2, 0.03, 0.008))


def _markov_switching_filter() -> Figure:
    from statsmodels.tsa.regime_switching.markov_autoregression import MarkovAutoregression

    from atlas_assets.clustering.regimes import RegimeParameters, hamilton_filter

    returns = _switching(RETURNS) * 100
    parameters = RegimeParameters(
        mean=np.array([0.05, -0.1]),
        variance=np.array([0.8**2, 3.0**2]),
        transition=np.array([[0.99, 0.01], [0.02, 0.98]]),
        autoregression=np.array([0.1]),
    )
    model = MarkovAutoregression(returns, k_regimes=2, order=1, switching_ar=False, switching_variance=True)
    theirs = np.array([0.99, 0.02, 0.05, -0.1, 0.8**2, 3.0**2, 0.1])
    ours = timed(lambda: hamilton_filter(returns, parameters), repetitions=7)
    return Figure(
        f"Markov-switching autoregression, filter, 2 states, 1 lag, {RETURNS:,} returns",
        ours,
        timed(lambda: model.filter(theirs, cov_type="none"), repetitions=3),
        "statsmodels MarkovAutoregression.filter",
        rate=f"{RETURNS / ours.best / 1e6:.1f} M returns/s",
    )


def _hidden_markov_filter() -> Figure:
    from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

    from atlas_assets.clustering.hidden_markov import HiddenMarkovParameters, hidden_markov_filter

    returns = _switching(RETURNS)
    parameters = HiddenMarkovParameters(
        mean=np.zeros((2, 1)),
        covariance=np.array([0.008**2, 0.03**2]).reshape(2, 1, 1),
        transition=np.array([[0.99, 0.01], [0.02, 0.98]]),
        initial=np.array([2 / 3, 1 / 3]),
    )
    model = MarkovRegression(returns * 100, k_regimes=2, switching_variance=True)
    theirs = np.array([0.99, 0.02, 0.0, 0.0, 0.8**2, 3.0**2])
    ours = timed(lambda: hidden_markov_filter(returns, parameters), repetitions=7)
    return Figure(
        f"hidden Markov filter, 2 states, {RETURNS:,} returns",
        ours,
        timed(lambda: model.filter(theirs, cov_type="none"), repetitions=3),
        "statsmodels MarkovRegression.filter",
        rate=f"{RETURNS / ours.best / 1e6:.1f} M returns/s",
    )


def _baum_welch() -> Figure:
    from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

    from atlas_assets.clustering.hidden_markov import hidden_markov_regimes

    returns = _switching(SESSIONS)
    model = MarkovRegression(returns * 100, k_regimes=2, switching_variance=True)
    ours = timed(lambda: hidden_markov_regimes(returns, training=SESSIONS), repetitions=5)
    return Figure(
        f"hidden Markov regimes fitted from 6 starts, 2 states, {SESSIONS:,} sessions",
        ours,
        timed(lambda: model.fit(cov_type="none", disp=False), repetitions=3),
        "statsmodels MarkovRegression.fit from one start",
    )


def _run_lengths() -> Figure:
    from scipy.special import gammaln

    from atlas_assets.clustering.change_points import change_points

    returns = _switching(SESSIONS)

    def loop() -> float:
        """The same recursion over all run lengths, written with numpy row by row."""
        weight, shape = 0.1 + np.arange(SESSIONS), 1.0 + 0.5 * np.arange(SESSIONS)
        constant = gammaln(shape + 0.5) - gammaln(shape)
        probability, mean, scale = np.ones(0), np.zeros(0), np.zeros(0)
        for value in returns:
            mean, scale = np.append(0.0, mean), np.append(2e-4, scale)
            n = mean.size
            spread, error = 2 * scale * (weight[:n] + 1) / weight[:n], value - mean
            density = np.exp(constant[:n] - (shape[:n] + 0.5) * np.log1p(error**2 / spread)) / np.sqrt(np.pi * spread)
            probability = np.append(0.004, 0.996 * probability) * density
            probability /= probability.sum()
            scale += 0.5 * error**2 * weight[:n] / (weight[:n] + 1)
            mean += error / (weight[:n] + 1)
        return float(probability[0])

    ours = timed(lambda: change_points(returns, negligible=0), repetitions=5)
    return Figure(
        f"online change points, {SESSIONS:,} sessions, every run length kept",
        ours,
        timed(loop, repetitions=3),
        "numpy, row by row",
        rate=f"{SESSIONS / ours.best:,.0f} sessions/s",
    )


def _segmentation() -> Figure:
    from atlas_assets.clustering.change_points import historical_change_points

    returns = _switching(SESSIONS)

    def programme() -> float:
        """The same segmentation without pruning: all starts of each end at once, with numpy."""
        rows = (returns - returns.mean()) / returns.std()
        total, square = np.append(0.0, np.cumsum(rows)), np.append(0.0, np.cumsum(rows**2))
        best, penalty = np.full(SESSIONS + 1, np.inf), 3 * np.log(SESSIONS)
        best[0] = -penalty
        for end in range(10, SESSIONS + 1):
            n = end - np.arange(end - 9)
            mean = (total[end] - total[: end - 9]) / n
            variance = np.maximum((square[end] - square[: end - 9]) / n - mean**2, 1e-6)
            best[end] = (best[: end - 9] + n * (np.log(2 * np.pi * variance) + 1)).min() + penalty
        return float(best[-1])

    ours = timed(lambda: historical_change_points(returns), repetitions=5)
    return Figure(
        f"change points in hindsight (PELT), {SESSIONS:,} sessions",
        ours,
        timed(programme, repetitions=3),
        "numpy, dynamic programme without pruning",
        rate=f"{SESSIONS / ours.best:,.0f} sessions/s",
    )


def _trailing_deviation() -> Figure:
    from sklearn.covariance import MinCovDet

    from atlas_assets.clustering.deviation import trailing_deviation

    rows = np.random.default_rng(6).normal(size=(500, 5))

    def loop() -> None:
        for start in range(250, 500, 10):
            MinCovDet(random_state=0).fit(rows[start - 250 : start]).mahalanobis(rows[start : start + 10])

    options = {"window": 250, "refit_every": 10, "estimator": "minimum_covariance_determinant"}
    return Figure(
        "trailing robust deviation, 5 features, 500 sessions, window 250, refitted every 10",
        timed(lambda: trailing_deviation(rows, **options), repetitions=3),
        timed(loop, repetitions=3),
        "scikit-learn MinCovDet, window by window",
    )


def _order_flow() -> Figure:
    from atlas_assets.clustering.investors import order_flow_features
    from atlas_assets.contracts.tick_rule import tick_rule

    rng = np.random.default_rng(7)
    time = 1_545_000_000 + np.sort(rng.uniform(0, 10 * 86_400, TRADES))
    price = 4_000 + np.cumsum(rng.choice([-0.01, 0.0, 0.01], TRADES))
    volume = rng.lognormal(size=TRADES)

    def grouped() -> tuple[pd.DataFrame, pd.DataFrame]:
        """Counts, volumes, imbalances and times between trades by bar; one set of size classes for all days."""
        size_class = np.searchsorted(np.quantile(volume, (0.5, 0.9)), volume)
        trades = pd.DataFrame({"bar": time // 300, "size_class": size_class, "volume": volume})
        trades["signed"], trades["gap"] = volume * tick_rule(price), np.diff(time, prepend=time[0])
        by_class = trades.groupby(["bar", "size_class"])[["volume", "signed"]].sum()
        return by_class, trades.groupby("bar")["gap"].agg(["count", "mean", "std"])

    ours = timed(lambda: order_flow_features(time, price, volume), repetitions=5)
    return Figure(
        f"16 order-flow features of {TRADES:,} trades",
        ours,
        timed(grouped, repetitions=3),
        "pandas groupby, sums of 9 of the features, size classes look ahead",
        rate=f"{TRADES / ours.best / 1e6:.1f} M trades/s",
    )
