# pyarrow has no type stubs.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownLambdaType=false, reportMissingTypeStubs=false, reportAttributeAccessIssue=false
"""Writes: each is one transaction that replaces a window of a table and says who did it."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from atlas_assets.lake import failpoints
from atlas_assets.lake.errors import LakeError
from atlas_assets.lake.hashing import Fingerprint, canonical, hash_sorted, sort_rows
from atlas_assets.lake.history import computed_fingerprint, current_snapshot, recorded_fingerprint
from atlas_assets.lake.identifiers import quote_table, split_table
from atlas_assets.lake.manifest import ObjectRecord, record_objects
from atlas_assets.lake.objects import sync
from atlas_assets.lake.ranges import Bound, range_condition
from atlas_assets.lake.schema import sql_type
from atlas_assets.lake.tables import ensure_table

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Window:
    """The rows that a write replaces: `column` between `start` and `end`, both included."""

    column: str
    start: Bound = None
    end: Bound = None


@dataclass(frozen=True)
class CommitInfo:
    """Who commits what, from which inputs (name to version), by which code."""

    run_id: str
    asset: str
    partition: str | None = None
    code_version: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    author: str = "atlas"

    @property
    def message(self) -> str:
        """The commit message."""
        return f"{self.asset} {self.partition}" if self.partition else self.asset


@dataclass(frozen=True)
class WriteResult:
    """What a write did.

    `version` is the content hash of the written rows, `table_version` identifies the content of the whole table.
    Without a change, `snapshot_id` is the snapshot that the write found.
    """

    table: str
    rows: int
    version: str
    changed: bool
    snapshot_id: int
    table_version: str


@dataclass(frozen=True)
class Batch:
    """Rows that are ready to be written: sorted by their keys, hashed and fingerprinted."""

    rows: pa.Table
    version: str
    fingerprint: Fingerprint

    @classmethod
    def of(cls, conformed: pa.Table, keys: Sequence[str]) -> Batch:
        """Prepare rows; nothing here needs the lock."""
        rows = sort_rows(canonical(conformed), keys)
        return cls(rows, hash_sorted(rows), Fingerprint.of(rows))


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
    window: Window | None,
    *,
    commit: CommitInfo,
    objects: Sequence[ObjectRecord],
    tables_folder: Path,
    recorded_at: datetime,
    before_commit: Callable[[], None],
) -> WriteResult:
    """Replace a window's rows where they differ; the caller holds the commit lock.

    Parameters
    ----------
    before_commit
        Called when all is ready; what it raises stops the commit.
    """
    with transaction(cursor):
        failpoints.hit("write.begun")
        columns_changed = ensure_table(cursor, table, schema)
        failpoints.hit("write.table_ensured")
        where, parameters = _condition(schema, table, window)
        cursor.register("incoming", batch.rows)
        _refuse_rows_outside(cursor, table, window, where, parameters)
        found = computed_fingerprint(cursor, table, where=where, parameters=parameters)
        whole = _whole_table(cursor, table, window, found)
        failpoints.hit("write.compared")
        rows_changed = found != batch.fingerprint
        files_before = _files(tables_folder, table)
        if rows_changed:
            if found.rows:
                cursor.execute(f"DELETE FROM {quote_table(table)}{where}", parameters)
            failpoints.hit("write.deleted")
            if batch.rows.num_rows:
                cursor.execute(f"INSERT INTO {quote_table(table)} BY NAME SELECT * FROM incoming")
            failpoints.hit("write.inserted")
        table_version = str(whole - found + batch.fingerprint)
        added = record_objects(cursor, objects)
        failpoints.hit("write.objects_recorded")
        if rows_changed or columns_changed or added:
            _sync(_files(tables_folder, table) - files_before)
            failpoints.hit("write.synced")
            record = {
                "run_id": commit.run_id,
                "asset": commit.asset,
                "partition": commit.partition,
                "code_version": commit.code_version,
                "inputs": dict(commit.inputs),
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
    )
    failpoints.hit("write.done")
    return result


def _condition(schema: pa.Schema, table: str, window: Window | None) -> tuple[str, list[object]]:
    if window is None:
        return "", []
    if window.column not in schema.names:
        raise LakeError(f"The window's column {window.column} is not in {table}: name one of its columns.")
    kind = sql_type(schema.field(window.column).type, window.column)
    conditions, parameters = range_condition(window.column, kind, window.start, window.end)
    return (f" WHERE {' AND '.join(conditions)}" if conditions else ""), parameters


def _refuse_rows_outside(
    cursor: duckdb.DuckDBPyConnection, table: str, window: Window | None, where: str, parameters: list[object]
) -> None:
    # Such rows would be there twice after the next run, for only the window is deleted.
    if not where or window is None:
        return
    condition = where.removeprefix(" WHERE ")
    row = cursor.execute(f"SELECT count(*) FROM incoming WHERE NOT coalesce({condition}, false)", parameters).fetchone()
    if row and row[0]:
        raise LakeError(
            f"{row[0]} of the rows for {table} lie outside the window of {window.column} "
            f"from {window.start} to {window.end}: write only rows of the partition."
        )


def _whole_table(
    cursor: duckdb.DuckDBPyConnection, table: str, window: Window | None, found: Fingerprint
) -> Fingerprint:
    """Return the fingerprint of the table before the write."""
    if window is None:
        return found
    recorded = recorded_fingerprint(cursor, table, current_snapshot(cursor))
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
