"""Column types and the one way to declare a column of a contract."""

from typing import Annotated, Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

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
