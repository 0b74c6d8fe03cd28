"""Silver tables: cleaned, typed, one row per fact, with the four clocks."""

from atlas_assets.contracts.columns import Contract, Date, Number, Text, Utc, column
from atlas_assets.contracts.rules import rule


class Provenance(Contract):
    """Clocks and origin that every silver row carries."""

    event_time: Utc = column("When it happened (UTC)")
    published_at: Utc = column("When the world could know it (UTC)")
    ingested_at: Utc = column("When the lake received it (UTC)")
    source: Text = column("Source the row was taken from")
    object_id: Text = column("SHA-256 of the stored reply the row was read from")


class Instruments(Contract):
    """What is traded. One row per instrument; a ticker is data, ``instrument_id`` is the identity."""

    instrument_id: Text = column("Surrogate id, stable across ticker changes")
    symbol: Text = column("Ticker without exchange suffix")
    vendor_symbol: Text = column("Symbol as the source writes it")
    source: Text = column("Source that names the instrument so")
    instrument_type: Text = column("index, equity or crypto_pair", isin=["index", "equity", "crypto_pair"])
    venue: Text = column("Exchange or index family")
    currency: Text = column("Currency of its prices, ISO 4217 or the crypto quote asset")
    first_session: Date = column("First session with a bar or trade")
    last_session: Date = column("Last session with a bar or trade")

    sessions_in_order = rule("first_session <= last_session")

    class Config(Contract.Config):
        unique = ["instrument_id"]


class DailyBars(Provenance):
    """Daily bars of every instrument. One row per (instrument_id, session_date).

    Crypto days are UTC days built from candles. Prices are as traded (raw); the only adjusted
    column says so in its name.
    """

    instrument_id: Text = column("Surrogate instrument id")
    symbol: Text = column("Ticker without exchange suffix")
    session_date: Date = column("Session date in the venue's calendar")
    open_raw: Number = column("Opening price as traded", unit="quote currency", gt=0, nullable=True)
    high_raw: Number = column("Highest price as traded", unit="quote currency", gt=0, nullable=True)
    low_raw: Number = column("Lowest price as traded", unit="quote currency", gt=0, nullable=True)
    close_raw: Number = column("Closing price as traded", unit="quote currency", gt=0)
    close_total_return_adj: Number = column(
        "Closing price adjusted for splits and dividends by the source", unit="quote currency", gt=0, nullable=True
    )
    volume_raw: Number = column("Traded volume", unit="units of the instrument", ge=0, nullable=True)
    currency: Text = column("Currency of the prices")

    high_at_least_open = rule("high_raw >= open_raw")
    high_at_least_low = rule("high_raw >= low_raw")
    high_at_least_close = rule("high_raw >= close_raw")
    low_at_most_open = rule("low_raw <= open_raw")
    low_at_most_close = rule("low_raw <= close_raw")

    class Config(Contract.Config):
        unique = ["instrument_id", "session_date"]


class Trades(Provenance):
    """Trades with the aggressor's side. One row per (instrument_id, trade_id)."""

    instrument_id: Text = column("Surrogate instrument id")
    symbol: Text = column("Ticker")
    trade_id: Text = column("Trade id of the venue")
    session_date: Date = column("UTC day of the trade")
    price: Number = column("Price", unit="quote currency", gt=0)
    quantity: Number = column("Quantity", unit="base units", gt=0)
    notional_usd: Number = column("Price times quantity; USDT counts as USD", unit="USD", gt=0)
    aggressor_side: Text = column("Side of the taker as the exchange says it", isin=["buy", "sell"])

    class Config(Contract.Config):
        unique = ["instrument_id", "trade_id"]


class MacroObservations(Provenance):
    """Macro series with vintages. One row per (series_id, frequency, period, known_from).

    Read as of a day with ``known_from <= day and day <= known_to``. A missing value is null, a
    withdrawn one is a null that replaces a number.
    """

    series_id: Text = column("Series of the source")
    frequency: Text = column("Frequency: d, m, q or the series' own when empty")
    period: Date = column("First day of the period observed")
    value: Number = column("Value in the series' own units", nullable=True)
    known_from: Date = column("First day on which this value was the published one")
    known_to: Date = column("Last such day; 9999-12-31 while it still is")

    validity_in_order = rule("known_from <= known_to")

    class Config(Contract.Config):
        unique = ["series_id", "frequency", "period", "known_from"]


class Documents(Provenance):
    """News articles, markup removed. One row per document."""

    document_id: Text = column("Surrogate id from feed and entry id")
    feed: Text = column("Feed it came from")
    session_date: Date = column("UTC day of publication")
    language: Text = column("Language, ISO 639-1; und when unknown")
    author: Text = column("Author as sent", nullable=True)
    title: Text = column("Title without markup")
    body: Text = column("Text without markup", nullable=True)
    url: Text = column("Address of the article", nullable=True)

    class Config(Contract.Config):
        unique = ["document_id"]


class FearGreed(Provenance):
    """Fear & Greed index. One row per (source, session_date)."""

    session_date: Date = column("UTC day the index speaks of")
    value: Number = column("Index, 0 extreme fear to 100 extreme greed", unit="index points", ge=0, le=100)
    classification: Text = column("Label of the source")

    class Config(Contract.Config):
        unique = ["source", "session_date"]
