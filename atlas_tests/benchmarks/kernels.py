"""How fast the numerical kernels are."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice, product
from resource import RUSAGE_SELF, getrusage
from time import perf_counter
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import talib
from scipy.special import ndtr

from atlas_tests.benchmarks.measure import REPOSITORY, Figure, Timing, timed

FloatArray: TypeAlias = npt.NDArray[np.float64]

INSTRUMENTS, SESSIONS, TWENTY_YEARS = 500, 2_500, 5_000
OF_TALIB = {
    "sma_20": "SMA", "sma_50": "SMA", "ema_20": "EMA", "rsi_14": "RSI", "macd": "MACD", "atr_14": "ATR",
    "sma_200": "SMA", "ema_50": "EMA", "wma_20": "WMA", "dema_20": "DEMA", "tema_20": "TEMA", "kama_30": "KAMA",
    "linear_regression_slope_20": "LINEARREG_SLOPE", "parabolic_sar": "SAR", "donchian_upper_20": "MAX",
    "donchian_lower_20": "MIN", "adx_14": "ADX", "plus_di_14": "PLUS_DI", "minus_di_14": "MINUS_DI",
    "aroon_25": "AROON", "stochastic_14": "STOCH", "williams_r_14": "WILLR", "cci_20": "CCI", "cmo_14": "CMO",
    "roc_10": "ROC", "trix_15": "TRIX", "ultimate_oscillator": "ULTOSC", "natr_14": "NATR", "mfi_14": "MFI",
    "obv": "OBV", "adosc_3_10": "ADOSC",
}  # fmt: skip
TRADES = 1_000_000
STREAMED = 1_000_000_000
RETURNS = 100_000
DATES, WINDOW, LAGS, HORIZON = 2_771, 200, 4, 10  # of Diebold and Yilmaz (2012)
TEXTS = 100_000


def figures() -> Iterator[Figure]:
    """Models, indicators, text."""
    yield _tvp_var()
    yield from _dma()
    yield _tvp_var_full()
    yield _tvp_var_of_many()
    yield from _connectedness()
    yield _stacking()
    yield from _vpin()
    yield _technical()
    yield _sentiment()
    yield _hidden_markov_filter()
    yield _baum_welch()
    yield _run_lengths()
    yield _segmentation()
    yield _trailing_deviation()
    yield _order_flow()


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


def _vpin() -> Iterator[Figure]:
    from atlas_assets.indicators.vpin import vpin_from_trades

    time, price, volume = _trades(days=10)
    ours = timed(lambda: vpin_from_trades(time, price, volume), repetitions=9)
    rate = f"{TRADES / ours.best / 1e6:.0f} M trades/s"
    what = f"VPIN of {TRADES:,} trades, trailing"
    sums = timed(lambda: (time.sum(), price.sum(), volume.sum()), repetitions=9)
    yield Figure(what, ours, sums, "numpy sums of the three columns", rate=rate)
    vectorised = timed(lambda: _numpy_vpin(time, price, volume), repetitions=5)
    yield Figure(what, ours, vectorised, "vectorised numpy, full sample", rate=rate)
    yield _streamed_vpin()


def _trades(*, days: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    rng = np.random.default_rng(2)
    time = 1_545_004_800 + np.sort(rng.uniform(0, days * 86_400, TRADES))
    return time, 4_000 + np.cumsum(rng.choice([-0.01, 0.0, 0.01], TRADES)), rng.lognormal(size=TRADES)


def _numpy_vpin(time: FloatArray, price: FloatArray, volume: FloatArray) -> FloatArray:
    """The plain formulas over whole columns; the deviation and the size of a bucket are those of the full sample."""
    number = ((time - time[0]) / 60.0).astype(np.int64)
    first = np.flatnonzero(np.diff(number, prepend=-1))
    close, bar_volume = price[np.append(first[1:], time.size) - 1], np.add.reduceat(volume, first)
    change = np.diff(close, prepend=close[0])
    buys = bar_volume * ndtr(change / change.std(ddof=1))
    size = bar_volume.sum() / np.unique(time[first] // 86_400).size / 50
    poured, bought = (np.append(0.0, np.cumsum(values)) for values in (bar_volume, buys))
    ends = np.arange(int(poured[-1] / size) + 1) * size
    imbalance = np.abs(2 * np.diff(np.interp(ends, poured, bought)) - size)
    return np.convolve(imbalance, np.ones(50), "valid") / (50 * size)


def stream_vpin(trades: int) -> tuple[float, float, float]:
    """Seconds that a stream takes for so many trades and numpy for their sums, and the most memory (MiB) meanwhile.

    One day of trades comes again and again, a day later each time: making new ones would take longer than VPIN.
    """
    from atlas_assets.indicators.vpin import OnlineVPIN

    time, price, volume = _trades(days=1)
    stream, ours, sums = OnlineVPIN(), 0.0, 0.0
    for day in range(trades // TRADES):
        later = time + day * 86_400.0
        started = perf_counter()
        stream.update(later, price, volume)
        updated = perf_counter()
        _ = later.sum(), price.sum(), volume.sum()
        ours, sums = ours + updated - started, sums + perf_counter() - updated
    return ours, sums, getrusage(RUSAGE_SELF).ru_maxrss / 1024


def _streamed_vpin() -> Figure:
    """In a process of its own, whose memory is that of the stream and of the interpreter."""
    code = f"from atlas_tests.benchmarks.kernels import stream_vpin; print(*stream_vpin({STREAMED}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    ours, sums, memory = (float(word) for word in done.stdout.split())
    return Figure(
        f"OnlineVPIN of {STREAMED:,} trades in chunks of {TRADES:,}",
        Timing((ours,)),
        Timing((sums,)),
        "numpy sums of the three columns",
        rate=f"{STREAMED / ours / 1e6:.0f} M trades/s, {memory:.0f} MiB",
    )


def _technical() -> Figure:
    from atlas_assets.indicators.registry import INDICATORS, technical_indicators

    rng = np.random.default_rng(3)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, (INSTRUMENTS, TWENTY_YEARS)), axis=1)).ravel()
    panel = pd.DataFrame(
        {
            "instrument_id": np.repeat([f"ins_{number:04d}" for number in range(INSTRUMENTS)], TWENTY_YEARS),
            "session_date": np.tile(pd.date_range("2004-01-01", periods=TWENTY_YEARS), INSTRUMENTS),
            "high": close * 1.01,
            "low": close * 0.99,
            "close": close,
            "volume": rng.lognormal(10, 1, close.size),
        }
    )
    # Those that TA-Lib has; the others are left out on both sides.
    both = [indicator for indicator in INDICATORS if indicator.name in OF_TALIB]
    columns = [output.name for indicator in both for output in indicator.outputs]

    def loop() -> pd.DataFrame:
        """TA-Lib instrument by instrument, from frame to frame."""
        frames = []
        for _, rows in panel.groupby("instrument_id", sort=False):
            bars = {name: rows[name].to_numpy() for name in ("high", "low", "close", "volume")}
            made = []
            for indicator in both:
                values = getattr(talib, OF_TALIB[indicator.name])(
                    *(bars[name] for name in indicator.inputs), *indicator.parameters.values()
                )
                made += values if isinstance(values, tuple) else [values]
            frames.append(pd.DataFrame(dict(zip(columns, made, strict=True)), index=rows.index))
        return pd.concat([panel[["instrument_id", "session_date"]], pd.concat(frames)], axis=1)

    ours = timed(lambda: technical_indicators(panel, indicators=both), repetitions=3)
    return Figure(
        f"{len(both)} technical indicators, {INSTRUMENTS} instruments of {TWENTY_YEARS:,} sessions",
        ours,
        timed(loop, repetitions=3),
        "loop over TA-Lib",
        rate=f"{INSTRUMENTS * TWENTY_YEARS / ours.best / 1e6:.1f} M bars/s",
    )


def _sentiment() -> Figure:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    from atlas_assets.sandbox import SandboxTransport
    from atlas_assets.sentiment.analyzer import SentimentAnalyzer

    wire = SandboxTransport(clock=datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC)).newswire
    articles = [article for feed in ("market_wire", "crypto_wire") for article in wire.articles(feed)]
    titles = [article.title for article in articles]
    summaries = list(dict.fromkeys(article.summary for article in articles))
    texts = [f"{title}. {summary}" for summary, title in islice(product(summaries, dict.fromkeys(titles)), TEXTS)]
    ours, theirs = SentimentAnalyzer(), SentimentIntensityAnalyzer()
    measured = timed(lambda: ours.score(texts), repetitions=3)
    loop = timed(lambda: [theirs.polarity_scores(text)["compound"] for text in texts], repetitions=1, warm_up=False)
    return Figure(
        f"tone of {len(texts):,} news texts (VADER)",
        measured,
        loop,
        "plain vaderSentiment loop, the same scores",
        rate=f"{len(texts) / measured.best:,.0f} texts/s",
    )


def _switching(rows: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    return rng.normal(0, np.where(np.arange(rows) // 200 % 3 == 2, 0.03, 0.008))


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
