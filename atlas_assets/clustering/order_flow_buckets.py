# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
"""Gold table of the order-flow features of time buckets, made a part of an instrument's history at a time.

What the buckets of a UTC day are depends on the trades of that day, on the sizes of those of the ``trailing_days``
traded days before and on the last trade before. So a part of the history with these days before it has the rows, bit
for bit, that the whole history has.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from atlas_assets.clustering.order_flow import OrderFlowFeatures, order_flow_features
from atlas_assets.contracts.trade_source import trades_of_one_source

if TYPE_CHECKING:
    import pandas as pd

_DAY_SECONDS = 86_400
_SIZES = ("small", "medium", "large")

# Columns of the table and the order-flow features that they are.
COLUMNS = {
    "log_mean_trade_size": "log_mean_trade_size",
    "log_volume": "log_volume",
    **{
        f"{feature}_{size}": f"{feature}_{number}"
        for feature in ("log_trades", "volume_share", "imbalance")
        for number, size in enumerate(_SIZES)
    },
    "log_duration": "log_duration",
    "duration_variation": "duration_variation",
}


def days_to_make(days: pd.DatetimeIndex, *, changed: pd.Timestamp, trailing_days: int) -> tuple[int, int]:
    """Where to begin when an instrument's trades differ from an instant on.

    Parameters
    ----------
    days
        The instrument's traded days as they are now, in their order.
    changed
        Time of the first trade that differs.
    trailing_days
        As in :func:`buckets_of_parts`.

    Returns
    -------
    Place among the days of the first to read, and of the first whose buckets are to be made anew. That is the traded
    day before the change: its last bucket ends with a later trade.
    """
    first = max(int(days.searchsorted(changed.normalize())) - 1, 0)
    return max(first - trailing_days, 0), first


def buckets_of_instruments(
    trades: pd.DataFrame, *, bucket_seconds: int, size_quantiles: tuple[float, float], trailing_days: int
) -> pd.DataFrame:
    """The time buckets of every instrument in a frame of trades.

    Parameters
    ----------
    trades
        ``silver.trades``, in any order; see :func:`atlas_assets.contracts.trade_source.trades_of_one_source`.
    bucket_seconds, size_quantiles, trailing_days
        As in :func:`buckets_of_parts`.

    Returns
    -------
    Frame of ``gold.order_flow_features``.
    """
    import pandas as pd

    tables = [
        buckets_of_parts(
            [rows], bucket_seconds=bucket_seconds, size_quantiles=size_quantiles, trailing_days=trailing_days
        ).assign(instrument_id=instrument_id, symbol=rows["symbol"].iloc[-1], source=rows["source"].iloc[-1])
        for instrument_id, rows in trades_of_one_source(trades).groupby("instrument_id", sort=True)
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["instrument_id"])


def buckets_of_parts(
    parts: Iterable[pd.DataFrame],
    *,
    bucket_seconds: int,
    size_quantiles: tuple[float, float],
    trailing_days: int,
    since: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """The time buckets of one instrument, from its trades a part at a time.

    No more is held than a part and the trades of ``trailing_days`` traded days before it. A trade without side has
    that of the last price change among these: only where a price stood still for so many days is its side unknown,
    though there was a change before.

    Parameters
    ----------
    parts
        The instrument's rows of ``silver.trades`` in the order they were made, whole UTC days in each part; the last
        part holds the last trade there is.
    bucket_seconds, size_quantiles, trailing_days
        As in :func:`atlas_assets.clustering.order_flow.order_flow_features`; the length divides a day, so that every
        bucket is of one day, and the quantiles divide small, medium and large trades.
    since
        UTC day from which buckets have rows; the days before only are looked back at.

    Returns
    -------
    Frame of ``gold.order_flow_features`` but for instrument, symbol and source. Buckets that the last trade does not
    lie behind have no row.

    Raises
    ------
    ValueError
        If the length does not divide a day, or as in :func:`atlas_assets.clustering.order_flow.order_flow_features`.
    """
    import pandas as pd

    if _DAY_SECONDS % bucket_seconds:
        raise ValueError(f"Time buckets need a length that divides a day of 86400 s, not {bucket_seconds} s.")
    first = -np.inf if since is None else since.timestamp()
    tables: list[pd.DataFrame] = []
    trades: pd.DataFrame | None = None
    last = -np.inf
    for part in parts:
        own = _numbers(part)
        trades = own if trades is None else pd.concat([trades, own], ignore_index=True)
        last = own["time"].iloc[-1]
        found = order_flow_features(
            trades["time"].to_numpy(),
            trades["price"].to_numpy(),
            trades["volume"].to_numpy(),
            side=trades["side"].to_numpy(),
            session=trades["session"].to_numpy(),
            bar_seconds=bucket_seconds,
            size_quantiles=size_quantiles,
            trailing_days=trailing_days,
            since=max(first, _midnight(own["time"].iloc[0])),
            until=_midnight(last) + _DAY_SECONDS,
        )
        tables.append(_table(found, trades, bucket_seconds))
        trades = _last_days(trades, trailing_days)
    table = pd.concat(tables, ignore_index=True)
    return table[table["bucket_end"] <= pd.Timestamp(last, unit="s", tz="UTC")]


def _numbers(trades: pd.DataFrame) -> pd.DataFrame:
    """What the features are made of."""
    import pandas as pd

    time = trades["event_time"].dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.float64) / 1e6
    return pd.DataFrame(
        {
            "time": time,
            "price": trades["price"].to_numpy(),
            "volume": trades["quantity"].to_numpy(),
            "side": trades["aggressor_side"].map({"buy": 1.0, "sell": -1.0}).to_numpy(dtype=np.float64),
            "session": trades["session_date"].to_numpy(),
        }
    )


def _table(found: OrderFlowFeatures, trades: pd.DataFrame, bucket_seconds: int) -> pd.DataFrame:
    import pandas as pd

    last_trade = np.searchsorted(trades["time"].to_numpy(), found.time, side="left") - 1
    return pd.DataFrame(
        {
            "bucket_start": _utc(found.time - bucket_seconds),
            "bucket_end": _utc(found.time),
            "close": trades["price"].to_numpy()[last_trade],
            "volume": np.exp(found.rows[:, found.names.index("log_volume")]),
            **{column: found.rows[:, found.names.index(feature)] for column, feature in COLUMNS.items()},
        }
    )


def _last_days(trades: pd.DataFrame, number: int) -> pd.DataFrame:
    """Trades of the last traded UTC days."""
    time = trades["time"].to_numpy()
    days = np.unique(np.floor(time / _DAY_SECONDS))[-number:]
    return trades.iloc[int(np.searchsorted(time, days[0] * _DAY_SECONDS)) :]


def _midnight(seconds: float) -> float:
    return float(np.floor(seconds / _DAY_SECONDS)) * _DAY_SECONDS


def _utc(seconds: npt.NDArray[np.float64]) -> pd.Series[pd.Timestamp]:
    import pandas as pd

    return pd.to_datetime(pd.Series(np.round(seconds * 1e6).astype(np.int64)), unit="us", utc=True).dt.as_unit("us")
