"""Silver table of the sessions of exchanges."""

from atlas_assets.contracts.columns import Contract, Date, Flag, Text, Utc, column
from atlas_assets.contracts.rules import rule


class Sessions(Contract):
    """Regular sessions of exchanges, past and to come. One row per (calendar, session_date)."""

    calendar: Text = column("Market identifier code (ISO 10383) of the exchange; XNYS for all of the US")
    session_date: Date = column("Day of the session in the exchange's time zone")
    opens_at: Utc = column("Start of the regular session (UTC)")
    closes_at: Utc = column("End of the regular session (UTC)")
    is_half_day: Flag = column("Whether the session ends early")

    opens_before_it_closes = rule("opens_at <= closes_at")

    class Config(Contract.Config):
        unique = ["calendar", "session_date"]
