"""Indicators over a panel of instruments, each computed alone from arrays cut out of the panel's columns."""

# pandas carries no static types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

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


def compute(panel: pd.DataFrame, indicators: Sequence[Indicator]) -> pd.DataFrame:
    """Indicators of every instrument of a panel, one row per (instrument_id, session_date).

    Parameters
    ----------
    panel : frame with instrument_id, session_date and the indicators' inputs (open, high, low, close, volume)
        In any row order; each instrument is computed alone.
    indicators : the indicators to compute

    Returns
    -------
    frame with instrument_id, session_date and one float column per output, sorted by the two keys.

    Raises
    ------
    ValueError
        If a column is missing, a key is missing or repeated, or two indicators share an output name.
    """
    import pandas as pd

    names = [output.name for indicator in indicators for output in indicator.outputs]
    if len(set(names)) != len(names):
        raise ValueError(f"Two indicators write the same column; the columns asked for are {names}.")
    required = {*KEYS, *(name for indicator in indicators for name in indicator.inputs)}
    if absent := sorted(required - set(panel.columns)):
        raise ValueError(f"The panel lacks the columns {absent}, which the indicators need.")
    order, edges = _instruments(panel)
    bars = panel if order is None else panel.take(order)
    inputs = {name: bars[name].to_numpy(np.float64, na_value=np.nan) for i in indicators for name in i.inputs}

    values = np.empty((len(names), len(bars)))
    for start, stop in pairwise(edges):
        row = 0
        for indicator in indicators:
            series = (inputs[name][start:stop] for name in indicator.inputs)
            result = indicator.function(*series, **indicator.parameters)
            values[row : row + len(indicator.outputs), start:stop] = result
            row += len(indicator.outputs)
    table = pd.DataFrame(values.T, columns=pd.Index(names))
    for place, key in enumerate(KEYS):
        table.insert(place, key, bars[key].array)
    return table


def _instruments(panel: pd.DataFrame) -> tuple[IntArray | None, list[int]]:
    """The order of rows by the keys, none where they are in it already, and where each instrument begins and ends."""
    import pandas as pd

    codes, instruments = pd.factorize(panel[KEYS[0]])
    times = panel[KEYS[1]].to_numpy()
    if (codes < 0).any() or pd.isna(times).any():
        raise ValueError("The panel has rows without instrument_id or session_date; drop them first.")
    rank = np.empty(len(instruments), dtype=np.int64)
    rank[np.argsort(np.asarray(instruments))] = np.arange(len(instruments))
    ranks, order = rank[codes], None
    if not _are_sorted(ranks, times):
        order = np.lexsort((times, ranks))
        ranks, times = ranks[order], times[order]
        if not _are_sorted(ranks, times):
            raise ValueError("The panel has several rows for one (instrument_id, session_date); keep one of them.")
    return order, [0, *(np.flatnonzero(ranks[1:] != ranks[:-1]) + 1).tolist(), len(ranks)]


def _are_sorted(ranks: IntArray, times: npt.NDArray[Any]) -> bool:
    """Whether rows follow each other by instrument and time, none twice."""
    return bool(((ranks[1:] > ranks[:-1]) | ((ranks[1:] == ranks[:-1]) & (times[1:] > times[:-1]))).all())
