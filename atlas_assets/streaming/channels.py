"""The tables that streams fill, and the numbers by which a row is known."""

from __future__ import annotations

from dataclasses import dataclass

from atlas_assets.contracts.raw import RawTable, flag, instant, integer, raw_table, text

Series = tuple[str | int, ...]
"""What rows are numbered within: a symbol, a symbol and an interval, a topic and a partition."""

MILLISECONDS = "ms or µs since 1970"


@dataclass(frozen=True, eq=False)
class Channel:
    """A table that a stream fills.

    Attributes
    ----------
    table
        Where the rows go.
    series
        Columns that name the series of a row.
    number
        SQL of the number that only grows within a series: the position of the stream.
    step
        SQL of the distance to the next number; None where numbers may be left out.
    """

    table: RawTable
    series: tuple[str, ...]
    number: str
    step: str | None = None

    @property
    def source(self) -> str:
        """Whose stream it is."""
        return self.table.asset_key[1]

    @property
    def dataset(self) -> str:
        """What is streamed."""
        return self.table.asset_key[2]


TRADES = Channel(
    raw_table(
        "binance",
        "trade_stream",
        "Binance aggregate trades as streamed, gaps filled over REST. One row per (symbol, agg_trade_id).",
        columns={
            "symbol": text("Binance symbol, such as BTCUSDT"),
            "agg_trade_id": integer("Aggregate trade id, consecutive within a symbol", ge=0),
            "price": text("Price, decimal string"),
            "quantity": text("Base quantity, decimal string"),
            "first_trade_id": integer("First trade in the aggregate; -1 when it was taken back", ge=-1),
            "last_trade_id": integer("Last trade in the aggregate; -1 when it was taken back", ge=-1),
            "transact_time": integer("Time of the trade", unit=MILLISECONDS, ge=0),
            "event_time": integer(
                "When the vendor sent the frame; missing when fetched over REST", unit=MILLISECONDS, nullable=True, ge=0
            ),
            "is_buyer_maker": flag("True when the seller was the aggressor"),
            "is_best_match": flag("Vendor's best-match flag", nullable=True),
            "received_at": instant("When the frame or reply came in (UTC)"),
        },
        key=("symbol", "agg_trade_id"),
        rules=("first_trade_id <= last_trade_id",),
        may_be_empty=True,
    ),
    series=("symbol",),
    number="agg_trade_id",
    step="1",
)

KLINES = Channel(
    raw_table(
        "binance",
        "kline_stream",
        "Binance candles as streamed, finished ones only, gaps filled over REST. One row per "
        "(symbol, interval, open_time).",
        columns={
            "symbol": text("Binance symbol, such as BTCUSDT"),
            "interval": text("Candle length, such as 1m"),
            "open_time": integer("Start of the candle", unit=MILLISECONDS, ge=0),
            "open": text("First price, decimal string"),
            "high": text("Highest price, decimal string"),
            "low": text("Lowest price, decimal string"),
            "close": text("Last price, decimal string"),
            "volume": text("Base volume, decimal string"),
            "close_time": integer("Last instant of the candle", unit=MILLISECONDS, ge=0),
            "quote_volume": text("Quote volume, decimal string"),
            "trades": integer("Number of trades", ge=0),
            "taker_buy_base_volume": text("Base volume bought by takers, decimal string"),
            "taker_buy_quote_volume": text("Quote volume bought by takers, decimal string"),
            "first_trade_id": integer("First trade; -1 without one, missing when fetched over REST", nullable=True),
            "last_trade_id": integer("Last trade; -1 without one, missing when fetched over REST", nullable=True),
            "event_time": integer(
                "When the vendor sent the frame; missing when fetched over REST", unit=MILLISECONDS, nullable=True, ge=0
            ),
            "received_at": instant("When the frame or reply came in (UTC)"),
        },
        key=("symbol", "interval", "open_time"),
        rules=("open_time <= close_time",),
        may_be_empty=True,
    ),
    series=("symbol", "interval"),
    number="if(open_time < 100000000000000, open_time, open_time // 1000)",
    step="(close_time - open_time + 1) // if(open_time < 100000000000000, 1, 1000)",
)

MESSAGES = Channel(
    raw_table(
        "kafka",
        "messages",
        "Kafka messages as received. One row per (topic, partition, offset): the consumer's position.",
        columns={
            "topic": text("Topic"),
            "partition": integer("Number of the topic's partition", ge=0),
            "offset": integer("Offset in the partition", ge=0),
            "key": text("Key, as said by key_encoding", nullable=True),
            "key_encoding": text("utf-8, or base64 where the bytes are no text", nullable=True),
            "value": text("Value, as said by value_encoding; missing for a tombstone", nullable=True),
            "value_encoding": text("utf-8, or base64 where the bytes are no text", nullable=True),
            "headers": text("Headers as a JSON list of name and value (Latin-1)"),
            "timestamp": integer("The message's timestamp", unit="ms since 1970", nullable=True),
            "timestamp_type": text("create, log_append or none"),
            "received_at": instant("When the message came in (UTC)"),
        },
        key=("topic", "partition", "offset"),
        may_be_empty=True,
    ),
    series=("topic", "partition"),
    number='"offset"',
)

CHANNELS = (TRADES, KLINES, MESSAGES)
