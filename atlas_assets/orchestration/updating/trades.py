"""The trades that count of each instrument, read a part of its history at a time."""

# pandas carries no static types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

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
_COUNTED = """
    SELECT
        instrument_id, source, date_trunc('day', event_time)::DATE AS day, count(*) AS trades,
        arg_max(symbol, event_time) AS symbol
    FROM lake.silver.trades WHERE NOT is_suspicious
    GROUP BY instrument_id, source, day ORDER BY instrument_id, source, day
"""


@dataclass(frozen=True, eq=False)
class Traded:
    """An instrument that has trades.

    Attributes
    ----------
    symbol
        Its last one.
    source
        Whose trades count: the one that has most of them, by the rule of
        :func:`atlas_assets.contracts.trade_source.trades_of_one_source`.
    days
        Number of these trades of each UTC day that has any, by the day.
    """

    instrument_id: str
    symbol: str
    source: str
    days: pd.Series


def traded_instruments(view: LakeView) -> list[Traded]:
    """Every instrument that has trades that are not doubted, by its id."""
    import pandas as pd

    counted = view.sql(_COUNTED, reads=[TABLE]).to_pandas()
    counted["day"] = pd.to_datetime(counted["day"])
    found: list[Traded] = []
    for instrument, rows in counted.groupby("instrument_id", sort=True):
        source = str(rows.groupby("source", sort=True)["trades"].sum().idxmax())
        chosen = rows[rows["source"] == source].set_index("day")
        found.append(Traded(str(instrument), str(chosen["symbol"].iloc[-1]), source, chosen["trades"]))
    return found


def trades_in_parts(
    view: LakeView, traded: Traded, days: pd.Series, *, columns: Sequence[str], most: int = MOST_TRADES
) -> Iterator[pd.DataFrame]:
    """An instrument's trades of some days in the order they were made, whole days at a time.

    Parameters
    ----------
    days
        Some of the instrument's days, without gaps among them.
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
    part: list[pd.Timestamp] = []
    held = 0
    for day, trades in zip(days.index, days.tolist(), strict=True):
        if part and held + trades > most:
            yield part
            part, held = [], 0
        part.append(day)
        held += trades
    if part:
        yield part
