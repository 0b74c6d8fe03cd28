"""What a load did, and whether it failed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from atlas_assets.data_sources.client.errors import PermanentError, SourceError
from atlas_assets.data_sources.fields import FormatChanged


@dataclass
class Tally:
    """What a load did.

    Attributes
    ----------
    instruments
        All that the load concerns.
    asked, answered, settled
        Queries sent, those answered, and queries left out because their answer would bring nothing new.
    replies, bytes, rows, quarantined
        What came back.
    revised
        Rows that the lake had and the vendor now says otherwise, or no more.
    rows_read
        Rows that are as documented, whether the lake had them or not.
    new_columns
        Columns for what the vendor added, with the first object that has them.
    renamed
        Fields that may be missing and are in no record, with the new field that is probably each of them.
    failures
        Instruments that did not answer, with the error.
    """

    instruments: set[str] = field(default_factory=set)
    asked: int = 0
    answered: int = 0
    settled: int = 0
    replies: int = 0
    bytes: int = 0
    rows: int = 0
    revised: int = 0
    quarantined: int = 0
    rows_read: int = 0
    new_columns: dict[str, str] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    failures: dict[str, SourceError] = field(default_factory=dict)

    def metadata(self) -> dict[str, Any]:
        """The numbers, as the asset's metadata shows them."""
        return {
            "queries_sent": self.asked,
            "queries_up_to_date": self.settled,
            "replies": self.replies,
            "bytes": self.bytes,
            "rows_revised": self.revised,
            "rows_quarantined": self.quarantined,
            "instruments_missing": len(self.failures),
            **({"new_columns": dg.MetadataValue.json(self.new_columns)} if self.new_columns else {}),
            **({"probably_renamed": dg.MetadataValue.json(self.renamed)} if self.renamed else {}),
            **({"format_changed": dg.MetadataValue.json(self._plans)} if self._plans else {}),
        }

    def failure(self) -> dg.Failure | None:
        """What Dagster has to know: a failure worth a retry, that nothing at all was answered, or another format.

        A reply in another format among others as documented is a gap like any; where none is as documented, the
        vendor has changed its format.
        """
        if not self.failures:
            return None
        passing = any(not isinstance(error, PermanentError) for error in self.failures.values())
        if self._plans and not self.rows_read:
            error = next(error for error in self.failures.values() if isinstance(error, FormatChanged))
            return dg.Failure(
                description=f"The dataset stops, and what the lake has stays: {error} Plan: {error.changes.plan}",
                metadata={"plan": error.changes.plan, "plans": dg.MetadataValue.json(self._plans)},
                allow_retries=passing,
            )
        if not passing and (self.answered or self.failures.keys() < self.instruments):
            return None
        missing = "; ".join(f"{instrument}: {error}" for instrument, error in list(self.failures.items())[:5])
        more = f" and {len(self.failures) - 5} more" if len(self.failures) > 5 else ""
        described = f"{len(self.failures)} of {len(self.instruments)} instruments were not answered: {missing}{more}"
        return dg.Failure(description=described, allow_retries=passing)

    @property
    def _plans(self) -> dict[str, str]:
        """What to do about replies in another format, by instrument."""
        return {
            instrument: error.changes.plan
            for instrument, error in self.failures.items()
            if isinstance(error, FormatChanged)
        }
