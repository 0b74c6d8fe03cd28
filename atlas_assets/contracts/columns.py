"""Column types, the one way to declare a column of a contract, and contracts of declared raw tables."""

from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

if TYPE_CHECKING:
    from atlas_assets.contracts.raw import RawTable

Text = str
Number = float
Integer = pd.Int64Dtype
Flag = pd.BooleanDtype
Date = np.datetime64
Utc = Annotated[pd.DatetimeTZDtype, "us", "UTC"]


class Contract(pa.DataFrameModel):
    """A table's schema: column names, types, units, bounds and primary key (``Config.unique``)."""

    class Config(pa.DataFrameModel.Config):
        strict = True
        coerce = True


def column(description: str, *, unit: str | None = None, nullable: bool = False, **bounds: Any) -> Any:
    """A column with its meaning, unit and bounds.

    Parameters
    ----------
    description
        What a value says, shown in the UI and the data dictionary.
    unit
        Unit of a number (``"fraction"``, ``"USD"``, ``"index points"``); None where there is none.
    nullable
        Whether a value may be missing.
    **bounds
        Pandera field checks: ``gt``, ``ge``, ``lt``, ``le``, ``isin``, ``str_length`` …
    """
    return pa.Field(description=description, nullable=nullable, metadata={"unit": unit}, **bounds)


_KINDS: dict[str, Any] = {
    "text": Text,
    "number": Number,
    "integer": Integer,
    "flag": Flag,
    "day": Date,
    "instant": Utc,
}


@cache
def contract_of(table: "RawTable") -> type[Contract]:
    """The contract of a raw table, made from its declaration."""
    from atlas_assets.contracts.rules import rule

    declared = {
        name: column(one.description, unit=one.unit, nullable=one.nullable, **one.bounds)
        for name, one in table.columns.items()
    }
    body = {
        "__module__": __name__,
        "__doc__": table.description,
        "__annotations__": {name: _KINDS[one.kind] for name, one in table.columns.items()},
        **declared,
        **{f"rule_{number}": rule(expression) for number, expression in enumerate(table.rules)},
        "Config": type("Config", (Contract.Config,), {"unique": list(table.key)}),
    }
    name = "".join(part.title() for part in table.name.partition(".")[2].split("_"))
    return type(name, (Contract,), body)
