"""Raw tables: what a vendor said, column by column as sent, with the object it came from.

Prices and quantities that the vendor sends as strings stay strings, ``"."`` stays ``"."``.
``partition_date`` is the daily partition that loaded the row.
"""

from atlas_assets.contracts.columns import Contract, Date, Flag, Integer, Number, Text, Utc, column
from atlas_assets.contracts.rules import rule


class RawContract(Contract):
    """Columns that every raw table carries."""

    partition_date: Date = column("Daily partition that loaded the row")
    object_id: Text = column(
        "SHA-256 of the stored reply the row was read from", str_length={"min_value": 64, "max_value": 64}
    )
    ingested_at: Utc = column("When the reply was received (UTC)")


class Objects(Contract):
    """Every stored reply: where its bytes lie, what was asked, what came back, who asked.

    One row per (object, request). Secrets never appear in ``request``.
    """

    object_id: Text = column("SHA-256 of the reply as received", str_length={"min_value": 64, "max_value": 64})
    path: Text = column("Path below the object store's root")
    source: Text = column("Source that sent it")
    dataset: Text = column("Dataset of that source")
    request: Text = column("Method, URL and parameters as JSON, secrets redacted")
    status: Integer = column("HTTP status; 0 for a file", ge=0)
    headers: Text = column("Reply headers that matter, as JSON")
    window_start: Utc = column("Start of the period asked for", nullable=True)
    window_end: Utc = column("End of the period asked for", nullable=True)
    fetched_at: Utc = column("When the reply was received (UTC)")
    bytes: Integer = column("Size of the reply as received", unit="bytes", ge=0)
    rows: Integer = column("Rows read from the reply", ge=0, nullable=True)
    run_id: Text = column("Dagster run that stored it")

    window_in_order = rule("window_start <= window_end")


class EodhdEod(RawContract):
    """EODHD end-of-day bars as sent. One row per (symbol, date).

    Open, high, low and close are unadjusted, ``adjusted_close`` is split and dividend adjusted,
    ``volume`` is split adjusted.
    """

    symbol: Text = column("Vendor symbol with exchange suffix, such as GSPC.INDX")
    date: Date = column("Session date in the exchange's calendar")
    open: Number = column("Opening price, unadjusted", unit="quote currency", nullable=True)
    high: Number = column("Highest price, unadjusted", unit="quote currency", nullable=True)
    low: Number = column("Lowest price, unadjusted", unit="quote currency", nullable=True)
    close: Number = column("Closing price, unadjusted", unit="quote currency", nullable=True)
    adjusted_close: Number = column("Closing price, split and dividend adjusted", unit="quote currency", nullable=True)
    volume: Number = column("Traded volume, split adjusted by the vendor", unit="shares", nullable=True)

    class Config(Contract.Config):
        unique = ["symbol", "date"]


class FredObservations(RawContract):
    """FRED observations with their validity intervals. One row per (series, date, realtime_start)."""

    series_id: Text = column("FRED series")
    frequency: Text = column("Frequency asked for: d, m, q or the series' own when empty")
    date: Date = column("First day of the period observed")
    value: Text = column('Value as sent; "." is missing')
    realtime_start: Date = column("First day on which this value was the published one")
    realtime_end: Date = column("Last such day; 9999-12-31 while it still is")

    validity_in_order = rule("realtime_start <= realtime_end")

    class Config(Contract.Config):
        unique = ["series_id", "frequency", "date", "realtime_start"]


class BinanceKlines(RawContract):
    """Binance candles as sent (finished ones only). One row per (symbol, interval, open_time)."""

    symbol: Text = column("Binance symbol, such as BTCUSDT")
    interval: Text = column("Candle length, such as 1m")
    open_time: Integer = column("Start of the candle", unit="ms or µs since 1970", ge=0)
    open: Text = column("First price, decimal string")
    high: Text = column("Highest price, decimal string")
    low: Text = column("Lowest price, decimal string")
    close: Text = column("Last price, decimal string")
    volume: Text = column("Base volume, decimal string")
    close_time: Integer = column("Last instant of the candle", unit="ms or µs since 1970", ge=0)
    quote_volume: Text = column("Quote volume, decimal string")
    trades: Integer = column("Number of trades", ge=0)
    taker_buy_base_volume: Text = column("Base volume bought by takers, decimal string")
    taker_buy_quote_volume: Text = column("Quote volume bought by takers, decimal string")

    candle_in_order = rule("open_time <= close_time")

    class Config(Contract.Config):
        unique = ["symbol", "interval", "open_time"]


class BinanceAggTrades(RawContract):
    """Binance aggregate trades as sent. One row per (symbol, agg_trade_id)."""

    symbol: Text = column("Binance symbol, such as BTCUSDT")
    agg_trade_id: Integer = column("Aggregate trade id", ge=0)
    price: Text = column("Price, decimal string")
    quantity: Text = column("Base quantity, decimal string")
    first_trade_id: Integer = column("First trade in the aggregate", ge=0)
    last_trade_id: Integer = column("Last trade in the aggregate", ge=0)
    transact_time: Integer = column("Time of the trade", unit="ms or µs since 1970", ge=0)
    is_buyer_maker: Flag = column("True when the seller was the aggressor")
    is_best_match: Flag = column("Vendor's best-match flag", nullable=True)

    trades_in_order = rule("first_trade_id <= last_trade_id")

    class Config(Contract.Config):
        unique = ["symbol", "agg_trade_id"]


class AlternativeMeFearGreed(RawContract):
    """Crypto Fear & Greed index of alternative.me as sent. One row per timestamp."""

    timestamp: Text = column("Seconds since 1970, as a string")
    value: Text = column("Index value 0-100, as a string")
    value_classification: Text = column("Vendor's label, such as Extreme Fear")

    class Config(Contract.Config):
        unique = ["timestamp"]


class RssArticles(RawContract):
    """Entries of RSS and Atom feeds as sent. One row per (feed, entry_id)."""

    feed: Text = column("Name of the feed in the configuration")
    entry_id: Text = column("guid or id of the entry, else its link")
    link: Text = column("Address of the article", nullable=True)
    title: Text = column("Title as sent, markup included", nullable=True)
    summary: Text = column("Summary or content as sent, markup included", nullable=True)
    author: Text = column("Author as sent", nullable=True)
    published: Text = column("Publication date as sent", nullable=True)
    published_at: Utc = column("Publication date read from it (UTC); missing when unreadable", nullable=True)
    language: Text = column("Language of the feed as sent", nullable=True)

    class Config(Contract.Config):
        unique = ["feed", "entry_id"]


class LandingDailyBars(RawContract):
    """Daily bars from files dropped into the landing folder. One row per (file, row)."""

    file_name: Text = column("Name of the dropped file")
    row_number: Integer = column("Position of the row in the file, from 1", ge=1)
    symbol: Text = column("Symbol as written in the file")
    date: Date = column("Session date")
    open: Number = column("Opening price", unit="quote currency", nullable=True)
    high: Number = column("Highest price", unit="quote currency", nullable=True)
    low: Number = column("Lowest price", unit="quote currency", nullable=True)
    close: Number = column("Closing price", unit="quote currency")
    volume: Number = column("Traded volume", nullable=True)

    class Config(Contract.Config):
        unique = ["object_id", "row_number"]
