"""Files dropped by people: their good rows taken into the lake, bad ones set aside, what is no such file sent back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from atlas_assets.data_sources.client.errors import SourceError
from atlas_assets.data_sources.client.reply import excerpt
from atlas_assets.data_sources.fields import FormatChanged
from atlas_assets.data_sources.files.errors import FileRefused
from atlas_assets.orchestration import coverage
from atlas_assets.orchestration.ingestion import Batch
from atlas_assets.orchestration.locations import DroppedFile, FileBusy
from atlas_assets.orchestration.provenance import with_added, with_first_receipt, with_history, with_provenance
from atlas_assets.orchestration.schema_changes import SchemaNotes

if TYPE_CHECKING:
    import pyarrow as pa

    from atlas_assets.contracts.raw import RawTable
    from atlas_assets.data_sources.registry import Source
    from atlas_assets.lake import Lake, ObjectRecord, QuarantinedRow, Record, StoredObject, Window
    from atlas_assets.orchestration.inboxes import Route

FILES_A_COMMIT = 100
BYTES_A_COMMIT = 128 * 2**20
LARGEST_REPLY = 64 * 2**20
SHOWN_ROWS = 10
# Beside a vendor's own columns, whose names have no blanks.
POSITION, DAY = "row position", "row day"

# How a file is kept: under the ending that says what it is.
KEPT_AS = {"csv": "csv", "tsv": "csv", "json": "json", "ndjson": "json", "jsonl": "json", "parquet": "parquet"}
KEPT_AS |= {"gz": "gz", "zip": "zip", "xml": "xml"}


@dataclass
class Tally:
    """What was done with the files that waited.

    Attributes
    ----------
    taken, rejected, left
        Files; those left are still being written to, or could not be read or moved for now.
    rows, quarantined
        Rows taken, and rows set aside.
    new_columns
        Columns for what no column of the dataset reads, with the first file that has them.
    renamed
        Fields that may be missing and are in no record of a source's reply, with the probable new name of each.
    sample
        Some of the rows set aside.
    messages
        What an operator should read.
    """

    taken: int = 0
    rejected: int = 0
    left: int = 0
    rows: int = 0
    quarantined: int = 0
    new_columns: dict[str, str] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    sample: list[dict[str, Any]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    def metadata(self) -> dict[str, Any]:
        """The numbers, as the asset's metadata shows them."""
        return {
            "files_taken": self.taken,
            "files_rejected": self.rejected,
            "files_left": self.left,
            "rows_taken": self.rows,
            "rows_quarantined": self.quarantined,
            "new_columns": dg.MetadataValue.json(self.new_columns),
            "probably_renamed": dg.MetadataValue.json(self.renamed),
        }


def quarantine_check(tally: Tally, *, name: str) -> dg.AssetCheckResult:
    """A warning where rows were set aside, with some of them."""
    return dg.AssetCheckResult(
        passed=not tally.quarantined,
        check_name=name,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{tally.quarantined} rows were set aside in raw.quarantine; {tally.rows} were taken.",
        metadata={"rows_quarantined": tally.quarantined, "quarantined_rows": dg.MetadataValue.json(tally.sample)},
    )


@dataclass(frozen=True)
class _Read:
    """A file that was read: its rows with the vendor's columns, days where rows have them, and its stored copy."""

    file: DroppedFile
    stored: StoredObject
    rows: pa.Table
    days: Any
    rejected: Sequence[QuarantinedRow]


