# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
"""What the models are fitted to, from silver frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from atlas_assets.contracts.point_in_time import as_known

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.float64]


def market_changes(
    bars: pd.DataFrame, observations: pd.DataFrame, *, symbols: Sequence[str], series: Sequence[str]
) -> pd.DataFrame:
    """Log returns of instruments beside log changes of macro series as they were known at each close.

    Parameters
    ----------
    bars
        ``silver.daily_bars`` with adjusted prices.
    observations
        ``silver.macro_observations``; a value counts from its ``published_at`` on, so a series that is
        published a day late enters a day late.
    symbols, series
        The variables, in this order.

    Returns
    -------
    Frame indexed by session_date, one column each variable, complete rows only.
    """
    import pandas as pd

    chosen = bars[bars["symbol"].isin(symbols)]
    closes = chosen.pivot_table(index="session_date", columns="symbol", values="close_total_return_adj").reindex(
        columns=list(symbols)
    )
    times = chosen.groupby("session_date")["event_time"].max().reindex(closes.index)
    known = {name: _known_at(observations[observations["series_id"] == name], times) for name in series}
    levels = pd.concat([closes, pd.DataFrame(known, index=closes.index)], axis=1)
    levels = levels.where(levels > 0).dropna()
    return levels.transform(np.log).diff().iloc[1:]


def _known_at(observations: pd.DataFrame, times: pd.Series) -> FloatArray:
    """The latest period's value that was published at each time; missing values are passed over."""
    decisions = times.rename("decision_time").reset_index(drop=True).to_frame()
    published = observations.dropna(subset="value")
    known = as_known(decisions, published, on="decision_time", latest="period", columns=["value"])
    return known["value"].to_numpy(dtype=np.float64)
