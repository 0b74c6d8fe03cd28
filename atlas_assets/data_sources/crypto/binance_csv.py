"""The CSV of Binance's archives, read by Arrow; where a row is bad, line by line."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported)

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from atlas_assets.data_sources.fields import NEW_FIELD, HeaderChanged

if TYPE_CHECKING:
    import pyarrow as pa

# Futures archives begin with a header, in which some columns have other names.
HEADER_NAMES = {
    "id": "trade_id",
    "qty": "quantity",
    "quote_qty": "quote_quantity",
    "count": "trades",
    "taker_buy_volume": "taker_buy_base_volume",
    "ignore": "unused",
}
DECIMALS = (
    "price",
    "quantity",
    "quote_quantity",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "quote_volume",
    "taker_buy_base_volume",
    "taker_buy_quote_volume",
)
INTEGERS = (
    "agg_trade_id",
    "first_trade_id",
    "last_trade_id",
    "transact_time",
    "trade_id",
    "time",
    "open_time",
    "close_time",
    "trades",
)
FLAGS = ("is_buyer_maker", "is_best_match")
DOCUMENTED = frozenset({*DECIMALS, *INTEGERS, *FLAGS})
UNKEPT = frozenset({"unused"})
DECIMAL = r"^[0-9]+(\.[0-9]+)?$"
LINE = "line"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_rows(text: bytes, fields: Sequence[str], *, optional: int = 0) -> pa.Table:
    """The rows of an archive's CSV: typed, or as lines where some of them cannot be read.

    Parameters
    ----------
    text
        The CSV, with or without a header.
    fields
        Its columns in order.
    optional
        How many of the last ones may be absent.

    Raises
    ------
    ValueError
        When a header lacks a column.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    text = text.removeprefix(BYTE_ORDER_MARK)
    end = text.find(b"\n") + 1 or len(text)
    first_line, names = text[:end], list(fields)
    if first_line[:1].isalpha():
        names, text = _header(first_line, fields, optional), text[end:]
    elif first_line.count(b",") + 1 in range(len(fields) - optional, len(fields)):
        names = names[: first_line.count(b",") + 1]
    if not text or text.isspace():
        return pa.schema(_types(names)).empty_table()
    try:
        return _typed(pa.py_buffer(text), names, threads=True)
    except pa.ArrowInvalid:
        lines = pc.split_pattern(pa.array([text], pa.large_binary()), "\n").flatten()
        lines = lines.filter(pc.not_equal(pc.binary_length(lines), 0))
        return pa.table({LINE: lines}).replace_schema_metadata({"names": ",".join(names)})


def typed_columns(rows: pa.Table) -> Mapping[str, Any]:
    """Rows as `read_rows` gives them, as columns.

    Raises
    ------
    ValueError
        When a value is not as documented.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if rows.column_names == [LINE]:
        names = rows.schema.metadata[b"names"].decode().split(",")
        # With threads, which of several bad values is named would be a matter of chance.
        rows = _typed(pa.py_buffer(b"\n".join(rows[LINE].to_pylist())), names, threads=False)
    for name in DECIMALS:
        if name in rows.column_names and not pc.all(pc.match_substring_regex(rows[name], DECIMAL), min_count=0).as_py():
            raise ValueError(f"{name} is not a decimal number")
    documented = {name: rows[name] for name in rows.column_names if name in DOCUMENTED}
    others = {f"{NEW_FIELD}{name}": rows[name] for name in rows.column_names if name not in DOCUMENTED}
    return {**documented, **{name: [json.dumps(cell) for cell in cells.to_pylist()] for name, cells in others.items()}}


def _header(line: bytes, fields: Sequence[str], optional: int) -> list[str]:
    sent = [name.strip().lower() for name in line.decode("utf-8", "replace").split(",")]
    names = [HEADER_NAMES.get(name, name) for name in sent]
    missing = [name for name in fields[: len(fields) - optional] if name not in names]
    if missing:
        raise HeaderChanged(missing, [name for name in names if name not in fields])
    return names


def _typed(buffer: pa.Buffer, names: Sequence[str], *, threads: bool) -> pa.Table:
    import pyarrow as pa
    import pyarrow.csv

    types = _types(names)
    return pa.csv.read_csv(
        pa.BufferReader(buffer),
        read_options=pa.csv.ReadOptions(column_names=list(names), use_threads=threads),
        parse_options=pa.csv.ParseOptions(quote_char=False),
        convert_options=pa.csv.ConvertOptions(
            column_types=types,
            include_columns=list(types),
            null_values=[],
            true_values=["true", "True"],
            false_values=["false", "False"],
        ),
    )


def _types(names: Sequence[str]) -> dict[str, pa.DataType]:
    """The types of the columns that are kept; what nobody declared is text."""
    import pyarrow as pa

    texts, flags = dict.fromkeys(DECIMALS, pa.string()), dict.fromkeys(FLAGS, pa.bool_())
    kinds = {**dict.fromkeys(INTEGERS, pa.int64()), **texts, **flags}
    return {name: kinds.get(name, pa.string()) for name in names if name not in UNKEPT}
