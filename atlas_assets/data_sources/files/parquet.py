"""Parquet: columns that are wanted, and single values beside them, a few rows at a time, after a look at the footer.

DuckDB reads it, within its own memory limit: on some damaged footers Arrow's reader ends the whole process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from atlas_assets.contracts.rules import quote_identifier
from atlas_assets.data_sources.client.reply import excerpt
from atlas_assets.data_sources.files.errors import FileRefused
from atlas_assets.data_sources.files.mapping import FileDataset
from atlas_assets.data_sources.files.rows import LARGEST_FILE, MEBIBYTE, MOST_ROWS, Header, Row, Rows
from atlas_assets.data_sources.files.values import LONGEST_TEXT

LARGEST_METADATA = 16 * MEBIBYTE
MEMORY_LIMIT = "512MiB"
ROWS_AT_ONCE = 250

_NUMBERS = frozenset({"FLOAT", "DOUBLE", "TINYINT", "SMALLINT", "INTEGER", "BIGINT"})
_PLAIN_TYPES = frozenset(
    {
        *("VARCHAR", "BOOLEAN", "FLOAT", "DOUBLE", "DATE", "HUGEINT", "UHUGEINT"),
        *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
        *("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"),
    }
)


def parquet_rows(content: bytes, dataset: FileDataset) -> Rows:
    """The rows of a Parquet file.

    Raises
    ------
    FileRefused
        When it is none, is damaged, would need too much memory, or lacks a column.
    """
    length = int.from_bytes(content[-8:-4], "little")
    if len(content) < 12 or content[:4] != b"PAR1" or content[-4:] != b"PAR1" or length + 12 > len(content):
        raise FileRefused("The file is not valid PARQUET: its first or last bytes are not those of one.")
    if length > LARGEST_METADATA:
        raise FileRefused("The file is not valid PARQUET: its footer is too large.")
    with tempfile.NamedTemporaryFile(suffix=".parquet") as copy:
        copy.write(content)
        copy.flush()
        try:
            yield from _rows(copy.name, dataset)
        except duckdb.OutOfMemoryException as error:
            if "bad allocation" in str(error):
                raise MemoryError from None
            raise FileRefused(f"The file needs more than {MEMORY_LIMIT} to be read: split it.") from None
        except (duckdb.Error, UnicodeDecodeError, ValueError, OverflowError) as error:
            said = excerpt(str(error).partition("LINE 1:")[0].replace(copy.name, "it"), 200).rstrip(". ")
            raise FileRefused(f"The file is not valid PARQUET: {said}.") from None


def _rows(file: str, dataset: FileDataset) -> Rows:
    with duckdb.connect(config={"threads": 1, "memory_limit": MEMORY_LIMIT, "temp_directory": ""}) as connection:
        connection.execute("SET autoinstall_known_extensions = false")
        connection.execute("SET allowed_paths = [?]", [file])
        connection.execute("SET enable_external_access = false")
        _refuse_too_much(connection, file)
        header = Header(_top_names(connection, file), dataset)
        described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [file]).fetchall()
        wanted = [None if place is None else described[place][:2] for place in header.places]
        selected = ["NULL" if one is None else _selected(*one) for one in wanted]
        _refuse_much_text(connection, file, [one[0] for one in wanted if one is not None and one[1] == "VARCHAR"])
        others = {name: described[place][:2] for name, place in header.undeclared if _is_plain(described[place][1])}
        texts = [column for column, kind in others.values() if kind == "VARCHAR"]
        if _text_bytes(connection, file, texts) > LARGEST_FILE:
            others = {name: one for name, one in others.items() if one[1] != "VARCHAR"}
        selected += [_as_sent(*one) for one in others.values()]
        found = connection.execute(f"SELECT {', '.join(selected)} FROM read_parquet(?)", [file])
        number = 0
        while rows := found.fetchmany(ROWS_AT_ONCE):
            for cells in rows:
                number += 1
                beside = dict(zip(others, cells[len(wanted) :], strict=True))
                yield Row(f"row {number}", cells[: len(wanted)], others=_present(beside))


def _refuse_too_much(connection: duckdb.DuckDBPyConnection, file: str) -> None:
    (rows,) = _one(connection, "SELECT num_rows FROM parquet_file_metadata(?)", file)
    if not 0 <= rows <= MOST_ROWS:
        raise FileRefused(f"The file has {rows} rows, not 0 to {MOST_ROWS}: split it.")
    least, total = _one(
        connection,
        "SELECT min(least(total_uncompressed_size, row_group_num_rows)), sum(total_uncompressed_size::HUGEINT)"
        " FROM parquet_metadata(?)",
        file,
    )
    if least is not None and least < 0:
        raise FileRefused("The file is not valid PARQUET: it claims negative sizes.")
    if total is not None and total > 4 * LARGEST_FILE:
        raise FileRefused(f"The file unpacks to {total} bytes: split it.")


def _refuse_much_text(connection: duckdb.DuckDBPyConnection, file: str, names: Sequence[str]) -> None:
    if (total := _text_bytes(connection, file, names)) > LARGEST_FILE:
        raise FileRefused(f"The file unpacks to {total} bytes of text: split it.")


def _text_bytes(connection: duckdb.DuckDBPyConnection, file: str, names: Sequence[str]) -> int:
    """A dictionary says a text once for all its rows, which is then there as often as there are rows."""
    if not names:
        return 0
    lengths = " + ".join(f"coalesce(sum(strlen({quote_identifier(name)})), 0)" for name in names)
    (total,) = _one(connection, f"SELECT {lengths} FROM read_parquet(?)", file)
    return total


def _top_names(connection: duckdb.DuckDBPyConnection, file: str) -> list[str]:
    """Names of the columns as written: a query would number those that are there twice."""
    schema = connection.execute("SELECT name, num_children FROM parquet_schema(?)", [file]).fetchall()
    names: list[str] = []
    inside = 0
    for name, children in schema[1:]:
        if not inside:
            names.append(name)
        inside += (children or 0) - (1 if inside else 0)
    return names


def _is_plain(kind: str) -> bool:
    return kind in _PLAIN_TYPES or kind.startswith("DECIMAL(")


def _as_sent(name: str, kind: str) -> str:
    """A column that nobody declared: numbers as they are, anything else as text."""
    return quote_identifier(name) if kind in _NUMBERS else f"CAST({_selected(name, kind)} AS VARCHAR)"


def _present(beside: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What a row holds of them, which NaN is not; None for nothing."""
    return {name: value for name, value in beside.items() if value is not None and value == value} or None


def _selected(name: str, kind: str) -> str:
    quoted = quote_identifier(name)
    if not _is_plain(kind):
        shown = excerpt(kind, 60)
        raise FileRefused(f"Column {excerpt(name, 60)} holds {shown}, which is no single value: unnest it.")
    if kind == "VARCHAR":
        # One character too many, so that its reader refuses it.
        return f"left({quoted}, {LONGEST_TEXT + 1})"
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"strftime(make_timestamp(epoch_us({quoted})), '%Y-%m-%dT%H:%M:%S.%fZ')"
    return quoted


def _one(connection: duckdb.DuckDBPyConnection, query: str, file: str) -> Sequence[Any]:
    return connection.execute(query, [file]).fetchall()[0]
