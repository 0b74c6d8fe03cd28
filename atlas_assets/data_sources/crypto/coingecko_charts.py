"""CoinGecko's market charts and candles."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported)

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from atlas_assets.contracts.raw import integer, number, raw_table, text
from atlas_assets.data_sources.base import Query
from atlas_assets.data_sources.client.errors import MalformedReply
from atlas_assets.data_sources.client.reply import Reply
from atlas_assets.data_sources.crypto.coingecko import (
    CHART_ARRAYS,
    DEMO_REACH,
    CoinGeckoSettings,
    CoinGeckoSource,
    CoinQuery,
    payload_of,
)
from atlas_assets.data_sources.windows import midnight

if TYPE_CHECKING:
    import pyarrow as pa

    from atlas_assets.data_sources.client.http import HttpClient

HOUR = 3_600_000
DAY = 24 * HOUR
JITTER = HOUR // 12
"""How far a regular point lies off the grid at most."""

GRIDS = {"hourly": HOUR, "daily": DAY}
# CoinGecko decides on the spacing by the length of the range: hours for 2 to 90 days, days for more.
SHORTEST_RANGE = {"hourly": timedelta(days=3), "daily": timedelta(days=92)}
LONGEST_RANGE = {"hourly": timedelta(days=80), "daily": timedelta(days=36_500)}

CANDLES = {"30m": HOUR // 2, "4h": 4 * HOUR, "4d": 4 * DAY}
# The numbers of days for which CoinGecko sends candles of a length.
CANDLE_DAYS = {"30m": (1,), "4h": (7, 14, 30), "4d": (90, 180, 365)}
CANDLE_FIELDS = ("close_time", "open", "high", "low", "close")


class CoinGeckoMarketChart(CoinGeckoSource):
    """Price, market capitalisation and 24-hour volume."""

    table = raw_table(
        "coingecko",
        "market_chart",
        "CoinGecko market charts as sent. One row per (coin_id, vs_currency, spacing, time).",
        columns={
            "coin_id": text("CoinGecko's id, such as bitcoin"),
            "vs_currency": text("Currency of the values, such as usd"),
            "spacing": text("Distance of points asked for: hourly or daily"),
            "time": integer("Time of the point, as sent", unit="ms since 1970", ge=0),
            "price": number("Price", unit="vs_currency", nullable=True),
            "market_cap": number("Market capitalisation", unit="vs_currency", nullable=True),
            "total_volume": number("Volume of the last 24 hours", unit="vs_currency", nullable=True),
        },
        key=("coin_id", "vs_currency", "spacing", "time"),
    )
    # The last full day is ready some 35 minutes after midnight.
    settles_after = timedelta(hours=1)

    def __init__(self, settings: CoinGeckoSettings, client: HttpClient) -> None:
        super().__init__(settings, client)
        self.reach = DEMO_REACH if settings.key_kind == "demo" else None

    @property
    def step(self) -> str:
        """Distance of points."""
        return self.settings.spacing

    def extract(self, query: CoinQuery) -> Iterator[Reply]:
        """The chart of the window, or of all days where a paid plan begins with everything."""
        common: dict[str, str | int] = {"vs_currency": query.vs_currency, "precision": "full"}
        if query.whole_history and query.step == "daily" and self.reach is None:
            yield self.ask(f"/coins/{query.coin_id}/market_chart", {**common, "days": "max", "interval": "daily"})
            return
        start, last = midnight(query.start), midnight(query.end) + timedelta(days=1)
        if self.reach is not None:
            start = max(start, query.as_of - self.reach + timedelta(hours=1))
        while start < last:
            end = min(last, start + LONGEST_RANGE[query.step])
            # A shorter range would be answered with points at another distance.
            begin = min(start, end - SHORTEST_RANGE[query.step])
            window = {"from": int(begin.timestamp()), "to": int(end.timestamp()) - 1}
            yield self.ask(f"/coins/{query.coin_id}/market_chart/range", {**common, **window})
            start = end

    @classmethod
    def records(cls, content: bytes, query: CoinQuery) -> Sequence[Any]:
        """Points by their stamps, whichever arrays hold them; the newest one is left out while it may change."""
        payload = payload_of(content)
        arrays = {column: payload[key] for column, key in CHART_ARRAYS.items()}
        if not all(isinstance(points, list) for points in arrays.values()):
            raise MalformedReply("sent charts that are no lists")
        by_time: dict[int, dict[str, Any]] = {}
        others: list[Any] = []
        for column, points in arrays.items():
            for point in points:
                if isinstance(point, list) and len(point) == 2 and type(point[0]) is int:
                    by_time.setdefault(point[0], {"time": point[0]})[column] = point[1]
                else:
                    others.append({column: point})
        _drop_unfinished(by_time, GRIDS[query.step], query)
        return [*by_time.values(), *others]

    @classmethod
    def columns(cls, records: Sequence[Mapping[str, Any]], query: CoinQuery) -> Mapping[str, Any]:
        """Points as columns; what an array lacks is missing."""
        return {
            "coin_id": [query.coin_id] * len(records),
            "vs_currency": [query.vs_currency] * len(records),
            "spacing": [query.step] * len(records),
            "time": [record["time"] for record in records],
            **{column: [record.get(column) for record in records] for column in CHART_ARRAYS},
        }

    @classmethod
    def row_dates(cls, rows: pa.Table, query: CoinQuery) -> Any:
        """The UTC day of the point."""
        return _utc_days(rows["time"])


class CoinGeckoOhlc(CoinGeckoSource):
    """Candles; their length decides how far back they reach."""

    table = raw_table(
        "coingecko",
        "ohlc",
        "CoinGecko candles as sent (finished ones only). One row per (coin_id, vs_currency, candle, close_time).",
        columns={
            "coin_id": text("CoinGecko's id, such as bitcoin"),
            "vs_currency": text("Currency of the prices, such as usd"),
            "candle": text("Length of a candle: 30m, 4h or 4d"),
            "close_time": integer("End of the candle, as sent", unit="ms since 1970", ge=0),
            "open": number("First price", unit="vs_currency"),
            "high": number("Highest price", unit="vs_currency"),
            "low": number("Lowest price", unit="vs_currency"),
            "close": number("Last price", unit="vs_currency"),
        },
        key=("coin_id", "vs_currency", "candle", "close_time"),
        rules=("low <= high",),
    )
    settles_after = timedelta(hours=1)

    def __init__(self, settings: CoinGeckoSettings, client: HttpClient) -> None:
        super().__init__(settings, client)
        self.reach = timedelta(days=CANDLE_DAYS[settings.candle][-1])

    @property
    def step(self) -> str:
        """Length of a candle."""
        return self.settings.candle

    def extract(self, query: CoinQuery) -> Iterator[Reply]:
        """One reply: the fewest days until now that hold the window; none where it is out of reach."""
        since = query.as_of - midnight(query.start)
        choices = CANDLE_DAYS[query.step]
        if query.as_of - midnight(query.end) - timedelta(days=1) < timedelta(days=choices[-1]):
            days = next((number for number in choices if timedelta(days=number) >= since), choices[-1])
            params = {"vs_currency": query.vs_currency, "days": days, "precision": "full"}
            yield self.ask(f"/coins/{query.coin_id}/ohlc", params)

    @classmethod
    def records(cls, content: bytes, query: CoinQuery) -> Sequence[Any]:
        """Candles; the one that is still running is left out."""
        rows = payload_of(content)
        if not isinstance(rows, list):
            raise MalformedReply("sent candles that are no list")
        times = {row[0]: None for row in rows if isinstance(row, list) and row and type(row[0]) is int}
        _drop_unfinished(times, CANDLES[query.step], query)
        return [row for row in rows if not (isinstance(row, list) and row and type(row[0]) is int) or row[0] in times]

    @classmethod
    def columns(cls, records: Sequence[Any], query: CoinQuery) -> Mapping[str, Any]:
        """Candles as columns."""
        if any(len(row) != len(CANDLE_FIELDS) for row in records):
            raise ValueError(f"a candle has not {len(CANDLE_FIELDS)} values")
        columns = zip(*records, strict=True) if records else [()] * len(CANDLE_FIELDS)
        return {
            "coin_id": [query.coin_id] * len(records),
            "vs_currency": [query.vs_currency] * len(records),
            "candle": [query.step] * len(records),
            **dict(zip(CANDLE_FIELDS, columns, strict=True)),
        }

    @classmethod
    def row_dates(cls, rows: pa.Table, query: CoinQuery) -> Any:
        """The UTC day that the candle ends; midnight belongs to the day before."""
        import pyarrow.compute as pc

        return _utc_days(pc.subtract(rows["close_time"], 1))


def _utc_days(milliseconds: Any) -> Any:
    import pyarrow.compute as pc

    from atlas_assets.data_sources.parsing import days_since_epoch

    return days_since_epoch(pc.divide(milliseconds, DAY))


def _drop_unfinished(by_time: dict[int, Any], step: int, query: Query) -> None:
    """Leave out what lies after ``as_of``, and the newest point where it is of the moment.

    It is where it lies off the grid and its step still runs; and always where steps are so long that no regular
    point lies far off the grid.
    """
    now = query.as_of.timestamp() * 1000
    for moment in [moment for moment in by_time if moment > now]:
        del by_time[moment]
    newest = max(by_time, default=0)
    if (newest % step and newest > now - step) or (step >= DAY and newest % step > JITTER):
        del by_time[newest]
