"""Versions of tables whose commits record none, such as dbt's, remembered beside the catalog."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from atlas_assets.lake import history
from atlas_assets.lake.feed import followed_fingerprint
from atlas_assets.lake.hashing import Fingerprint

if TYPE_CHECKING:
    import duckdb


class Known(NamedTuple):
    """The fingerprint of a table at a snapshot; the time tells the snapshot from one of another lake in this place."""

    snapshot: int
    time: str
    fingerprint: str


class Versions:
    """What is known of tables, in a file that may be lost or written by several: it only saves reading tables again."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def fingerprints(
        self, cursor: duckdb.DuckDBPyConnection, tables: Collection[str], snapshot: int
    ) -> dict[str, Fingerprint]:
        """Return the fingerprints of tables at a snapshot, of those that there were: recorded, known, or followed."""
        changes = history.last_changes(cursor, snapshot)
        found = {table: history.recorded_fingerprint(changes[table], table) for table in tables if table in changes}
        unrecorded = [table for table, recorded in found.items() if recorded is None]
        remembered = self._read() if unrecorded else {}
        asked = {snapshot, *(known.snapshot for known in remembered.values())}
        times = history.snapshot_times(cursor, asked) if unrecorded else {}
        for table in unrecorded:
            known = remembered.get(table)
            if known is not None and times.get(known.snapshot) != known.time:
                known = None
            changed = changes[table].snapshot
            if known is not None and changed is not None and changed <= known.snapshot <= snapshot:
                found[table] = Fingerprint.parse(known.fingerprint)
                continue
            found[table] = told = _followed(cursor, table, known, snapshot)
            if snapshot in times and (known is None or known.snapshot < snapshot):
                self._remember(table, Known(snapshot, times[snapshot], str(told)))
        return {table: fingerprint for table, fingerprint in found.items() if fingerprint is not None}

    def _read(self) -> dict[str, Known]:
        try:
            return {table: Known(*known) for table, known in json.loads(self._file.read_text()).items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def _remember(self, table: str, known: Known) -> None:
        written = self._file.with_suffix(f".{os.getpid()}")
        with suppress(OSError):  # who may only read reads the table again
            written.write_text(json.dumps({**self._read(), table: known}))
            written.replace(self._file)


def _followed(cursor: duckdb.DuckDBPyConnection, table: str, known: Known | None, snapshot: int) -> Fingerprint:
    """From the fingerprint known last and the rows that came and went since, if possible; else from all rows."""
    before = Fingerprint() if known is None else Fingerprint.parse(known.fingerprint)
    followed = None
    if known is not None and before.rows:
        followed = followed_fingerprint(cursor, table, known.snapshot, before, snapshot)
    return history.computed_fingerprint(cursor, table, snapshot=snapshot) if followed is None else followed
