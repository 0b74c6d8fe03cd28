"""How fast the numerical kernels are."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
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

INSTRUMENTS, SESSIONS = 500, 2_500
TRADES = 1_000_000
STREAMED = 1_000_000_000
RETURNS = 100_000


def figures() -> Iterator[Figure]:
    """Models, indicators, risk, text."""
    yield _tvp_var()
    yield from _vpin()
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
