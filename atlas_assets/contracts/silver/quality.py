"""Silver tables about the data itself: what is not believed, and what became of what was expected."""

from atlas_assets.contracts.columns import Contract, Date, Integer, Text, Utc, column
from atlas_assets.contracts.rules import rule


class Quarantine(Contract):
    """Rows that were set aside, with the reason and what was decided. One row per (quarantine_id)."""

    quarantine_id: Text = column("Names the row, its object and what is wrong with it")
    dataset: Text = column("Raw table whose reader refused the row, or silver.daily_bars_by_source")
    source: Text = column("Source of the row")
    object_id: Text = column("SHA-256 of the stored reply the row stands in")
    row_number: Integer = column(
        "Place of the row in the object, from 1; 0 where the object holds one bar of a session"
    )
    symbol: Text = column("Ticker", nullable=True)
    session_date: Date = column("Session", nullable=True)
    rule: Text = column("What the row breaks")
    reason: Text = column("The same as a sentence")
    content: Text = column("The row as JSON, or its beginning")
    state: Text = column("open, released or rejected", isin=["open", "released", "rejected"])
    note: Text = column("Why it was decided so", nullable=True)
    decided_by: Text = column("Who decided", nullable=True)
    decided_at: Utc = column("When it was decided (UTC)", nullable=True)
    ingested_at: Utc = column("When the lake received the row (UTC)")

    class Config(Contract.Config):
        unique = ["quarantine_id"]


class Reconciliation(Contract):
    """Daily bars that were expected, came, and were believed. One row per (source, venue, session_date)."""

    source: Text = column("Source of the bars")
    venue: Text = column("Venue of the instruments")
    session_date: Date = column("Session")
    expected: Integer = column("Instruments that the source has bars of before and after, or on, the session", ge=0)
    received: Integer = column("Bars received", ge=0)
    missing: Integer = column("Bars expected and not received", ge=0)
    quarantined: Integer = column("Bars not believed", ge=0)
    different: Integer = column("Bars of which another source has another price", ge=0)
    suspected: Integer = column("Bars worth a look: missing splits and outliers", ge=0)

    all_received_were_expected = rule("received <= expected")

    class Config(Contract.Config):
        unique = ["source", "venue", "session_date"]
