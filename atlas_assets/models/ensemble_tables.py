# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
"""The table of combined forecasts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from atlas_assets.models.ensemble import Combination, Interval, Method, combine
from atlas_assets.models.updating import Fitted, State

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.float64]

ENSEMBLE = "ensemble"
FORECASTERS = ("tvp_var", "dma", "zero", "trailing_mean")
_INTERVAL = ("forecast", "lower", "upper")
_CAME = "came."


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
    and, last, ``came.<variable>``: what came of the forecasts of the origin before. So a row holds what its origin
    knows, and never changes. From the first origin that every forecaster has to the first whose value is ahead; no rows
    where a table has none, or the origins that both have are fewer than the trailing sessions.

    Raises
    ------
    ValueError
        If the two tables share no variable.
    """
    import pandas as pd

    if tvp_var.empty or dma.empty:
        return pd.DataFrame(columns=[*FORECASTERS, _CAME])
    variable = str(dma["variable"].iloc[0])
    one_step = tvp_var[(tvp_var["variable"] == variable) & (tvp_var["horizon"] == 1)]
    if one_step.empty:
        raise ValueError(f"The TVP-VAR does not forecast {variable}: add it to the symbols of models.tvp_var.")
    known = dma.set_index("origin_date")[["forecast", "realised"]].rename(columns={"forecast": "dma"})
    table = known.join(one_step.set_index("origin_date")["forecast"].rename("tvp_var"), how="inner").sort_index()
    came = table["realised"].shift(1)
    table = table.assign(zero=0.0, trailing_mean=came.rolling(trailing_sessions).mean())
    table = pd.DataFrame(table[[*FORECASTERS]]).assign(**{f"{_CAME}{variable}": came})
    return table.loc[: came.last_valid_index()].iloc[trailing_sessions:]


@dataclass(frozen=True)
class EnsembleTable:
    """Each forecaster and their combination, with conformal intervals, at every origin: ``gold.ensemble_forecasts``.

    The interval of a forecaster comes from its own past errors, in the way of the ensemble's, so that their coverage
    and width can be compared.

    Parameters
    ----------
    method, training, forgetting, coverage, interval, calibration
        As in :func:`atlas_assets.models.ensemble.combine`.
    """

    method: Method
    training: int
    forgetting: float
    coverage: float
    interval: Interval
    calibration: int

    @property
    def time_column(self) -> str:
        """The last session that a forecast knows."""
        return "origin_date"

    @property
    def before_the_first(self) -> int:
        """An origin whose value has come."""
        return 1

    def fit(self, changes: pd.DataFrame) -> Fitted:
        """All rows, from a frame of :func:`forecasters`; the last origin's value is ahead."""
        return self._fitted(changes, None)

    def update(self, state: State, changes: pd.DataFrame, *, seen: int) -> Fitted:
        """The rows of the origins after the first ``seen``, and of the last of these, whose value has come since."""
        return self._fitted(changes.iloc[seen - 1 :], state)

    def _fitted(self, changes: pd.DataFrame, state: State | None) -> Fitted:
        """Rows of all origins given; where there is a state, it has seen what came up to the first of them."""
        import pandas as pd

        forecasts, came = changes[[*FORECASTERS]].to_numpy(np.float64), changes.iloc[1:, -1].to_numpy(np.float64)
        told = {ENSEMBLE: forecasts} | {name: forecasts[:, [place]] for place, name in enumerate(FORECASTERS)}
        combined = {name: self._combined(name, columns[:-1], came, state) for name, columns in told.items()}
        following = {name: past.predict(told[name][-1]) for name, past in combined.items()}
        weights = np.vstack([combined[ENSEMBLE].weights, following[ENSEMBLE].weights])
        weight = {ENSEMBLE: np.nan} | dict(zip(FORECASTERS, weights.T, strict=True))
        parts = [
            pd.DataFrame(
                {
                    "origin_date": changes.index,
                    "variable": str(changes.columns[-1]).removeprefix(_CAME),
                    "forecaster": name,
                    **{end: np.append(getattr(past, end), getattr(following[name], end)) for end in _INTERVAL},
                    "weight": weight[name],
                    "realised": np.append(came, np.nan),
                }
            )
            for name, past in combined.items()
        ]
        table = pd.concat(parts).sort_values("origin_date", kind="stable", ignore_index=True)
        # An interval without an end is missing: the contract's numbers are finite.
        table[["lower", "upper"]] = table[["lower", "upper"]].replace([np.inf, -np.inf], np.nan)
        states = {f"{name}.{key}": values for name, past in combined.items() for key, values in past.state().items()}
        return Fitted(table, states)

    def _combined(self, name: str, forecasts: FloatArray, came: FloatArray, state: State | None) -> Combination:
        """All origins but the last, whose value is ahead."""
        if state is not None:
            own = {key.removeprefix(f"{name}."): values for key, values in state.items() if key.startswith(f"{name}.")}
            return Combination.from_state(own).update(forecasts, came)
        options = self if name == ENSEMBLE else replace(self, method="equal")
        return combine(forecasts, came, **asdict(options))
