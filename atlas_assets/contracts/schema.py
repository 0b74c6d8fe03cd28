"""Arrow schemas, SQL types and documentation derived from a contract."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

if TYPE_CHECKING:
    from atlas_assets.contracts.columns import Contract


def _arrow_type(dtype: Any) -> pa.DataType:
    if isinstance(dtype, pd.DatetimeTZDtype):
        return pa.timestamp("us", tz="UTC")
    if isinstance(dtype, pd.Int64Dtype):
        return pa.int64()
    if isinstance(dtype, pd.BooleanDtype):
        return pa.bool_()
    return {"f": pa.float64(), "U": pa.string(), "M": pa.date32()}[dtype.kind]


_SQL_TYPES = {
    pa.string(): "VARCHAR",
    pa.float64(): "DOUBLE",
    pa.int64(): "BIGINT",
    pa.bool_(): "BOOLEAN",
    pa.date32(): "DATE",
    pa.timestamp("us", tz="UTC"): "TIMESTAMP WITH TIME ZONE",
}


@cache
def arrow_schema(contract: type[Contract]) -> pa.Schema:
    """The Arrow schema of a contract: its own columns first, then those of each class it inherits from.

    Fields say whether they may be missing and carry their description.
    """
    columns = contract.to_schema().columns
    names = [name for one in contract.__mro__ for name in vars(one).get("__annotations__", {}) if name in columns]
    return pa.schema(
        pa.field(
            name,
            _arrow_type(columns[name].dtype.type),
            nullable=columns[name].nullable,
            metadata={"description": columns[name].description or ""},
        )
        for name in dict.fromkeys(names)
    )


@cache
def sql_types(contract: type[Contract]) -> dict[str, str]:
    """DuckDB type of each column, in order."""
    return {field.name: _SQL_TYPES[field.type] for field in arrow_schema(contract)}


def primary_key(contract: type[Contract]) -> list[str]:
    """The columns that name a row."""
    return list(contract.to_schema().unique or [])


def description(contract: type[Contract]) -> str:
    """What the table is and what a row means."""
    lines = (contract.__doc__ or "").strip().splitlines()
    return "\n".join(line.strip() for line in lines)
