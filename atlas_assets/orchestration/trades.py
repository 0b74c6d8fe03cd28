"""The trades that count of each instrument, read a part of its history at a time."""

# pandas carries no static types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlas_assets.orchestration.reading import LakeView

if TYPE_CHECKING:
    import pandas as pd

TABLE = "silver.trades"
MOST_TRADES = 2_000_000
"""At a time, unless one day alone has more."""

_ORDER = "event_time, sequence, trade_id"
# The rule of `contracts.trade_source`, in SQL.
_CHOSEN = """
    SELECT instrument_id, source, arg_max(symbol, event_time) AS symbol
    FROM lake.silver.trades WHERE NOT is_suspicious
    GROUP BY instrument_id, source
    QUALIFY row_number() OVER (PARTITION BY instrument_id ORDER BY count(*) DESC, source) = 1
    ORDER BY instrument_id
"""
_DAYS = """
    SELECT date_trunc('day', event_time)::DATE AS day, count(*) AS trades
    FROM lake.silver.trades WHERE instrument_id = ? AND source = ? AND NOT is_suspicious
    GROUP BY ALL ORDER BY ALL
"""


@dataclass(frozen=True)
class Traded:
    """An instrument that has trades, and the source whose trades count: the one that has most of them."""

    instrument_id: str
    symbol: str
    source: str


def traded_instruments(view: LakeView) -> list[Traded]:
    """Every instrument that has trades that are not doubted, by its id."""
    return [Traded(**row) for row in view.sql(_CHOSEN, reads=[TABLE]).to_pylist()]


def traded_days(view: LakeView, traded: Traded) -> pd.Series:
    """Number of trades of each UTC day that has any, by the day."""
    found = view.sql(_DAYS, [traded.instrument_id, traded.source], reads=[TABLE]).to_pandas()
    return found.set_index("day")["trades"]


def trades_in_parts(
    view: LakeView, traded: Traded, days: pd.Series, *, columns: Sequence[str], most: int = MOST_TRADES
) -> Iterator[pd.DataFrame]:
    """An instrument's trades of some days in the order they were made, whole days at a time.

    Parameters
    ----------
    days
        Some of ``traded_days``, without gaps among them.
    columns
        Of ``silver.trades``; ``event_time`` comes without zone, in UTC.
    most
        Trades that a part has at most, unless one day alone has more.
    """
    import pandas as pd

    chosen = ", ".join(f'"{name}"' for name in columns)
    query = (
        f"SELECT {chosen} FROM lake.{TABLE} WHERE instrument_id = ? AND source = ? AND NOT is_suspicious "
        f"AND event_time >= ?::TIMESTAMPTZ AND event_time < ?::TIMESTAMPTZ ORDER BY {_ORDER}"
    )
    for part in _parts(days, most):
        span = [f"{day:%Y-%m-%d} 00:00:00+00" for day in (part[0], part[-1] + pd.Timedelta(days=1))]
        rows = view.sql(query, [traded.instrument_id, traded.source, *span], reads=[TABLE]).to_pandas()
        if "event_time" in rows.columns:
            rows["event_time"] = rows["event_time"].dt.tz_localize(None)
        yield rows


def _parts(days: pd.Series, most: int) -> Iterator[list[pd.Timestamp]]:
    import pandas as pd

    part: list[pd.Timestamp] = []
    held = 0
    for day, trades in zip(pd.DatetimeIndex(days.index), days.tolist(), strict=True):
        if part and held + trades > most:
            yield part
            part, held = [], 0
        part.append(day)
        held += trades
    if part:
        yield part
