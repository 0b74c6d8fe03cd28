# pyarrow has no type stubs.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownLambdaType=false, reportMissingTypeStubs=false, reportAttributeAccessIssue=false
"""The types that a lake stores, and how incoming data is brought to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlas_assets.lake.errors import LakeError, first_line

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def stored_type(arrow: pa.DataType) -> pa.DataType:
    """Return the type as which the lake gives a value back.

    Times are kept to the microsecond and, when they have a zone, in UTC; dictionaries are decoded;
    the large and the view variants of strings and lists are the plain ones.
    """
    import pyarrow as pa
    from pyarrow import types

    if types.is_dictionary(arrow):
        return stored_type(arrow.value_type)
    if types.is_timestamp(arrow):
        return pa.timestamp("us", "UTC") if arrow.tz else pa.timestamp("us")
    if types.is_date(arrow):
        return pa.date32()
    if types.is_time(arrow):
        return pa.time64("us")
    if types.is_large_string(arrow) or types.is_string_view(arrow):
        return pa.string()
    if types.is_large_binary(arrow) or types.is_binary_view(arrow) or types.is_fixed_size_binary(arrow):
        return pa.binary()
    if types.is_float16(arrow):
        return pa.float32()
    if types.is_list(arrow) or types.is_large_list(arrow) or types.is_fixed_size_list(arrow):
        return pa.list_(stored_type(arrow.value_type))
    if types.is_struct(arrow):
        return pa.struct([(field.name, stored_type(field.type)) for field in arrow])
    return arrow


def sql_type(arrow: pa.DataType, column: str) -> str:
    """Return the engine's spelling of a stored type."""
    from pyarrow import types

    from atlas_assets.lake.identifiers import quote_identifier

    arrow = stored_type(arrow)
    simple = {
        "bool": "BOOLEAN",
        "int8": "TINYINT",
        "int16": "SMALLINT",
        "int32": "INTEGER",
        "int64": "BIGINT",
        "uint8": "UTINYINT",
        "uint16": "USMALLINT",
        "uint32": "UINTEGER",
        "uint64": "UBIGINT",
        "float": "FLOAT",
        "double": "DOUBLE",
        "string": "VARCHAR",
        "binary": "BLOB",
        "date32[day]": "DATE",
        "time64[us]": "TIME",
        "timestamp[us]": "TIMESTAMP",
        "timestamp[us, tz=UTC]": "TIMESTAMP WITH TIME ZONE",
    }
    if str(arrow) in simple:
        return simple[str(arrow)]
    if types.is_decimal128(arrow):
        return f"DECIMAL({arrow.precision},{arrow.scale})"
    if types.is_list(arrow):
        return sql_type(arrow.value_type, column) + "[]"
    if types.is_struct(arrow):
        fields = ", ".join(f"{quote_identifier(field.name)} {sql_type(field.type, column)}" for field in arrow)
        return f"STRUCT({fields})"
    raise LakeError(f"Column {column} has the type {arrow}, which the lake does not store: choose another type for it.")


def is_open(table: str) -> bool:
    """Whether a table may have columns that its schema does not name: what a vendor adds is kept beside the others."""
    return table.startswith("raw.")


def conform(data: pa.Table | pa.RecordBatchReader | pd.DataFrame, schema: pa.Schema, table: str) -> pa.Table:
    """Bring data to a table's columns and stored types, without losing a bit of any value.

    Further columns of Arrow data follow those of the schema where the table `is_open`.

    A missing number is stored as NULL, never as NaN: SQL would otherwise take it for the largest number.

    Raises
    ------
    LakeError
        When a column is missing, not in the schema, does not fit its type or holds a NUL character.
    """
    import pyarrow as pa

    incoming = _as_arrow(data, schema, table)
    missing = [name for name in schema.names if name not in incoming.column_names]
    unknown = [name for name in incoming.column_names if name not in schema.names]
    if is_open(table) and isinstance(data, pa.Table):
        for name in unknown:
            schema = schema.append(incoming.schema.field(name))
        unknown = []
    if missing or unknown:
        fault = f"lacks column {', '.join(missing)}" if missing else f"has the unknown column {', '.join(unknown)}"
        raise LakeError(f"The data for {table} {fault}: correct the data, or add the column to the table's contract.")
    fields = [pa.field(field.name, stored_type(field.type)) for field in schema]
    columns = [_conform_column(incoming.column(field.name), field, table) for field in fields]
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def _as_arrow(data: Any, schema: pa.Schema, table: str) -> pa.Table:
    import pyarrow as pa

    if isinstance(data, pa.Table):
        return data
    if isinstance(data, pa.RecordBatchReader):
        return data.read_all()
    known = pa.schema([field for field in schema if field.name in data.columns])
    unknown = [name for name in data.columns if name not in schema.names]
    if unknown:
        return pa.table({str(name): pa.nulls(len(data)) for name in data.columns})
    try:
        return pa.Table.from_pandas(data, schema=known, preserve_index=False)
    except (pa.ArrowException, OverflowError) as error:
        raise LakeError(f"The data for {table} does not fit its schema ({first_line(error)}): correct it.") from error


def _conform_column(column: pa.ChunkedArray, field: pa.Field, table: str) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import types

    try:
        if types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        column = column.cast(field.type)
    except pa.ArrowException as error:
        raise LakeError(
            f"Column {field.name} of the data for {table} does not fit {field.type} ({first_line(error)}): correct it."
        ) from error
    if types.is_floating(field.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, field.type), column)
    # The engine's file pruning cannot compare with a string that holds NUL; such a table could not be queried.
    if types.is_string(field.type) and _holds_nul(column):
        raise LakeError(f"Column {field.name} of the data for {table} holds a NUL character: remove it.")
    return column


def _holds_nul(column: pa.ChunkedArray) -> bool:
    import pyarrow.compute as pc

    # Looking through the bytes of all values at once is many times faster than asking each value.
    texts = [chunk.buffers()[2] for chunk in column.chunks]
    if not any(text is not None and b"\0" in text.to_pybytes() for text in texts):
        return False
    return bool(pc.any(pc.match_substring(column, "\0")).as_py())
