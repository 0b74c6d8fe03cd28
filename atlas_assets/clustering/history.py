# pandas carries no static types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""What a training sample asks of the past."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


class TooLittleHistory(ValueError):
    """No instrument has the history that a training sample needs; the message says how much, and what to do."""


def of_trained_instruments(
    bars: pd.DataFrame,
    of_one: Callable[[pd.DataFrame], pd.DataFrame],
    *,
    symbols: Sequence[str],
    window_size: int,
    what: str,
) -> pd.DataFrame:
    """What is said of each instrument's bars in their order, of those with a return after the training sample.

    Parameters
    ----------
    bars
        ``silver.daily_bars``.
    of_one
        Says it of one instrument's bars.
    symbols
        The instruments.
    window_size
        Returns of the training sample.
    what
        What is said, for the message.

    Raises
    ------
    TooLittleHistory
        When every instrument is left out.
    """
    import pandas as pd

    by_instrument = bars[bars["symbol"].isin(symbols)].sort_values("session_date").groupby("instrument_id", sort=True)
    tables = [of_one(rows) for _, rows in by_instrument if len(rows) > window_size + 1]
    if not tables:
        raise TooLittleHistory(
            f"{what} need more than {window_size + 1} sessions of {', '.join(symbols)}: load more history."
        )
    return pd.concat(tables, ignore_index=True)
