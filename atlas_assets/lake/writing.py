# pyarrow has no type stubs.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownLambdaType=false, reportMissingTypeStubs=false, reportAttributeAccessIssue=false
"""Writes: each is one transaction that makes a window of a table what it should be, and says who did it."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from atlas_assets.lake import failpoints
from atlas_assets.lake.errors import LakeError
from atlas_assets.lake.hashing import Fingerprint, RowHashes, canonical, hash_sorted, sort_rows
from atlas_assets.lake.history import (
    BATCH_ROWS,
    computed_fingerprint,
    current_snapshot,
    last_changes,
    recorded_fingerprint,
)
from atlas_assets.lake.identifiers import quote_identifier, quote_table, split_table
from atlas_assets.lake.ledgers import Record, append_lines
from atlas_assets.lake.objects import sync
from atlas_assets.lake.ranges import Bound, range_condition
from atlas_assets.lake.schema import sql_type
from atlas_assets.lake.tables import ensure_table

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa


MOST_FILES = 8
"""In which a window's rows may lie before a write makes them one file again."""


@dataclass(frozen=True)
class Window:
    """The rows that a write replaces: `column` between `start` and `end`, both included.

    `among` narrows them to those whose value of a (text) column is one of some values.
    """

    column: str
    start: Bound = None
    end: Bound = None
    among: tuple[str, tuple[str, ...]] | None = None


@dataclass(frozen=True)
class CommitInfo:
    """Who commits what, from which inputs (name to version) as of which snapshot, by which code."""

    run_id: str
    asset: str
    partition: str | None = None
    code_version: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    snapshot_read: int | None = None
    author: str = "atlas"

    @property
    def message(self) -> str:
        """The commit message."""
        return f"{self.asset} {self.partition}" if self.partition else self.asset


@dataclass(frozen=True)
class WriteResult:
    """What a write did.

    `version` is the content hash of the written rows, `table_version` identifies the content of the whole table.
    Without a change, `snapshot_id` is the snapshot that the write found. Of the rows, those that the table had already
    are neither `added` nor `removed`.
    """

    table: str
    rows: int
    version: str
    changed: bool
    snapshot_id: int
    table_version: str
    added: int = 0
    removed: int = 0


@dataclass(frozen=True)
class Batch:
    """Rows that are ready to be written: sorted by their keys, and hashed together and one by one."""

    rows: pa.Table
    version: str
    hashes: RowHashes

    @classmethod
    def of(cls, conformed: pa.Table, keys: Sequence[str]) -> Batch:
        """Prepare rows; nothing here needs the lock."""
        rows = sort_rows(canonical(conformed), keys)
        with ThreadPoolExecutor(1) as beside:
            version = beside.submit(hash_sorted, rows)
            hashes = RowHashes.of(rows)
            return cls(rows, version.result(), hashes)


@contextmanager
def transaction(cursor: duckdb.DuckDBPyConnection) -> Generator[None]:
    """One transaction, committed by the caller; whatever it left open is rolled back."""
    cursor.execute("BEGIN")
    try:
        yield
    finally:
        # After the caller's commit there is nothing to roll back, and the engine says so.
        with suppress(duckdb.Error):
            cursor.execute("ROLLBACK")


