"""What every silver row carries."""

from atlas_assets.contracts.columns import Contract, Text, Utc, column


class Provenance(Contract):
    """Clocks and origin that every silver row carries."""

    event_time: Utc = column("When it happened (UTC)")
    published_at: Utc = column("When the world could know it (UTC)")
    ingested_at: Utc = column("When the lake received it (UTC)")
    source: Text = column("Source the row was taken from")
    object_id: Text = column("SHA-256 of the stored reply the row was read from")
