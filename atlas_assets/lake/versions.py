"""Versions of tables whose commits record none, such as dbt's, remembered beside the catalog."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from atlas_assets.lake import history
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

    def fingerprint(self, cursor: duckdb.DuckDBPyConnection, table: str, snapshot: int) -> Fingerprint:
        """Return a table's fingerprint: from the one known last and the rows that came and went since, if possible."""
        known, found = self._read().get(table), None
        if known is not None and history.snapshot_time(cursor, known.snapshot) == known.time:
            before = Fingerprint.parse(known.fingerprint)
            found = history.followed_fingerprint(cursor, table, known.snapshot, before, snapshot)
            if known.snapshot >= snapshot:
                return found or history.computed_fingerprint(cursor, table, snapshot=snapshot)
        if found is None:
            found = history.computed_fingerprint(cursor, table, snapshot=snapshot)
        time = history.snapshot_time(cursor, snapshot)
        if time is not None:
            self._remember(table, Known(snapshot, time, str(found)))
        return found

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
