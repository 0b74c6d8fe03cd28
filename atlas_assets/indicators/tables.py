# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
"""The indicators' gold tables from silver frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from atlas_assets.contracts.trade_source import trades_of_one_source
from atlas_assets.indicators import registry
from atlas_assets.indicators.vpin import vpin_from_trades

if TYPE_CHECKING:
    import pandas as pd


def technical_indicators(bars: pd.DataFrame) -> pd.DataFrame:
    """Every registered indicator of every instrument.

    Parameters
    ----------
    bars
        ``silver.daily_bars`` with adjusted prices, one row per (instrument_id, session_date).

    Returns
    -------
    Frame of ``gold.technical_indicators``, sorted by instrument and session.
    """
    panel = bars.rename(columns={f"{name}_split_adj": name for name in ("open", "high", "low", "close", "volume")})
    computed = registry.technical_indicators(panel)
    described = bars[["instrument_id", "session_date", "symbol", "close_split_adj"]]
    return computed.merge(described, on=["instrument_id", "session_date"], validate="one_to_one")


def vpin(trades: pd.DataFrame, *, bar_seconds: float, buckets_per_day: int, window: int) -> pd.DataFrame:
    """VPIN of every instrument with trailing bucket size and deviation (no look-ahead).

    Parameters
    ----------
    trades
        ``silver.trades``; the order of rows does not matter. Of an instrument that several sources report, the
        source with the most trades counts, since each would add its volume. Doubted trades are left out.
    bar_seconds, buckets_per_day, window
        As in :func:`atlas_assets.indicators.vpin.vpin_from_trades`.

    Returns
    -------
    Frame of ``gold.vpin``; the first ``window - 1`` buckets of an instrument have no VPIN.
    """
    import pandas as pd

    tables = [
        _vpin_of_one(rows, bar_seconds=bar_seconds, buckets_per_day=buckets_per_day, window=window)
        for _, rows in trades_of_one_source(trades).groupby("instrument_id", sort=True)
    ]
    return pd.concat(tables, ignore_index=True)


def _vpin_of_one(trades: pd.DataFrame, *, bar_seconds: float, buckets_per_day: int, window: int) -> pd.DataFrame:
    import pandas as pd

    result = vpin_from_trades(
        trades["event_time"].dt.tz_localize(None).to_numpy(),
        trades["price"].to_numpy(),
        trades["quantity"].to_numpy(),
        bar_seconds=bar_seconds,
        buckets_per_day=buckets_per_day,
        window=window,
    )
    return pd.DataFrame(
        {
            "instrument_id": trades["instrument_id"].iloc[0],
            "symbol": trades["symbol"].iloc[0],
            "bucket_number": np.arange(result.vpin.size),
            "bucket_end": _utc_times(result.bucket_end),
            "buy_volume": result.buy_volume,
            "sell_volume": result.sell_volume,
            "imbalance": result.imbalance,
            "vpin": result.vpin,
        }
    )


def _utc_times(seconds: npt.NDArray[np.float64]) -> pd.Series[pd.Timestamp]:
    """Epoch seconds as UTC times to the microsecond, the finest that floats of today's seconds hold."""
    import pandas as pd

    return pd.to_datetime(pd.Series(np.round(seconds * 1e6).astype(np.int64)), unit="us", utc=True)
