"""Silver tables of what is traded: instruments, bars and trades."""

from atlas_assets.contracts.columns import Contract, Date, Integer, Number, Text, column
from atlas_assets.contracts.rules import rule
from atlas_assets.contracts.silver.provenance import Provenance


class TickerHistory(Contract):
    """Who held which ticker when. One row per (venue, symbol, valid_from)."""

    instrument_id: Text = column("Surrogate instrument id")
    venue: Text = column("Exchange or country of exchanges whose tickers these are; an index family; a crypto exchange")
    symbol: Text = column("Ticker without exchange suffix")
    valid_from: Date = column("First day on which the ticker meant the instrument")
    valid_to: Date = column("Last such day; 9999-12-31 while it still does")
    evidence: Text = column(
        "listed: a history of tickers says so; unlisted: it speaks of the ticker but not of these days; prices: a "
        "ticker that was silent for long and came back at another price is another instrument",
        isin=["listed", "unlisted", "prices"],
    )
    instrument_type: Text = column("index, equity or crypto_pair", isin=["index", "equity", "crypto_pair"])
    currency: Text = column("Currency of its prices", nullable=True)
    first_session: Date = column("First session with a bar or trade under the ticker")
    last_session: Date = column("Last session with a bar or trade under the ticker")

    validity_in_order = rule("valid_from <= valid_to")
    sessions_in_order = rule("first_session <= last_session")

    class Config(Contract.Config):
        unique = ["venue", "symbol", "valid_from"]


class Instruments(Contract):
    """What is traded. One row per (instrument_id)."""

    instrument_id: Text = column("Surrogate id, stable across ticker changes")
    symbol: Text = column("Ticker that it had last, without exchange suffix")
    name: Text = column("Name of the security", nullable=True)
    isin: Text = column("International securities identification number", nullable=True)
    instrument_type: Text = column("index, equity or crypto_pair", isin=["index", "equity", "crypto_pair"])
    venue: Text = column("Exchange or country of exchanges whose tickers these are; an index family; a crypto exchange")
    currency: Text = column("Currency of its prices, ISO 4217 or the crypto quote asset; XXX when unknown")
    first_session: Date = column("First session with a bar or trade")
    last_session: Date = column("Last session with a bar or trade")
    delisted_on: Date = column("Last session of an instrument that no longer trades", nullable=True)

    sessions_in_order = rule("first_session <= last_session")

    class Config(Contract.Config):
        unique = ["instrument_id"]


class CorporateActions(Provenance):
    """Splits, dividends and spin-offs, as each source tells them. One row per (instrument_id, ex_date, action, source).

    Prices are adjusted as of a day from the rows of rank 1 (`point_in_time.adjusted_prices`), never stored adjusted.
    """

    instrument_id: Text = column("Surrogate instrument id")
    venue: Text = column("Venue whose tickers these are")
    symbol: Text = column("Ticker")
    ex_date: Date = column("First session that trades without the right")
    action: Text = column(
        "split, dividend, spin_off or class_split", isin=["split", "dividend", "spin_off", "class_split"]
    )
    ratio: Number = column("New shares for an old one, of a split", gt=0, nullable=True)
    amount: Number = column("Value a share that leaves", unit="currency", gt=0, nullable=True)
    currency: Text = column("Currency of the amount; XXX when unknown")
    announced_on: Date = column("Day of the announcement", nullable=True)
    rank: Integer = column("1 for the source that is believed, 2 and more for the others", ge=1)

    class Config(Contract.Config):
        unique = ["instrument_id", "ex_date", "action", "source"]


class _Bar(Provenance):
    """Prices as traded."""

    instrument_id: Text = column("Surrogate instrument id")
    symbol: Text = column("Ticker without exchange suffix")
    session_date: Date = column("Session date in the venue's calendar")
    open_raw: Number = column("Opening price as traded", unit="quote currency", gt=0, nullable=True)
    high_raw: Number = column("Highest price as traded", unit="quote currency", gt=0, nullable=True)
    low_raw: Number = column("Lowest price as traded", unit="quote currency", gt=0, nullable=True)
    close_raw: Number = column("Closing price as traded", unit="quote currency", gt=0)
    volume_raw: Number = column("Traded volume", unit="units of the instrument", ge=0, nullable=True)
    currency: Text = column("Currency of the prices")
    outlier_score: Number = column(
        "Size of the move since the session before, in robust standard deviations of the weeks before it",
        ge=0,
        nullable=True,
    )
    suspicion: Text = column(
        "Why the bar is worth a look, though it stays: missing_split, sources_differ or outlier",
        nullable=True,
        isin=["missing_split", "sources_differ", "outlier"],
    )


class DailyBarsBySource(_Bar):
    """Daily bars as each source tells them, judged. One row per (instrument_id, session_date, source).

    A bar with a fault is in quarantine: it is not among `daily_bars` unless somebody released it.
    """

    venue: Text = column("Venue whose tickers these are")
    close_vendor_adj: Number = column(
        "Closing price as the source adjusts it, to be compared with and never used",
        unit="quote currency",
        gt=0,
        nullable=True,
    )
    fault: Text = column(
        "Why the bar is not believed: currency, decimal_slip, price_level, sources_differ or repeated_day",
        nullable=True,
        isin=["currency", "decimal_slip", "price_level", "sources_differ", "repeated_day"],
    )
    rank: Integer = column("1 for the source that daily_bars takes, 2 and more for the others", ge=1, nullable=True)
    row_number: Integer = column("Row of the dropped file; 0 where the object holds one bar of a session", ge=0)

    class Config(Contract.Config):
        unique = ["instrument_id", "session_date", "source"]


class DailyBars(_Bar):
    """Daily bars of every instrument. One row per (instrument_id, session_date).

    The bar of the best source without a fault. Prices are as traded: `point_in_time.adjusted_prices` adjusts them
    for splits and dividends as of any day. Crypto days are UTC days built from candles.
    """

    high_at_least_open = rule("high_raw >= open_raw")
    high_at_least_low = rule("high_raw >= low_raw")
    high_at_least_close = rule("high_raw >= close_raw")
    low_at_most_open = rule("low_raw <= open_raw")
    low_at_most_close = rule("low_raw <= close_raw")

    class Config(Contract.Config):
        unique = ["instrument_id", "session_date"]
