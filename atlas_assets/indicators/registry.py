"""The registry of indicators, and their computation over a panel of instruments.

To add an indicator, append one :class:`Indicator` to ``INDICATORS``: the panel function, the data dictionary and the
no-look-ahead test pick it up from here.
"""

# pandas carries no static types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from atlas_assets.indicators import technical

if TYPE_CHECKING:
    import pandas as pd

FloatArray: TypeAlias = npt.NDArray[np.float64]

KEYS = ("instrument_id", "session_date")


class Output(NamedTuple):
    """One output column: its name, unit and description."""

    name: str
    unit: str
    description: str


@dataclass(frozen=True, kw_only=True)
class Indicator:
    """An indicator of one instrument's bars.

    Attributes
    ----------
    name : short unique name.
    inputs : panel columns, in the order ``function`` takes them.
    parameters : keyword arguments of ``function``.
    outputs : columns, in the order ``function`` returns them.
    look_back : number of bars before the first value (leading NaN). A recursive indicator (EMA, RSI, MACD, ATR)
        keeps depending on the whole history after that.
    function : arrays of shape (n_bars,) -> one such array, or a tuple of them; value t depends on bars up to t only.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[Output, ...]
    look_back: int
    function: Callable[..., FloatArray | tuple[FloatArray, ...]]
    parameters: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


INDICATORS: tuple[Indicator, ...] = (
    Indicator(
        name="log_return",
        inputs=("close",),
        outputs=(Output("log_return", "fraction", "Log return since the previous available close"),),
        look_back=1,
        function=technical.log_return,
    ),
    Indicator(
        name="sma_20",
        inputs=("close",),
        parameters=MappingProxyType({"window": 20}),
        outputs=(Output("sma_20", "price", "Simple moving average of the last 20 closes"),),
        look_back=19,
        function=technical.sma,
    ),
    Indicator(
        name="sma_50",
        inputs=("close",),
        parameters=MappingProxyType({"window": 50}),
        outputs=(Output("sma_50", "price", "Simple moving average of the last 50 closes"),),
        look_back=49,
        function=technical.sma,
    ),
    Indicator(
        name="ema_20",
        inputs=("close",),
        parameters=MappingProxyType({"window": 20}),
        outputs=(Output("ema_20", "price", "Exponential moving average of closes, span 20"),),
        look_back=19,
        function=technical.ema,
    ),
    Indicator(
        name="rsi_14",
        inputs=("close",),
        parameters=MappingProxyType({"window": 14}),
        outputs=(Output("rsi_14", "0 to 100", "Wilder's relative strength index over 14 bars"),),
        look_back=14,
        function=technical.rsi,
    ),
    Indicator(
        name="macd",
        inputs=("close",),
        parameters=MappingProxyType({"fast": 12, "slow": 26, "signal": 9}),
        outputs=(
            Output("macd_12_26", "price", "EMA of span 12 minus EMA of span 26"),
            Output("macd_signal_9", "price", "EMA of span 9 of the MACD line"),
            Output("macd_histogram", "price", "MACD line minus its signal line"),
        ),
        look_back=33,
        function=technical.macd,
    ),
    Indicator(
        name="bollinger_20",
        inputs=("close",),
        parameters=MappingProxyType({"window": 20, "width": 2.0}),
        outputs=(
            Output("bollinger_upper_20", "price", "Average of 20 closes plus 2 population deviations"),
            Output("bollinger_middle_20", "price", "Average of 20 closes"),
            Output("bollinger_lower_20", "price", "Average of 20 closes minus 2 population deviations"),
        ),
        look_back=19,
        function=technical.bollinger,
    ),
    Indicator(
        name="atr_14",
        inputs=("high", "low", "close"),
        parameters=MappingProxyType({"window": 14}),
        outputs=(Output("atr_14", "price", "Wilder's average true range over 14 bars"),),
        look_back=14,
        function=technical.atr,
    ),
    Indicator(
        name="realised_volatility_20",
        inputs=("close",),
        parameters=MappingProxyType({"window": 20, "periods_per_year": 252}),
        outputs=(
            Output("realised_volatility_20_ann", "fraction a year", "Annualised deviation of the last 20 log returns"),
        ),
        look_back=20,
        function=technical.realised_volatility,
    ),
)


def technical_indicators(panel: pd.DataFrame, *, indicators: Iterable[Indicator] | None = None) -> pd.DataFrame:
    """Technical indicators of every instrument of a panel, one row per (instrument_id, session_date).

    Parameters
    ----------
    panel : frame with instrument_id, session_date and the indicators' inputs (open, high, low, close, volume)
        In any row order; each instrument is computed alone.
    indicators : the indicators to compute; all of ``INDICATORS`` by default

    Returns
    -------
    frame with instrument_id, session_date and one float column per output, sorted by the two keys.

    Raises
    ------
    ValueError
        If a column is missing, a key is missing or repeated, or two indicators share an output name.
    """
    import pandas as pd

    chosen = INDICATORS if indicators is None else tuple(indicators)
    names = [output.name for indicator in chosen for output in indicator.outputs]
    _validate(panel, chosen, names)

    bars = panel.sort_values(list(KEYS), kind="stable", ignore_index=True)
    instruments = bars["instrument_id"].to_numpy()
    bounds = [0, *(np.flatnonzero(instruments[1:] != instruments[:-1]) + 1), len(bars)]
    inputs = {name: bars[name].to_numpy(np.float64, na_value=np.nan) for i in chosen for name in i.inputs}

    values = np.empty((len(names), len(bars)))
    for start, stop in pairwise(bounds):
        row = 0
        for indicator in chosen:
            series = (inputs[name][start:stop] for name in indicator.inputs)
            result = indicator.function(*series, **indicator.parameters)
            values[row : row + len(indicator.outputs), start:stop] = result
            row += len(indicator.outputs)
    return pd.concat([bars[list(KEYS)], pd.DataFrame(values.T, columns=pd.Index(names))], axis=1)


def _validate(panel: pd.DataFrame, indicators: Iterable[Indicator], names: list[str]) -> None:
    required = {*KEYS, *(name for indicator in indicators for name in indicator.inputs)}
    if absent := sorted(required - set(panel.columns)):
        raise ValueError(f"The panel lacks the columns {absent}, which the indicators need.")
    if panel[list(KEYS)].isna().to_numpy(bool).any():
        raise ValueError("The panel has rows without instrument_id or session_date; drop them first.")
    if panel.duplicated(list(KEYS)).any():
        raise ValueError("The panel has several rows for one (instrument_id, session_date); keep one of them.")
    if len(set(names)) != len(names):
        raise ValueError(f"Two indicators write the same column; the columns asked for are {names}.")
