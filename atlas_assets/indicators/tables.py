# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
"""The indicators' gold tables from silver frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from atlas_assets.contracts.trade_source import trades_of_one_source
from atlas_assets.contracts.trailing import trailing_percentile
from atlas_assets.indicators import registry
from atlas_assets.indicators.toxicity import toxic_episodes
from atlas_assets.indicators.trade_signs import classification_accuracy
from atlas_assets.indicators.vpin import vpin_from_trades

if TYPE_CHECKING:
    import pandas as pd

_ACCURACY = ("share_by_trade", "share_by_bar", "imbalance_correlation")


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


def vpin(
    trades: pd.DataFrame,
    *,
    bar_seconds: float,
    buckets_per_day: int,
    window: int,
    percentile_window: int,
    toxic_percentile: float,
    toxic_buckets: int,
) -> pd.DataFrame:
    """VPIN of every instrument with trailing bucket size and deviation (no look-ahead).

    Parameters
    ----------
    trades
        ``silver.trades``; the order of rows does not matter. Of an instrument that several sources report, the
        source with the most trades counts, since each would add its volume. Doubted trades are left out.
    bar_seconds, buckets_per_day, window
        As in :func:`atlas_assets.indicators.vpin.vpin_from_trades`.
    percentile_window, toxic_percentile, toxic_buckets
        As in :mod:`atlas_assets.indicators.toxicity`.

    Returns
    -------
    Frame of ``gold.vpin``; the first ``window - 1`` buckets of an instrument have no VPIN, and the first
    ``percentile_window - 1`` of those that have one no percentile.
    """
    import pandas as pd

    tables = []
    for _, rows in trades_of_one_source(trades).groupby("instrument_id", sort=True):
        table = _vpin_of_one(rows, bar_seconds=bar_seconds, buckets_per_day=buckets_per_day, window=window)
        percentile = trailing_percentile(table["vpin"], window=percentile_window)
        episode = toxic_episodes(percentile, threshold=toxic_percentile, buckets=toxic_buckets)
        tables.append(table.assign(vpin_percentile=percentile, toxic_episode=episode))
    return pd.concat(tables, ignore_index=True)


def side_accuracy(trades: pd.DataFrame, *, bar_seconds: float) -> pd.DataFrame:
    """How often bulk volume classification, the tick rule and one half find the side that the exchange sent.

    An evaluation that looks at all trades at once: no signal.

    Parameters
    ----------
    trades
        ``silver.trades``; only those count whose side the exchange sent, of instruments that have two bars of them.
    bar_seconds
        Length of a bar of the bulk classification, seconds.

    Returns
    -------
    Frame of symbol, trades, method and what :class:`atlas_assets.indicators.trade_signs.ClassificationAccuracy` says
    of each; empty where no side is known.
    """
    import pandas as pd

    known = trades[(trades["side_method"] == "exchange") & trades["aggressor_side"].notna()]
    tables: list[pd.DataFrame] = []
    for _, rows in trades_of_one_source(known).groupby("instrument_id", sort=True):
        time = rows["event_time"].dt.tz_localize(None)
        if time.iloc[-1] - time.iloc[0] < pd.Timedelta(seconds=bar_seconds):
            continue
        accuracy = classification_accuracy(
            time.to_numpy(),
            rows["price"].to_numpy(),
            rows["quantity"].to_numpy(),
            np.where(rows["aggressor_side"] == "buy", 1, -1),
            bar_seconds=bar_seconds,
        )
        columns = {"method": accuracy.methods, **{name: getattr(accuracy, name) for name in _ACCURACY}}
        tables.append(pd.DataFrame(columns).assign(symbol=rows["symbol"].iloc[0], trades=len(rows)))
    columns = ["symbol", "trades", "method", *_ACCURACY]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


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
