# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
"""The table of connectedness from the fitted TVP-VAR."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from atlas_assets.models.connectedness import connectedness

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.float64]

OTHERS = "others"


def connectedness_table(
    fit: pd.DataFrame, *, variables: Sequence[str], horizon: int, method: Literal["generalized", "cholesky"]
) -> pd.DataFrame:
    """Connectedness of every session, from the coefficients and covariance known after its close.

    Parameters
    ----------
    fit
        ``model.tvp_var_fit``.
    variables
        The variables of the VAR, in its order, which matters to the Cholesky method only.
    horizon, method
        As in :func:`atlas_assets.models.connectedness.connectedness`.

    Returns
    -------
    Frame of ``gold.connectedness``: of each variable one row with every other one, and one with all others together.

    Raises
    ------
    ValueError
        If the fit has other variables, or only one.
    """
    import pandas as pd

    if len(variables) < 2 or set(fit["equation"]) != set(variables):
        raise ValueError(
            f"Connectedness needs two variables or more, those of the fit, {sorted(set(fit['equation']))}, "
            f"not {list(variables)}."
        )
    sessions, coefficients, covariance = _var_of_each_session(fit, list(variables))
    result = connectedness(coefficients, covariance, horizon=horizon, method=method)
    n = len(variables)
    row, column = np.nonzero(~np.eye(n, dtype=bool))
    names = np.array([*variables, OTHERS])
    # Pairs first, then each variable with all others: sorted by session and variable in the end.
    variable = np.concatenate([row, np.arange(n)])
    counterpart = np.concatenate([column, np.full(n, n)])
    transmitted = np.concatenate([result.table[:, column, row], result.to], axis=1)
    received = np.concatenate([result.table[:, row, column], result.from_others], axis=1)
    order = np.lexsort([counterpart, variable])
    table = {
        "session_date": np.repeat(sessions.to_numpy(), order.size),
        "variable": np.tile(names[variable[order]], len(sessions)),
        "counterpart": np.tile(names[counterpart[order]], len(sessions)),
        "transmitted": transmitted[:, order].reshape(-1),
        "received": received[:, order].reshape(-1),
        "total": np.repeat(result.total, order.size),
    }
    frame = pd.DataFrame(table)
    return frame.assign(net=frame["transmitted"] - frame["received"])


def _var_of_each_session(fit: pd.DataFrame, variables: list[str]) -> tuple[pd.DatetimeIndex, FloatArray, FloatArray]:
    """Sessions (T,), lag coefficients (T, n, n * lags) and covariances (T, n, n)."""
    import pandas as pd

    wide = fit.pivot_table(index=["session_date", "equation"], columns="parameter", values="value")
    sessions = pd.DatetimeIndex(wide.index.unique(level=0))
    wide = wide.reindex(pd.MultiIndex.from_product([sessions, variables]))
    lags = sum(str(name).startswith("lag") for name in wide.columns) // len(variables)
    lagged = [f"lag{lag}.{name}" for lag in range(1, lags + 1) for name in variables]
    shape = (len(sessions), len(variables), -1)
    return (
        sessions,
        wide[lagged].to_numpy().reshape(shape),
        wide[[f"covariance.{name}" for name in variables]].to_numpy().reshape(shape),
    )