def replace_window(
    cursor: duckdb.DuckDBPyConnection,
    table: str,
    batch: Batch,
    schema: pa.Schema,
    window: Window | Sequence[Window] | None,
    *,
    commit: CommitInfo,
    records: Sequence[Record],
    tables_folder: Path,
    recorded_at: datetime,
    before_commit: Callable[[], None],
) -> WriteResult:
    """Take away the windows' rows that differ and add those that lack; the caller holds the commit lock.

    Parameters
    ----------
    before_commit
        Called when all is ready; what it raises stops the commit.
    """
    with transaction(cursor):
        failpoints.hit("write.begun")
        columns_changed = ensure_table(cursor, table, schema)
        failpoints.hit("write.table_ensured")
        windows = [window] if isinstance(window, Window) else window
        where, parameters = _condition(schema, table, windows)
        cursor.register("incoming", batch.rows)
        if windows:
            _refuse_rows_outside(cursor, table, windows, where, parameters)
        stored = _StoredRows.of(cursor, table, where, parameters)
        found, wanted = stored.hashes.fingerprint, batch.hashes.fingerprint
        table_version = str(_whole_table(cursor, table, windows, found) - found + wanted)
        change = _Change.between(stored, batch)
        if change.leaves_parts(found.rows) and _files_of(cursor, table, where, parameters) >= MOST_FILES:
            change = _Change(stored.numbers, batch.rows)
        failpoints.hit("write.compared")
        files_before = _files(tables_folder, table)
        if change.leave.size:
            _delete(cursor, table, change.leave, where, parameters, all_of_them=change.leave.size == found.rows)
        failpoints.hit("write.deleted")
        if change.enter.num_rows:
            _insert(cursor, table, change.enter)
        failpoints.hit("write.inserted")
        rows_changed = bool(change.leave.size or change.enter.num_rows)
        added = append_lines(cursor, records)
        failpoints.hit("write.recorded")
        if rows_changed or columns_changed or added:
            _sync(_files(tables_folder, table) - files_before)
            failpoints.hit("write.synced")
            record = {
                "run_id": commit.run_id,
                "asset": commit.asset,
                "partition": commit.partition,
                "code_version": commit.code_version,
                "inputs": dict(commit.inputs),
                "snapshot_read": commit.snapshot_read,
                "table": table,
                "rows": batch.rows.num_rows,
                "version": batch.version,
                "table_version": table_version,
                "recorded_at": recorded_at.isoformat(),
            }
            cursor.execute(
                "CALL lake.set_commit_message(?, ?, extra_info => ?)",
                [commit.author, commit.message, json.dumps(record)],
            )
            failpoints.hit("write.message_set")
            before_commit()
            cursor.execute("COMMIT")
            failpoints.hit("write.committed")
        else:
            cursor.execute("ROLLBACK")
    result = WriteResult(
        table=table,
        rows=batch.rows.num_rows,
        version=batch.version,
        changed=rows_changed or columns_changed,
        snapshot_id=current_snapshot(cursor),
        table_version=table_version,
        added=change.enter.num_rows,
        removed=change.leave.size,
    )
    failpoints.hit("write.done")
    return result


@dataclass(frozen=True)
class _StoredRows:
    """Rows that the lake has: the engine's number of each, and their hashes."""

    numbers: npt.NDArray[np.int64]
    hashes: RowHashes

    @classmethod
    def of(cls, cursor: duckdb.DuckDBPyConnection, table: str, where: str, parameters: list[object]) -> _StoredRows:
        import numpy as np
        import pyarrow as pa

        query = f"SELECT rowid AS row_number, * FROM {quote_table(table)}{where}"
        numbers, hashes = [np.empty(0, np.int64)], list[RowHashes]()
        for batch in cursor.execute(query, parameters).to_arrow_reader(BATCH_ROWS):
            rows = pa.Table.from_batches([batch])
            numbers.append(rows.column(0).to_numpy())
            hashes.append(RowHashes.of(rows.remove_column(0)))
        return cls(np.concatenate(numbers), RowHashes.together(hashes))


@dataclass(frozen=True)
class _Change:
    """What a write does: the engine's numbers of the rows that leave, and the rows that enter."""

    leave: npt.NDArray[np.int64]
    enter: pa.Table

    @classmethod
    def between(cls, stored: _StoredRows, batch: Batch) -> _Change:
        """The rows that differ; all, where most of the stored ones do."""
        if stored.hashes.fingerprint == batch.hashes.fingerprint:
            return cls(stored.numbers[:0], batch.rows.slice(0, 0))
        gone, new = stored.hashes.differences(batch.hashes)
        if 2 * gone.sum() > gone.size:
            return cls(stored.numbers, batch.rows)
        return cls(stored.numbers[gone], batch.rows.filter(new))

    def leaves_parts(self, stored_rows: int) -> bool:
        """Whether rows come beside others that stay, in another file."""
        return self.leave.size < stored_rows and bool(self.leave.size or self.enter.num_rows)


