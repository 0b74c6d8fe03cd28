# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
"""VPIN of instruments day by day: the days that are over are taken once, the last one anew in each run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from atlas_assets.indicators.bulk_classification import FloatArray
from atlas_assets.indicators.vpin_online import VPIN, OnlineVPIN

if TYPE_CHECKING:
    import pandas as pd

    Arrays = Mapping[str, npt.NDArray[Any]]

BUCKET_COLUMNS = ("bucket_number", "bucket_end", "buy_volume", "sell_volume", "imbalance", "vpin")
TRADE_COLUMNS = ("event_time", "price", "quantity")
_STREAM = "stream."
_OWN = ("instruments", "sources", "open_days", "buckets")


@dataclass(frozen=True)
class VpinState:
    """What VPIN of an instrument goes on from.

    Attributes
    ----------
    source
        Whose trades were taken.
    open_day
        The first UTC day whose trades were not: rows that are known later are made anew.
    buckets
        Complete buckets by then.
    stream
        As :meth:`OnlineVPIN.state` gives it.
    """

    source: str
    open_day: date
    buckets: int
    stream: Mapping[str, FloatArray]


def continued(
    state: VpinState | None,
    *,
    source: str,
    closed_days: Iterable[pd.DataFrame],
    open_day: date,
    trades_of_open_day: pd.DataFrame,
    bar_seconds: float,
    buckets_per_day: int,
    window: int,
) -> tuple[pd.DataFrame, VpinState]:
    """Buckets after those of a state, and the state after the days that are over.

    The buckets of one call with all days are those of several calls, each going on from the state before, bit for bit.

    Parameters
    ----------
    state
        Where to go on; from the beginning if None.
    source
        Whose trades these are.
    closed_days, trades_of_open_day
        Trades of the days from the state's open day on, in order, and of the last day: ``event_time`` (UTC, without
        zone), ``price``, ``quantity``.
    open_day
        The last day.
    bar_seconds, buckets_per_day, window
        As in :func:`atlas_assets.indicators.vpin.vpin_from_trades`.

    Returns
    -------
    Frame of ``BUCKET_COLUMNS``, numbers going on from the state's, and the next state.
    """
    import pandas as pd

    before = 0 if state is None else state.buckets
    stream = (
        OnlineVPIN(bar_seconds=bar_seconds, buckets_per_day=buckets_per_day, window=window)
        if state is None
        else OnlineVPIN.from_state(state.stream)
    )
    rows = [stream.update(*(part[name].to_numpy() for name in TRADE_COLUMNS)) for part in closed_days]
    complete = before + sum(part.vpin.size for part in rows)
    after = VpinState(source, open_day, complete, stream.state())
    rows.append(stream.update(*(trades_of_open_day[name].to_numpy() for name in TRADE_COLUMNS)))
    rows.append(stream.finish())
    table = pd.concat([bucket_frame(part) for part in rows], ignore_index=True)
    table.insert(0, "bucket_number", np.arange(before, before + len(table)))
    return table, after


def bucket_frame(vpin: VPIN) -> pd.DataFrame:
    """Buckets as rows, their ends as UTC times."""
    import pandas as pd

    # To the microsecond, the finest that floats of today's seconds hold.
    ends = pd.Series(np.round(vpin.bucket_end * 1e6).astype(np.int64))
    return pd.DataFrame(
        {
            "bucket_end": pd.to_datetime(ends, unit="us", utc=True),
            "buy_volume": vpin.buy_volume,
            "sell_volume": vpin.sell_volume,
            "imbalance": vpin.imbalance,
            "vpin": vpin.vpin,
        }
    )


def to_arrays(states: Mapping[str, VpinState]) -> dict[str, npt.NDArray[Any]]:
    """States by instrument as plain arrays, from which :func:`of_arrays` makes them again."""
    every = list(states.values())
    return {
        "instruments": np.array(list(states), dtype=np.str_),
        "sources": np.array([state.source for state in every], dtype=np.str_),
        "open_days": np.array([state.open_day for state in every], dtype="datetime64[D]"),
        "buckets": np.array([state.buckets for state in every], dtype=np.int64),
        **{f"{_STREAM}{name}": np.stack([state.stream[name] for state in every]) for name in every[0].stream},
    }


def of_arrays(arrays: Arrays) -> dict[str, VpinState]:
    """Raises ``ValueError`` for arrays that are not what :func:`to_arrays` gives."""
    streams = {name.removeprefix(_STREAM): values for name, values in arrays.items() if name.startswith(_STREAM)}
    if missing := set(_OWN) - set(arrays):
        raise ValueError(f"These arrays are no saved VPIN: {', '.join(sorted(missing))} missing; compute it anew.")
    if len({len(values) for values in arrays.values()}) != 1:
        raise ValueError("These arrays are no saved VPIN: they are of different numbers of instruments.")
    own = zip(*(arrays[name].tolist() for name in _OWN), strict=True)
    return {
        instrument: VpinState(source, day, buckets, {name: values[place] for name, values in streams.items()})
        for place, (instrument, source, day, buckets) in enumerate(own)
    }
