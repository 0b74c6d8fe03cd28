# pandas' grouped types are not known in full.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Which of several sources of an instrument's trades counts, the same for every domain."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def trades_of_one_source(trades: pd.DataFrame) -> pd.DataFrame:
    """The trades that are not doubted of the source that has most of each instrument's, in the order they were made.

    Of an instrument that several sources report, each would add its volume. The first source by name counts of equals.

    Parameters
    ----------
    trades
        ``silver.trades``, in any order.
    """
    sure = trades[~trades["is_suspicious"].astype(bool)]
    counts = sure.groupby(["instrument_id", "source"], sort=True).size()
    most = dict(counts.groupby("instrument_id").idxmax().tolist())
    chosen = sure[sure["source"] == sure["instrument_id"].map(most)]
    order = ["instrument_id", "event_time", "sequence"]
    # Sorting by a text is what takes long, and is seldom needed.
    return chosen.sort_values([*order, "trade_id"] if chosen.duplicated(order).any() else order)