class Landing:
    """One taking of the files that wait for a table.

    Parameters
    ----------
    table
        Where the rows go.
    lake
        Where files and rows are kept.
    now
        The time of receipt.
    run_id
        The run that takes.
    """

    def __init__(self, table: RawTable, *, lake: Lake, now: datetime, run_id: str) -> None:
        self.tally = Tally()
        self._table = table
        self._lake = lake
        self._now = now
        self._run_id = run_id
        self._notes = SchemaNotes(table, lake, now, run_id)
        _, self._source, self._dataset = table.asset_key

    def batches(self, files: Sequence[tuple[DroppedFile, Route | None]]) -> Iterator[Batch]:
        """Rows to commit together; when the next batch is asked for, the files of the one before are taken away."""
        waiting: list[_Read] = []
        size = 0
        for file, route in files:
            read = self._read(file, route)
            if read is None:
                continue
            waiting.append(read)
            size += read.rows.nbytes + read.stored.bytes // 10
            # Replies of a source may say other things of the same rows: one after the other.
            source = None if route is None else route.source
            if source is not None or len(waiting) >= FILES_A_COMMIT or size >= BYTES_A_COMMIT:
                yield self._rows(waiting) if source is None else self._replies(read, source)
                self._committed(waiting)
                waiting, size = [], 0
        if waiting:
            yield self._rows(waiting)
            self._committed(waiting)

    def _read(self, file: DroppedFile, route: Route | None) -> _Read | None:
        try:
            if route is None:
                raise FileRefused("No dataset of the settings takes a file of this name or folder.")
            try:
                content = file.location.read(file)
            except FileNotFoundError:
                return None  # its owner took it away
            return self._parsed(file, route, content)
        except FileBusy:
            self.tally.left += 1
        except FormatChanged as refused:
            self._reject(file, f"{refused} Plan: {refused.changes.plan}")
        except (FileRefused, SourceError) as refused:
            self._reject(file, str(refused))
        except MemoryError:
            # The machine is short of it: no fault of the file, whose size was within limits.
            self._leave(file, "stays because there is not enough memory to read it now")
        except OSError as error:
            # A disk, a network or a store: no fault of the file either.
            self._leave(file, f"stays because it cannot be taken now: {_said(error)}")
        return None

    def _parsed(self, file: DroppedFile, route: Route, content: bytes) -> _Read:
        from atlas_assets.contracts.division import divide
        from atlas_assets.data_sources.files.reading import read_file

        if route.source is None:
            parsed = read_file(content, file_name=file.text, dataset=route.dataset)
            stored = self._stored(file, content)
            lines = [self._quarantined(stored, row.position, row.reason, row.content) for row in parsed.rejected]
            return _Read(file, stored, with_added(parsed.rows, parsed.added), None, lines)
        if len(content) > LARGEST_REPLY:
            raise FileRefused(f"The file is larger than {LARGEST_REPLY // 2**20} MiB, as no reply is: split it.")
        query = route.source.query_for_file(file.text, self._now)
        if query is None:
            raise FileRefused("The name does not say what the file holds: see the source's page in the catalogue.")
        said = route.source.transform(content, query)
        stored = self._stored(file, content)
        rows = with_added(said.rows.append_column(POSITION, said.positions).append_column(DAY, said.days), said.added)
        kept, broken = divide(rows, self._table.contract)
        lines = [self._quarantined(stored, row.position, row.reason, row.content) for row in said.rejected]
        for row, reason in broken:
            shown = {name: value for name, value in row.items() if name not in (POSITION, DAY)}
            lines.append(self._quarantined(stored, row[POSITION], reason, json.dumps(shown, default=str)[:1000]))
        return _Read(file, stored, kept.drop_columns([POSITION, DAY]), kept[DAY], lines)

    def _rows(self, read: Sequence[_Read]) -> Batch:
        """The rows of declared datasets: each file's rows replace those that its very bytes gave before."""
        import pyarrow as pa

        from atlas_assets.lake import Window

        # The same bytes dropped again, under whatever name, are the rows that they were.
        first = {one.stored.object_id: one for one in reversed(read)}
        received = self._first_receipts(list(first))
        tables: list[pa.Table] = []
        for object_id, one in first.items():
            name, when = received.get(object_id, (one.file.text, self._now))
            place = one.rows.schema.get_field_index("file_name")
            rows = one.rows.set_column(place, one.rows.schema.field(place), pa.repeat(name, one.rows.num_rows))
            days = pa.repeat(pa.scalar(when.date(), pa.date32()), rows.num_rows)
            tables.append(with_provenance(rows, partition_dates=days, replies=[(object_id, when, rows.num_rows)]))
        windows = tuple(Window("object_id", object_id, object_id) for object_id in first)
        rows, added = self._notes.settled(pa.concat_tables(tables, promote_options="default"))
        return self._batch(rows, windows, read, added)

    def _replies(self, read: _Read, source: Source) -> Batch:
        """The rows of a source's reply: of rows with the same key the last received stays."""
        import pyarrow.compute as pc

        from atlas_assets.contracts.schema import primary_key
        from atlas_assets.data_sources.parsing import unique_rows
        from atlas_assets.lake import Window

        if not read.rows.num_rows:
            return self._batch(self._no_rows(), (), [read])
        bounds: Any = pc.call_function("min_max", [read.days])
        windows = (Window("partition_date", bounds["min"].as_py(), bounds["max"].as_py()),)
        keys = primary_key(self._table.contract)
        replies = [(read.stored.object_id, self._now, read.rows.num_rows)]
        rows, added = self._notes.settled(with_provenance(read.rows, partition_dates=read.days, replies=replies))
        rows = with_first_receipt(unique_rows(rows, keys), source=self._source, dataset=self._dataset, lake=self._lake)
        rows, _ = with_history(rows, self._table.name, windows, keys=keys, accumulates=True, lake=self._lake)
        covered = coverage.of_files(rows, source, lake=self._lake, now=self._now, run_id=self._run_id)
        return self._batch(rows, windows, [read], [*added, *covered])

    def _batch(
        self, rows: pa.Table, windows: tuple[Window, ...], read: Sequence[_Read], more: Sequence[Record] = ()
    ) -> Batch:
        self.tally.new_columns.update(self._notes.added)
        self.tally.renamed.update(self._notes.renamed)
        lines = [line for one in read for line in one.rejected]
        self.tally.quarantined += len(lines)
        self.tally.sample += [
            {"file": one.file.text, "row": line.position, "reason": line.reason, "content": line.content}
            for one in read
            for line in one.rejected
        ][: max(0, SHOWN_ROWS - len(self.tally.sample))]
        return Batch(rows, windows, (*(self._record(one) for one in read), *lines, *more))

    def _committed(self, read: Sequence[_Read]) -> None:
        for one in read:
            self.tally.taken += 1
            self.tally.rows += one.rows.num_rows
            try:
                one.file.location.remove(one.file)
            except FileNotFoundError:
                continue
            except OSError as error:
                self._leave(one.file, f"was taken but cannot be removed: {_said(error)}")

    def _reject(self, file: DroppedFile, reason: str) -> None:
        # One sentence on one line, whatever stands in the file.
        reason = excerpt(reason, 1000)
        try:
            moved = file.location.reject(file, reason)
        except FileNotFoundError:
            return
        except OSError as error:
            self._leave(file, f"cannot be moved to rejected/: {_said(error)}; {reason}")
        else:
            self.tally.rejected += 1
            self.tally.messages.append(excerpt(f"{file.text} was set aside as {moved!a}: {reason}", 600))

    def _leave(self, file: DroppedFile, what: str) -> None:
        self.tally.left += 1
        self.tally.messages.append(excerpt(f"{file.text} {what}", 600))

    def _first_receipts(self, objects: list[str]) -> dict[str, tuple[str, datetime]]:
        """Name and time under which the table has the objects already."""
        from atlas_assets.lake import LakeError

        columns = ["object_id", "file_name", "ingested_at"]
        where = ("object_id IN (SELECT unnest(?))", [objects])
        try:
            known = self._lake.read_arrow(self._table.name, columns=columns, where=where)
        except LakeError:  # the first load: there is no table yet
            return {}
        first = known.group_by("object_id").aggregate([("file_name", "min"), ("ingested_at", "min")])
        return {row["object_id"]: (row["file_name_min"], row["ingested_at_min"]) for row in first.to_pylist()}

    def _stored(self, file: DroppedFile, content: bytes) -> StoredObject:
        suffix: Any = KEPT_AS.get(file.name.lower().rpartition(".")[2], "txt")
        return self._lake.objects.put(
            content, source=self._source, dataset=self._dataset, received=self._now.date(), suffix=suffix
        )

    def _no_rows(self) -> pa.Table:
        from atlas_assets.contracts.schema import arrow_schema

        return arrow_schema(self._table.contract).empty_table()

    def _quarantined(self, stored: StoredObject, position: int, reason: str, content: str) -> QuarantinedRow:
        from atlas_assets.lake import QuarantinedRow

        return QuarantinedRow(
            source=self._source,
            dataset=self._dataset,
            object_id=stored.object_id,
            position=position,
            reason=reason,
            content=content,
            quarantined_at=self._now,
            run_id=self._run_id,
        )

    def _record(self, read: _Read) -> ObjectRecord:
        from atlas_assets.lake import ObjectRecord

        return ObjectRecord(
            object_id=read.stored.object_id,
            path=read.stored.path,
            source=self._source,
            dataset=self._dataset,
            request=json.dumps({"file": read.file.text}),
            status=0,
            fetched_at=self._now,
            bytes=read.stored.bytes,
            rows=read.rows.num_rows,
            run_id=self._run_id,
        )


def _said(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
