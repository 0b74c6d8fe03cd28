# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
"""The table of combined forecasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from atlas_assets.models.ensemble import Interval, Method, combine

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.float64]

ENSEMBLE = "ensemble"


def forecasters(tvp_var: pd.DataFrame, dma: pd.DataFrame, *, trailing_sessions: int) -> pd.DataFrame:
    """One-step forecasts of the variable of dynamic model averaging, by the models and by two that know no model.

    Parameters
    ----------
    tvp_var
        ``gold.tvp_var_forecasts``, among whose variables must be that of ``dma``.
    dma
        ``gold.dma_forecasts``.
    trailing_sessions
        Sessions whose mean is the forecast ``trailing_mean``.

    Returns
    -------
    Frame indexed by origin_date with a column for each forecaster (``tvp_var``, ``dma``, ``zero``, ``trailing_mean``)
    and ``realised``, from the first origin that every forecaster has; ``realised`` is missing where it is ahead.

    Raises
    ------
    ValueError
        If the two tables share no variable, or too few origins.
    """
    import pandas as pd

    variable = str(dma["variable"].iloc[0])
    one_step = tvp_var[(tvp_var["variable"] == variable) & (tvp_var["horizon"] == 1)]
    if one_step.empty:
        raise ValueError(f"The TVP-VAR does not forecast {variable}: add it to the symbols of models.tvp_var.")
    known = dma.set_index("origin_date")[["forecast", "realised"]].rename(columns={"forecast": "dma"})
    table = known.join(one_step.set_index("origin_date")["forecast"].rename("tvp_var"), how="inner").sort_index()
    # What an origin knows is what came after the origins before it.
    trailing = table["realised"].shift(1).rolling(trailing_sessions).mean()
    table = table.assign(zero=0.0, trailing_mean=trailing)[["tvp_var", "dma", "zero", "trailing_mean", "realised"]]
    complete = table.dropna(subset="trailing_mean")
    if complete["realised"].notna().sum() < 1:
        raise ValueError(
            f"A trailing mean of {trailing_sessions} sessions needs more than the {len(table)} origins that the models "
            "share: lower models.ensemble.trailing_sessions."
        )
    return pd.DataFrame(complete)


def ensemble_table(
    forecasts: pd.DataFrame,
    *,
    variable: str,
    method: Method,
    training: int,
    forgetting: float,
    coverage: float,
    interval: Interval,
    calibration: int,
) -> pd.DataFrame:
    """Each forecaster and their combination, with conformal intervals, at every origin.

    The interval of a forecaster comes from its own past errors, in the way of the ensemble's, so that their coverage
    and width can be compared.

    Parameters
    ----------
    forecasts
        Frame of :func:`forecasters`; rows after the last one that is realised are ahead, and only the first of them is
        forecast.
    variable
        What is forecast.
    method, training, forgetting, coverage, interval, calibration
        As in :func:`atlas_assets.models.ensemble.combine`.

    Returns
    -------
    Frame of ``gold.ensemble_forecasts``.
    """
    import pandas as pd

    names = [str(name) for name in forecasts.columns if name != "realised"]
    realised = forecasts["realised"].to_numpy(dtype=np.float64)
    past = int(np.flatnonzero(np.isfinite(realised))[-1]) + 1
    rows = forecasts[names].to_numpy(dtype=np.float64)[: past + 1]
    origins, realised = forecasts.index[: len(rows)], realised[: len(rows)]

    def combined(columns: FloatArray, how: Method) -> tuple[FloatArray, FloatArray]:
        """Forecast and ends of its interval (T, 3), and weights (T, k)."""
        result = combine(
            columns[:past],
            realised[:past],
            method=how,
            training=training,
            forgetting=forgetting,
            coverage=coverage,
            interval=interval,
            calibration=calibration,
        )
        values, weights = np.column_stack([result.forecast, result.lower, result.upper]), result.weights
        if len(columns) > past:
            ahead = result.predict(columns[past])
            values = np.vstack([values, [ahead.forecast, ahead.lower, ahead.upper]])
            weights = np.vstack([weights, ahead.weights])
        return values, weights

    def part(forecaster: str, values: FloatArray, weight: FloatArray | float) -> pd.DataFrame:
        return pd.DataFrame(values, columns=["forecast", "lower", "upper"]).assign(forecaster=forecaster, weight=weight)

    together, weights = combined(rows, method)
    parts = [part(ENSEMBLE, together, np.nan)]
    for place, name in enumerate(names):
        parts.append(part(name, combined(rows[:, [place]], "equal")[0], weights[:, place]))
    described = [one.assign(origin_date=origins, variable=variable, realised=realised) for one in parts]
    table = pd.concat(described, ignore_index=True)
    # An interval without an end is missing: the contract's numbers are finite.
    table[["lower", "upper"]] = table[["lower", "upper"]].replace([np.inf, -np.inf], np.nan)
    return table.sort_values("origin_date", kind="stable", ignore_index=True)
