"""A dropped file as rows of a dataset's table: bad rows are set aside one by one, what is no such file is refused."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported)

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from atlas_assets.contracts.division import divide
from atlas_assets.data_sources.client.reply import excerpt
from atlas_assets.data_sources.fields import MOST_NEW_FIELDS, NEW_FIELD
from atlas_assets.data_sources.files.delimited import csv_rows
from atlas_assets.data_sources.files.errors import FileRefused
from atlas_assets.data_sources.files.mapping import FileDataset
from atlas_assets.data_sources.files.objects import json_rows
from atlas_assets.data_sources.files.parquet import parquet_rows
from atlas_assets.data_sources.files.rows import LARGEST_FILE, MEBIBYTE, MOST_ROWS, Row, Rows
from atlas_assets.data_sources.files.values import BadValue, Convert, converter, whole_column
from atlas_assets.data_sources.parsing import SHOWN_CHARACTERS, RejectedRow, vendor_schema

MOST_REJECTED = 10_000
"""More bad rows in one file are a file of another kind."""

ROWS_AT_ONCE = 10_000
CHARACTERS_AT_ONCE = 8 * MEBIBYTE

Reader = Callable[[bytes, FileDataset], Rows]
READERS: dict[str, Reader] = {
    "csv": lambda content, dataset: csv_rows(content, dataset, delimiter=dataset.delimiter),
    "tsv": lambda content, dataset: csv_rows(content, dataset, delimiter="\t"),
    "json": json_rows,
    "ndjson": json_rows,
    "jsonl": json_rows,
    "parquet": parquet_rows,
}
UTF_16_AND_32 = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")


@dataclass(frozen=True)
class FileRows:
    """What a file says.

    Attributes
    ----------
    rows
        Rows with the columns of the dataset's table, without the lake's own.
    rejected
        Rows set aside.
    added
        Of each row what no column of the dataset reads, as JSON; None for nothing.
    """

    rows: pa.Table
    rejected: tuple[RejectedRow, ...]
    added: pa.Table | None = None


def read_file(content: bytes, *, file_name: str, dataset: FileDataset) -> FileRows:
    """The rows of a dropped file.

    Parameters
    ----------
    content
        The file's bytes.
    file_name
        Its name; the ending says the format: ``.csv``, ``.tsv``, ``.json``, ``.ndjson``, ``.jsonl`` (each also with
        ``.gz``) or ``.parquet``.
    dataset
        What the columns mean.

    Raises
    ------
    FileRefused
        When it is no such file, lacks a column, is too large, or no row of it can be read.
    """
    content, suffix = unpacked(content, file_name)
    reader = READERS.get(suffix)
    if reader is None:
        raise FileRefused(f"The ending .{excerpt(suffix, 20)} is not one of {', '.join(f'.{one}' for one in READERS)}.")
    if suffix != "parquet" and content.startswith(UTF_16_AND_32):
        raise FileRefused("The file is not UTF-8 text but UTF-16 or UTF-32: save it as UTF-8.")
    reading = _Reading(dataset, file_name)
    reading.take(reader(content, dataset))
    return reading.finished()


def unpacked(content: bytes, file_name: str) -> tuple[bytes, str]:
    """The content without gzip, and the ending that says the format.

    Raises
    ------
    FileRefused
        When it is too large, or not what its ending says.
    """
    if len(content) > LARGEST_FILE:
        raise FileRefused(f"The file is larger than {LARGEST_FILE // MEBIBYTE} MiB: split it.")
    parts = file_name.lower().rsplit("/", 1)[-1].rsplit(".", 2)
    if parts[-1] != "gz":
        return content, parts[-1] if len(parts) > 1 else ""
    pieces: list[bytes] = []
    size, rest = 0, content
    try:
        while rest:
            member = zlib.decompressobj(zlib.MAX_WBITS | 16)
            pieces.append(member.decompress(rest, LARGEST_FILE - size + 1))
            size += len(pieces[-1])
            if size > LARGEST_FILE:
                raise FileRefused(f"The file unpacks to more than {LARGEST_FILE // MEBIBYTE} MiB: split it.")
            if not member.eof:
                raise FileRefused("The file is not valid gzip: it is cut.")
            rest = member.unused_data
    except zlib.error:
        raise FileRefused("The file is not valid gzip.") from None
    return b"".join(pieces), parts[-2] if len(parts) > 2 else ""


@dataclass
class _Reading:
    dataset: FileDataset
    file_name: str
    position: int = 0
    bytes: int = 0
    tables: list[pa.Table] = field(default_factory=list)
    rejected: list[RejectedRow] = field(default_factory=list)
    names: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.schema = vendor_schema(self.dataset.table)
        self.converters = {name: converter(name, column) for name, column in self.dataset.columns.items()}

    def take(self, rows: Iterator[Row]) -> None:
        while batch := _some(rows):
            readable: list[tuple[int, Row]] = []
            for row in batch:
                self.position += 1
                if row.problem is None:
                    readable.append((self.position, row))
                else:
                    self._reject(self.position, row, row.problem, row.shown)
            if self.position > MOST_ROWS:
                raise FileRefused(f"The file has more than {MOST_ROWS} rows: split it.")
            if readable:
                self._keep(readable)

    def finished(self) -> FileRows:
        """All rows together; only now is known whether there are any."""
        if not self.position:
            raise FileRefused("The file holds no rows.")
        tables = self.tables or [self.schema.empty_table()]
        rows = pa.concat_tables(tables, promote_options="default")
        rows = self._distinct(self._ruled(rows))
        if not rows.num_rows:
            first = "; ".join(f"row {row.position}: {row.reason}" for row in sorted(self.rejected, key=_place)[:3])
            raise FileRefused(f"None of the {self.position} rows is valid: {first}.")
        added = [name for name in rows.column_names if name.startswith(NEW_FIELD)]
        rejected = tuple(sorted(self.rejected, key=_place))
        return FileRows(rows.select(self.schema.names), rejected, rows.select(added) if added else None)

    def _keep(self, rows: list[tuple[int, Row]]) -> None:
        """Columns of the rows whose every cell is what its column says."""
        bad: dict[int, str] = {}
        arrays = [pa.repeat(self.file_name, len(rows)), pa.array([position for position, _ in rows], pa.int64())]
        columns = zip(*(row.cells for _, row in rows), strict=True)
        for (name, column), cells in zip(self.dataset.columns.items(), columns, strict=True):
            array = whole_column(cells, column)
            if array is None:
                array = pa.array(_each(cells, self.converters[name], bad), self.schema.field(name).type)
            arrays.append(array)
        table = pa.Table.from_arrays(arrays, schema=self.schema)
        if any(row.others for _, row in rows):
            table = self._with_others(table, [row.others or {} for _, row in rows])
        if bad:
            for place, problem in bad.items():
                position, row = rows[place]
                self._reject(position, row, problem, dict(zip(self.dataset.columns, row.cells, strict=True)))
            table = table.filter(pa.array([place not in bad for place in range(len(rows))]))
        self.tables.append(table)
        self.bytes += table.nbytes
        if self.bytes > LARGEST_FILE:
            raise FileRefused(f"The file unpacks to more than {LARGEST_FILE // MEBIBYTE} MiB: split it.")

    def _with_others(self, table: pa.Table, others: Sequence[Mapping[str, Any]]) -> pa.Table:
        """Rows with what no column of the dataset reads, as JSON; of too many names the first of the file."""
        for one in others:
            if len(self.names) < MOST_NEW_FIELDS:
                self.names.update(dict.fromkeys(one))
        for name in list(self.names)[:MOST_NEW_FIELDS]:
            texts = [None if one.get(name) is None else json.dumps(one[name]) for one in others]
            table = table.append_column(f"{NEW_FIELD}{name}", pa.array(texts, pa.string()))
        return table

    def _reject(self, position: int, row: Row, problem: str, shown: Any) -> None:
        self._set_aside(position, f"{problem} ({row.place})", shown)

    def _set_aside(self, position: int, reason: str, shown: Any) -> None:
        # Nothing that a file says may break the ledger's own text.
        reason = excerpt(reason.encode(errors="backslashreplace").decode(), 300)
        content = excerpt(json.dumps(_beginning(shown), default=str, ensure_ascii=True), SHOWN_CHARACTERS)
        self.rejected.append(RejectedRow(position, reason, content))
        if len(self.rejected) > MOST_REJECTED:
            first = self.rejected[0]
            raise FileRefused(
                f"More than {MOST_REJECTED} rows are not valid; the first is row {first.position}: {first.reason}."
            )

    def _ruled(self, rows: pa.Table) -> pa.Table:
        """The rows within bounds and rules of the contract."""
        kept, broken = divide(rows, self.dataset.table.contract)
        for row, reason in broken:
            self._set_aside(row["row_number"], reason, {name: row[name] for name in self.dataset.columns})
        return kept

    def _distinct(self, rows: pa.Table) -> pa.Table:
        """The first row of each key."""
        key = list(self.dataset.key)
        if not key or not rows.num_rows:
            return rows
        firsts = rows.select([*key, "row_number"]).group_by(key).aggregate([("row_number", "min")])["row_number_min"]
        if len(firsts) == rows.num_rows:
            return rows
        is_first = pc.is_in(rows["row_number"], value_set=firsts.combine_chunks())
        for row in rows.filter(pc.invert(is_first)).select([*self.dataset.columns, "row_number"]).to_pylist():
            self._set_aside(row.pop("row_number"), f"the same {' and '.join(key)} as in a row before", row)
        return rows.filter(is_first)


def _some(rows: Iterator[Row]) -> list[Row]:
    """The next rows, as many as fit into little memory."""
    some: list[Row] = []
    characters = 0
    for row in islice(rows, ROWS_AT_ONCE):
        some.append(row)
        characters += sum(len(cell) for cell in row.cells if type(cell) is str)
        if characters > CHARACTERS_AT_ONCE:
            break
    return some


def _each(cells: Sequence[Any], convert: Convert, bad: dict[int, str]) -> list[Any]:
    """The cells one by one; ``bad`` gains the first problem of each row."""
    values: list[Any] = []
    for place, cell in enumerate(cells):
        try:
            values.append(convert(cell))
        except BadValue as problem:
            values.append(None)
            bad.setdefault(place, str(problem))
    return values


def _beginning(shown: Any) -> Any:
    """At most some characters of each value, of some values."""
    if isinstance(shown, dict):
        return {name: _beginning(value) for name, value in list(shown.items())[:100]}
    if isinstance(shown, list | tuple):
        return [_beginning(value) for value in shown[:100]]
    if isinstance(shown, int | float) and not isinstance(shown, bool):
        return shown if abs(shown) < 2**63 else f"{shown!r:.100}"
    return shown[:SHOWN_CHARACTERS] if isinstance(shown, str) else shown


def _place(row: RejectedRow) -> int:
    return row.position
