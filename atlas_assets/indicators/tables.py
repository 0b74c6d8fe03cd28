# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
"""The indicators' gold tables from silver frames."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from atlas_assets.contracts.trade_source import trades_of_one_source
from atlas_assets.contracts.trailing import trailing_percentile
from atlas_assets.indicators import registry
from atlas_assets.indicators.toxicity import toxic_episodes
from atlas_assets.indicators.trade_signs import classification_accuracy
from atlas_assets.indicators.vpin import vpin_from_trades
from atlas_assets.indicators.vpin_updates import bucket_frame

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
    for instrument, rows in trades_of_one_source(trades).groupby("instrument_id", sort=True):
        result = vpin_from_trades(
            rows["event_time"].dt.tz_localize(None).to_numpy(),
            rows["price"].to_numpy(),
            rows["quantity"].to_numpy(),
            bar_seconds=bar_seconds,
            buckets_per_day=buckets_per_day,
            window=window,
        )
        numbered = bucket_frame(result).assign(bucket_number=np.arange(result.vpin.size))
        tables.append(numbered.assign(instrument_id=instrument, symbol=rows["symbol"].iloc[-1]))
    return ranked_buckets(
        pd.concat(tables, ignore_index=True),
        percentile_window=percentile_window,
        toxic_percentile=toxic_percentile,
        toxic_buckets=toxic_buckets,
    )


def ranked_buckets(
    buckets: pd.DataFrame, *, percentile_window: int, toxic_percentile: float, toxic_buckets: int
) -> pd.DataFrame:
    """Buckets with the trailing percentile of their VPIN and the number of their toxic episode.

    Parameters
    ----------
    buckets
        Of each instrument in order: ``instrument_id``, ``vpin`` and any other columns.
    percentile_window, toxic_percentile, toxic_buckets
        As in :mod:`atlas_assets.indicators.toxicity`.
    """
    import pandas as pd

    ranked = [buckets.iloc[:0].assign(vpin_percentile=np.empty(0), toxic_episode=np.empty(0, np.int64))]
    for _, rows in buckets.groupby("instrument_id", sort=True):
        percentile = trailing_percentile(rows["vpin"], window=percentile_window)
        episode = toxic_episodes(percentile, threshold=toxic_percentile, buckets=toxic_buckets)
        ranked.append(rows.assign(vpin_percentile=percentile, toxic_episode=episode))
    return pd.concat(ranked[1:] or ranked, ignore_index=True)


def side_accuracy(instruments: Iterable[tuple[str, pd.DataFrame]], *, bar_seconds: float) -> pd.DataFrame:
    """How often bulk volume classification, the tick rule and one half find the side that the exchange sent.

    An evaluation that looks at all trades at once: no signal.

    Parameters
    ----------
    instruments
        Of each its symbol and its trades of known side in their order: ``event_time`` (UTC, without zone), ``price``,
        ``quantity``, ``aggressor_side``. One with trades of less than a bar is left out.
    bar_seconds
        Length of a bar of the bulk classification, seconds.

    Returns
    -------
    Frame of symbol, trades, method and what :class:`atlas_assets.indicators.trade_signs.ClassificationAccuracy` says
    of each; empty where no side is known.
    """
    import pandas as pd

    tables: list[pd.DataFrame] = []
    for symbol, rows in instruments:
        time = rows["event_time"]
        if rows.empty or time.iloc[-1] - time.iloc[0] < pd.Timedelta(seconds=bar_seconds):
            continue
        accuracy = classification_accuracy(
            time.to_numpy(),
            rows["price"].to_numpy(),
            rows["quantity"].to_numpy(),
            np.where(rows["aggressor_side"] == "buy", 1, -1),
            bar_seconds=bar_seconds,
        )
        columns = {"method": accuracy.methods, **{name: getattr(accuracy, name) for name in _ACCURACY}}
        tables.append(pd.DataFrame(columns).assign(symbol=symbol, trades=len(rows)))
    columns = ["symbol", "trades", "method", *_ACCURACY]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)
