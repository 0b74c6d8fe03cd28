# pyarrow has no type stubs.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownLambdaType=false, reportMissingTypeStubs=false, reportAttributeAccessIssue=false
"""The lake: the one object through which everything else reads and writes tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

import duckdb

from atlas_assets.lake import feed, history, reading
from atlas_assets.lake.catalog import Catalog, Mode
from atlas_assets.lake.compaction import merge_files
from atlas_assets.lake.config import LakeConfig
from atlas_assets.lake.errors import LakeError, first_line
from atlas_assets.lake.extensions import install_extension
from atlas_assets.lake.history import AsOf, Snapshot, TableInfo
from atlas_assets.lake.identifiers import split_table
from atlas_assets.lake.ledgers import Record, append_lines
from atlas_assets.lake.locks import commit_lock_of
from atlas_assets.lake.objects import ObjectDifferences, ObjectStore
from atlas_assets.lake.ranges import Bound
from atlas_assets.lake.reading import Selection, Where
from atlas_assets.lake.schema import conform
from atlas_assets.lake.tables import ensure_table
from atlas_assets.lake.versions import Versions
from atlas_assets.lake.writing import Batch, CommitInfo, Window, WriteResult, replace_window, transaction

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Result = TypeVar("Result")

_LOCK_TIMEOUT = 600.0


def utc_now() -> datetime:
    """Return the wall clock: the one place where the lake knows it."""
    return datetime.now(UTC)


class Lake:
    """Versioned tables and raw objects.

    Readers never wait. Writers commit one at a time, each commit being a snapshot that says who made it from what.

    Parameters
    ----------
    config
        Where the lake is; it is created on first use.
    now
        The present, recorded with each commit.
    """

    def __init__(self, config: LakeConfig, *, now: Callable[[], datetime] = utc_now) -> None:
        self.config = config
        self._now = now
        self._catalog = Catalog(config)
        self._versions = Versions(config.root / "versions.json")

    @cached_property
    def objects(self) -> ObjectStore:
        """The store of raw objects."""
        return ObjectStore(self.config.objects_url)

    def connect(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Open a DuckDB connection with the lake attached as ``lake``; hold `commit_lock` before writing with it."""
        return self._catalog.cursor("write")

    def reader(self, as_of: AsOf = None) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Open a DuckDB connection that cannot write to the lake, at a snapshot if `as_of` is given.

        Parameters
        ----------
        as_of
            A snapshot's id, or a time (ISO 8601 text, or a `datetime`; UTC unless it has a zone).
        """
        return self._catalog.cursor("read", self._resolve(as_of))

    def read(
        self,
        table: str,
        *,
        symbols: Sequence[str] | None = None,
        start: Bound = None,
        end: Bound = None,
        as_of: AsOf = None,
        known_on: Bound = None,
        columns: Sequence[str] | None = None,
        where: Where | None = None,
        time_column: str | None = None,
    ) -> pd.DataFrame:
        """Rows of a table as a DataFrame.

        Parameters
        ----------
        table
            Such as ``silver.daily_bars``.
        symbols
            Values of the column ``symbol`` (or ``series_id``).
        start, end
            First and last time, both included, of the table's time column (``session_date``, ``period``,
            ``event_time``, ``bucket_end`` …); a day as `end` of a column of timestamps includes the whole day.
        as_of
            A snapshot's id, or a time: the table as it was then.
        known_on
            A day, for tables with vintages (``silver.macro_observations``): what the world knew then, whenever the
            lake got it.
        columns
            All unless given.
        where
            A condition with ``?`` for its values, and the values: ``("close_raw > ?", [100])``.
        time_column
            Where the table's time column is not the one wanted.

        Raises
        ------
        LakeError
            When the table, a column or the snapshot does not exist.
        """
        return reading.to_pandas(
            self.read_arrow(
                table,
                symbols=symbols,
                start=start,
                end=end,
                as_of=as_of,
                known_on=known_on,
                columns=columns,
                where=where,
                time_column=time_column,
            )
        )

    def read_arrow(self, table: str, *, as_of: AsOf = None, **selection: Unpack[Selection]) -> pa.Table:
        """Rows of a table as an Arrow table; the parameters are those of `read`."""

        def select(cursor: duckdb.DuckDBPyConnection) -> pa.Table:
            snapshot = history.resolve_snapshot(cursor, as_of)
            return reading.select_rows(cursor, table, snapshot=snapshot, **selection)

        return self._ask(select)

    def sql(self, query: str, parameters: Sequence[object] | None = None, *, as_of: AsOf = None) -> pa.Table:
        """Return the result of one SELECT, which can read the lake's tables and nothing else of this machine.

        Parameters
        ----------
        query
            One statement, with ``?`` for each parameter.
        parameters
            The parameters' values.
        as_of
            A snapshot's id, or a time: every table as it was then.

        Raises
        ------
        LakeError
            When the statement writes, is not one, or is wrong.
        """
        snapshot = self._resolve(as_of)
        return self._ask(lambda cursor: reading.run_query(cursor, query, parameters), "confined", snapshot)

    def tables(self) -> list[TableInfo]:
        """Every table, with its rows, columns and the snapshot that last changed it."""
        return self._ask(history.list_tables)

    def snapshots(self, table: str | None = None, limit: int = 100) -> list[Snapshot]:
        """Return the newest commits, newest first; those of one table if it is given."""
        return self._ask(lambda cursor: history.list_snapshots(cursor, table, limit))

    def current_snapshot(self) -> int:
        """Return the newest snapshot's id."""
        return self._ask(history.current_snapshot)

    def version(self, table: str, *, as_of: AsOf = None, recompute: bool = False) -> str:
        """Return the identity of a table's content: equal content has an equal version, however it came about.

        Parameters
        ----------
        table
            Such as ``silver.daily_bars``.
        as_of
            A snapshot's id, or a time.
        recompute
            Read the whole table even where its version is recorded or follows from what changed since it was known.
        """
        if not recompute and (known := self.versions([table], as_of=as_of)):
            return known[table]

        def version(cursor: duckdb.DuckDBPyConnection) -> str:
            snapshot = history.resolve_snapshot(cursor, as_of)
            history.table_columns(cursor, table, snapshot)
            return str(history.computed_fingerprint(cursor, table, snapshot=snapshot))

        return self._ask(version)

    def versions(self, tables: Collection[str], *, as_of: AsOf = None) -> dict[str, str]:
        """Return the identities of several tables' content at one moment; tables that there were not are left out."""

        def versions(cursor: duckdb.DuckDBPyConnection) -> dict[str, str]:
            snapshot = history.newest_snapshot(cursor, as_of)
            found = self._versions.fingerprints(cursor, tables, snapshot)
            return {table: str(fingerprint) for table, fingerprint in found.items()}

        return self._ask(versions)

    def changed(
        self, table: str, *, by: Sequence[str], first: str | None = None, since: int, as_of: AsOf = None
    ) -> pa.Table | None:
        """Return where a table's rows differ from those of an earlier snapshot.

        Parameters
        ----------
        table
            Such as ``silver.trades``.
        by
            Columns whose values in the rows that came or went are told, each combination once.
        first
            A column whose least value among these rows is told beside them.
        since
            The earlier snapshot's id.
        as_of
            A snapshot's id, or a time; now unless given.

        Returns
        -------
        pyarrow.Table or None
            None where that cannot be told: snapshots in between expired, or the table's columns changed.
        """

        def changed(cursor: duckdb.DuckDBPyConnection) -> pa.Table | None:
            snapshot = history.newest_snapshot(cursor, as_of)
            return feed.changed(cursor, table, by=by, first=first, since=since, snapshot=snapshot)

        return self._ask(changed)

    def create_table(
        self,
        table: str,
        schema: pa.Schema,
        *,
        comments: Mapping[str, str] | None = None,
        description: str | None = None,
    ) -> None:
        """Create a table, or add the columns and comments that it lacks.

        Raises
        ------
        LakeError
            When `schema` lacks a column that the table has, or gives it another type.
        """
        with self._writing(table) as cursor, transaction(cursor):
            if ensure_table(cursor, table, schema, comments, description):
                cursor.execute("CALL lake.set_commit_message('atlas', ?)", [f"schema of {table}"])
                commit_lock_of(self.config).check()
                cursor.execute("COMMIT")

    def replace(
        self,
        table: str,
        data: pa.Table | pd.DataFrame | pa.RecordBatchReader,
        *,
        schema: pa.Schema,
        keys: Sequence[str],
        window: Window | Sequence[Window] | None,
        commit: CommitInfo,
        records: Sequence[Record] = (),
    ) -> WriteResult:
        """Replace one or several windows of a table by new rows, in one transaction.

        A repetition with equal rows makes no snapshot. Whatever fails, the table is as it was before.

        Parameters
        ----------
        table
            Such as ``silver.daily_bars``; it is created, or gains the columns that it lacks.
        data
            All rows of the windows.
        schema
            All columns of the table; one of layer ``raw`` may have more, and gains those that `data` has.
        keys
            The columns that identify a row; they order the rows in the file and in the content hash.
        window
            The rows to replace; None replaces the whole table, no window at all (``()``) only adds rows.
        commit
            Who writes.
        records
            Lines of the ledgers that speak of these rows, recorded in the same transaction.

        Raises
        ------
        LakeError
            When the data does not fit the schema or the window, or the catalog cannot be written.
        """
        split_table(table)
        batch = Batch.of(conform(data, schema, table), keys)
        for field in batch.rows.schema:
            schema = schema if field.name in schema.names else schema.append(field)
        with self._writing(table) as cursor:
            return replace_window(
                cursor,
                table,
                batch,
                schema,
                window,
                commit=commit,
                records=records,
                tables_folder=self.config.tables_folder,
                recorded_at=self._now(),
                before_commit=commit_lock_of(self.config).check,
            )

    def record(self, records: Sequence[Record], *, commit: CommitInfo) -> int:
        """Record lines of the ledgers that no rows came with, such as a vendor's error; how many were new."""
        with self._writing("raw.objects") as cursor, transaction(cursor):
            added = append_lines(cursor, records)
            if added:
                cursor.execute("CALL lake.set_commit_message(?, ?)", [commit.author, commit.message])
                commit_lock_of(self.config).check()
                cursor.execute("COMMIT")
            return added

    def compact(self, table: str) -> tuple[int, int]:
        """Merge a table's small files; how many were merged into how many. Content and history stay as they are.

        Raises
        ------
        LakeError
            When there is no such table, or the catalog cannot be written.
        """
        with self._writing(table) as cursor:
            return merge_files(cursor, table)

    def object_differences(self) -> ObjectDifferences:
        """Return the raw objects that only the store or only the manifest knows."""
        stored = set(self.objects.paths())
        known = set(self.sql("SELECT DISTINCT path FROM lake.raw.objects").column("path").to_pylist())
        return ObjectDifferences(tuple(sorted(stored - known)), tuple(sorted(known - stored)))

    def commit_lock(self, *, timeout: float = _LOCK_TIMEOUT) -> AbstractContextManager[None]:
        """Return the lock under which every writer commits; a thread that holds it may write, and may take it again.

        Raises
        ------
        LakeError
            When another writer still holds it after `timeout` seconds.
        """
        return commit_lock_of(self.config).hold(timeout)

    def attach_options(self) -> dict[str, Any]:
        """Tell what dbt-duckdb's profile needs to attach the same lake; holds the catalog's password."""
        for name in ("ducklake", "postgres_scanner" if self.config.is_postgres else "sqlite_scanner"):
            install_extension(name, self.config.extension_folder)
        return {
            "path": self.config.attach_path,
            "alias": "lake",
            "is_ducklake": True,
            "options": self.config.attach_options,
            "extension_directory": str(self.config.extension_folder),
        }

    def _resolve(self, as_of: AsOf) -> int | None:
        return None if as_of is None else self._ask(lambda cursor: history.resolve_snapshot(cursor, as_of))

    def _ask(
        self,
        question: Callable[[duckdb.DuckDBPyConnection], Result],
        mode: Mode = "confined",
        snapshot: int | None = None,
    ) -> Result:
        """Ask on a connection that reads, once more on a new one when the kept one turns out to be dead."""
        for last in (False, True):
            try:
                with self._catalog.cursor(mode, snapshot) as cursor:
                    return question(cursor)
            except (duckdb.OperationalError, duckdb.InternalError) as error:
                if last:
                    reason = self.config.redact(first_line(error))
                    raise LakeError(f"The lake in {self.config.root} cannot be read ({reason}): check it.") from error
        raise AssertionError("unreachable")

    @contextmanager
    def _writing(self, table: str) -> Generator[duckdb.DuckDBPyConnection]:
        try:
            with self.commit_lock(), self._catalog.cursor("write") as cursor:
                yield cursor
        except duckdb.Error as error:
            self._catalog.forget("write")
            reason = self.config.redact(first_line(error))
            raise LakeError(f"{table} was not written ({reason}): it is as it was before, run it again.") from error
