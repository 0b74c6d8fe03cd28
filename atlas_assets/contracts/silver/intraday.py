"""Silver tables of what happens within a session: trades and intraday bars."""

from atlas_assets.contracts.columns import Date, Flag, Integer, Number, Text, Utc, column
from atlas_assets.contracts.rules import rule
from atlas_assets.contracts.silver.provenance import Provenance

SIDE_METHODS = ["exchange", "lee_ready", "tick_rule", "unknown"]
CALENDARS = ["XNYS", "24/7"]


class Trades(Provenance):
    """Trades with the aggressor's side. One row per (instrument_id, session_date, source, trade_id).

    A trade that was cancelled is left out, one that the vendor only doubts stays and says so.
    """

    instrument_id: Text = column("Surrogate instrument id")
    symbol: Text = column("Ticker")
    trade_id: Text = column("Trade id of the venue; of a file without ids, its object's id and the row's number")
    sequence: Integer = column("Order of the trades of one instant")
    session_date: Date = column("Day of the trade in its calendar: in New York for XNYS, else in UTC")
    calendar: Text = column("Calendar of the venue", isin=CALENDARS)
    exchange: Text = column("Code of the exchange as sent", nullable=True)
    price: Number = column("Price", unit="quote currency", gt=0)
    quantity: Number = column("Quantity", unit="base units", gt=0)
    currency: Text = column("Currency of the price, ISO 4217 or the crypto quote asset")
    notional: Number = column("Price times quantity", unit="quote currency", gt=0)
    notional_usd: Number = column(
        "Price times quantity; dollar coins count as USD, missing for other currencies", unit="USD", gt=0, nullable=True
    )
    aggressor_side: Text = column(
        "Side of the taker; missing when it is not known", isin=["buy", "sell"], nullable=True
    )
    side_method: Text = column(
        "How the side is known: exchange (as sent), lee_ready (quote, at the mid the tick rule), tick_rule or unknown",
        isin=SIDE_METHODS,
    )
    is_suspicious: Flag = column("Whether the vendor doubts the trade")
    conditions: Text = column("Sale conditions as sent", nullable=True)

    class Config(Provenance.Config):
        unique = ["instrument_id", "session_date", "source", "trade_id"]


class IntradayBars(Provenance):
    """Intraday bars, unadjusted, each source's own. One row per (instrument_id, interval_seconds, bar_open, source).

    Sources that name a bar by its close are turned: a bar holds ``bar_open <= time < bar_close``.
    """

    instrument_id: Text = column("Surrogate instrument id")
    symbol: Text = column("Ticker without exchange suffix")
    interval_seconds: Integer = column("Length of the bar", unit="s", gt=0)
    bar_open: Utc = column("First instant of the bar (UTC)")
    bar_close: Utc = column("First instant after the bar (UTC): when its values are known")
    session_date: Date = column("Day of the bar's opening in its calendar: in New York for XNYS, else in UTC")
    calendar: Text = column("Calendar of the venue; missing when it is not known", isin=CALENDARS, nullable=True)
    is_regular_session: Flag = column(
        "Whether the bar opens within the regular session; missing when the calendar is not known", nullable=True
    )
    open_raw: Number = column("First price as traded", unit="quote currency", gt=0, nullable=True)
    high_raw: Number = column("Highest price as traded", unit="quote currency", gt=0, nullable=True)
    low_raw: Number = column("Lowest price as traded", unit="quote currency", gt=0, nullable=True)
    close_raw: Number = column("Last price as traded", unit="quote currency", gt=0)
    volume_raw: Number = column("Volume that the source saw", unit="units of the instrument", ge=0, nullable=True)
    vwap_raw: Number = column("Volume-weighted average price", unit="quote currency", gt=0, nullable=True)
    trade_count: Integer = column("Trades that the source saw", ge=0, nullable=True)
    currency: Text = column("Currency of the prices, ISO 4217 or the crypto quote asset; XXX when it is not known")

    bar_opens_before_it_closes = rule("bar_open <= bar_close")
    high_at_least_open = rule("high_raw >= open_raw")
    high_at_least_low = rule("high_raw >= low_raw")
    high_at_least_close = rule("high_raw >= close_raw")
    low_at_most_open = rule("low_raw <= open_raw")
    low_at_most_close = rule("low_raw <= close_raw")

    class Config(Provenance.Config):
        unique = ["instrument_id", "interval_seconds", "bar_open", "source"]
