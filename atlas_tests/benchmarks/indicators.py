"""How fast indicators are computed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from resource import RUSAGE_SELF, getrusage
from time import perf_counter
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import talib
from scipy.special import ndtr

from atlas_assets.indicators.registry import Indicator
from atlas_tests.benchmarks.measure import REPOSITORY, Figure, Timing, timed

FloatArray: TypeAlias = npt.NDArray[np.float64]

INSTRUMENTS, TWENTY_YEARS = 500, 5_000
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


def figures() -> Iterator[Figure]:
    """VPIN and technical indicators."""
    yield from _vpin()
    yield from _technical()


def _vpin() -> Iterator[Figure]:
    from atlas_assets.indicators.vpin import vpin_from_trades

    time, price, volume = _trades(days=10)
    ours = timed(lambda: vpin_from_trades(time, price, volume), repetitions=30)
    rate = f"{TRADES / ours.best / 1e6:.0f} M trades/s"
    what = f"VPIN of {TRADES:,} trades, trailing"
    sums = timed(lambda: (time.sum(), price.sum(), volume.sum()), repetitions=30)
    yield Figure(what, ours, sums, "numpy sums of the three columns", rate=rate)
    vectorised = timed(lambda: _numpy_vpin(time, price, volume), repetitions=30)
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
    code = f"from atlas_tests.benchmarks.indicators import stream_vpin; print(*stream_vpin({STREAMED}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    ours, sums, memory = (float(word) for word in done.stdout.split())
    return Figure(
        f"OnlineVPIN of {STREAMED:,} trades in chunks of {TRADES:,}",
        Timing((ours,)),
        Timing((sums,)),
        "numpy sums of the three columns",
        rate=f"{STREAMED / ours / 1e6:.0f} M trades/s, {memory:.0f} MiB",
    )


def _technical() -> Iterator[Figure]:
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
    what = f"{len(both)} technical indicators, {INSTRUMENTS} instruments of {TWENTY_YEARS:,} sessions"
    rate = f"{INSTRUMENTS * TWENTY_YEARS / ours.best / 1e6:.1f} M bars/s"
    yield Figure(what, ours, timed(loop, repetitions=3), "loop over TA-Lib", rate=rate)
    # An extra (bench): nothing else needs Polars.
    if find_spec("polars_talib") is not None:
        yield Figure(what, ours, _polars(panel, both), "polars-talib over instruments, on both cores", rate=rate)


def _polars(panel: pd.DataFrame, indicators: Sequence[Indicator]) -> Timing:
    """The same indicators from a Polars frame to a Polars frame."""
    import polars as pl
    import polars_talib

    bars = pl.DataFrame({name: panel[name].to_numpy() for name in ("high", "low", "close", "volume")}).with_columns(
        pl.Series("instrument_id", np.repeat(np.arange(INSTRUMENTS), TWENTY_YEARS))
    )
    made = [
        getattr(polars_talib, OF_TALIB[indicator.name].lower())(
            *map(pl.col, indicator.inputs), *indicator.parameters.values()
        )
        .over("instrument_id")
        .alias(indicator.name)
        for indicator in indicators
    ]
    return timed(lambda: bars.select("instrument_id", *made), repetitions=3)