def _files_of(cursor: duckdb.DuckDBPyConnection, table: str, where: str, parameters: list[object]) -> int:
    row = cursor.execute(f"SELECT count(DISTINCT filename) FROM {quote_table(table)}{where}", parameters).fetchone()
    return int(row[0]) if row else 0


def _delete(
    cursor: duckdb.DuckDBPyConnection,
    table: str,
    numbers: npt.NDArray[np.int64],
    where: str,
    parameters: list[object],
    *,
    all_of_them: bool,
) -> None:
    if not all_of_them:
        import pyarrow as pa

        cursor.register("leaving", pa.table({"row_number": numbers}))
        among = "rowid IN (SELECT row_number FROM leaving)"
        where = f"{where} AND {among}" if where else f" WHERE {among}"
    cursor.execute(f"DELETE FROM {quote_table(table)}{where}", parameters)


def _insert(cursor: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    cursor.register("entering", rows)
    # Rows in order come from one thread; the others would only wait for it, at as much processor time.
    threads = cursor.execute("SELECT current_setting('threads')").fetchall()[0][0]
    cursor.execute("SET threads = 1")
    try:
        cursor.execute(f"INSERT INTO {quote_table(table)} BY NAME SELECT * FROM entering")
    finally:
        cursor.execute(f"SET threads = {int(threads)}")


def _condition(schema: pa.Schema, table: str, windows: Sequence[Window] | None) -> tuple[str, list[object]]:
    if windows is None:
        return "", []
    conditions: list[str] = []
    parameters: list[object] = []
    for window in windows:
        for column in (window.column, *(window.among or ())[:1]):
            if column not in schema.names:
                raise LakeError(f"The window's column {column} is not in {table}: name one of its columns.")
        kind = sql_type(schema.field(window.column).type, window.column)
        these, values = range_condition(window.column, kind, window.start, window.end)
        if window.among is not None:
            these.append(f"{quote_identifier(window.among[0])} IN (SELECT unnest(?::VARCHAR[]))")
            values.append(list(window.among[1]))
        conditions.append(f"({' AND '.join(these) or 'true'})")
        parameters += values
    return f" WHERE ({' OR '.join(conditions) or 'false'})", parameters


def _refuse_rows_outside(
    cursor: duckdb.DuckDBPyConnection, table: str, windows: Sequence[Window], where: str, parameters: list[object]
) -> None:
    # Such rows would be there twice after the next run, for only the windows are deleted.
    condition = where.removeprefix(" WHERE ")
    row = cursor.execute(f"SELECT count(*) FROM incoming WHERE NOT coalesce({condition}, false)", parameters).fetchone()
    if row and row[0]:
        first, last = windows[0], windows[-1]
        raise LakeError(
            f"{row[0]} of the rows for {table} lie outside the window of {first.column} "
            f"from {first.start} to {last.end}: write only rows of the partition."
        )


def _whole_table(
    cursor: duckdb.DuckDBPyConnection, table: str, windows: Sequence[Window] | None, found: Fingerprint
) -> Fingerprint:
    """Return the fingerprint of the table before the write."""
    if windows is None:
        return found
    change = last_changes(cursor, current_snapshot(cursor)).get(table)
    recorded = recorded_fingerprint(change, table)
    return recorded if recorded is not None else computed_fingerprint(cursor, table)


def _files(tables_folder: Path, table: str) -> set[Path]:
    folder = tables_folder.joinpath(*split_table(table))
    return set(folder.iterdir()) if folder.is_dir() else set()


def _sync(files: Iterable[Path]) -> None:
    """Make new data files durable before the catalog names them; the engine itself does not."""
    folders: set[Path] = set()
    for file in files:
        sync(file)
        folders |= {file.parent, *list(file.parents)[1:3]}
    for folder in folders:
        sync(folder)
