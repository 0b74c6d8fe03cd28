# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
"""Tables of the time-varying parameter VAR: what was fitted after each session, and forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from atlas_assets.models.tvp_var import TVPVAR
from atlas_assets.models.tvp_var_priors import MinnesotaPrior
from atlas_assets.models.tvp_var_results import FilteredVAR
from atlas_assets.models.updating import Fitted, State

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.float64]

FORGETTING = "forgetting"


@dataclass(frozen=True)
class TvpVarTable:
    """Filtered coefficients and innovation covariances of a TVP-VAR: rows of ``model.tvp_var_fit``.

    One row per session, equation and parameter; the sessions are those after the training sample.

    Parameters
    ----------
    lags, forgetting_factor, covariance_decay
        Order, lambda and kappa of :class:`atlas_assets.models.tvp_var.TVPVAR`.
    window_size
        First sessions, which set the prior's scale.
    forgetting_grid, model_forgetting
        More lambdas, and the alpha by which their probabilities are forgotten. With them the rows are averages, and
        each equation has a row ``forgetting``: the mean lambda that forecast the session.
    """

    lags: int
    forgetting_factor: float
    covariance_decay: float
    window_size: int
    forgetting_grid: Sequence[float] = ()
    model_forgetting: float = 0.99

    @property
    def time_column(self) -> str:
        """The session after whose close a parameter was known."""
        return "session_date"

    @property
    def before_the_first(self) -> int:
        """The training sample."""
        return self.window_size

    def fit(self, changes: pd.DataFrame) -> Fitted:
        """All rows, from a frame of :func:`atlas_assets.models.market_changes.market_changes`."""
        model = TVPVAR(
            lags=self.lags,
            forgetting=self._factors,
            model_forgetting=self.model_forgetting,
            covariance_decay=self.covariance_decay,
            prior=MinnesotaPrior(training=self.window_size),
        )
        filtered = model.fit(changes.to_numpy())
        return Fitted(self._rows(filtered, changes, first=self.window_size), model.state())

    def update(self, state: State, changes: pd.DataFrame, *, seen: int) -> Fitted:
        """The rows of the sessions after the first ``seen``, which the state has seen."""
        model = TVPVAR.from_state(state)
        filtered = model.update(changes.to_numpy()[seen:])
        return Fitted(self._rows(filtered, changes.iloc[seen:]), model.state())

    @property
    def _factors(self) -> list[float]:
        return sorted({self.forgetting_factor, *self.forgetting_grid})

    def _rows(self, filtered: FilteredVAR, changes: pd.DataFrame, *, first: int = 0) -> pd.DataFrame:
        import pandas as pd

        names = [str(name) for name in changes.columns]
        lagged = [f"lag{lag}.{name}" for lag in range(1, self.lags + 1) for name in names]
        parameters = [*lagged, "intercept", *(f"covariance.{name}" for name in names)]
        values = np.concatenate([filtered.coefficients, filtered.covariance], axis=2)
        if len(self._factors) > 1:
            mean = (filtered.forgetting_probability * self._factors).sum(axis=1)
            values = np.concatenate([values, np.repeat(mean, len(names)).reshape(-1, len(names), 1)], axis=2)
            parameters.append(FORGETTING)
        index = pd.MultiIndex.from_product(
            [changes.index[first:], names, parameters], names=["session_date", "equation", "parameter"]
        )
        return pd.Series(values[first:].reshape(-1), index=index, name="value").reset_index()


def forecast_table(fit: pd.DataFrame, changes: pd.DataFrame, *, horizon: int) -> pd.DataFrame:
    """One-step forecasts at every session, and the path ahead from the last one.

    The standard error is that of the innovations, carried forward through the VAR; the uncertainty of
    the coefficients is left out.

    Parameters
    ----------
    fit
        ``model.tvp_var_fit``.
    changes
        The frame it was fitted to.
    horizon
        Sessions ahead from the last origin.

    Returns
    -------
    Frame of ``gold.tvp_var_forecasts``.
    """
    import pandas as pd

    names = [str(name) for name in changes.columns]
    origins, coefficients, covariance = _parameters(fit, names)
    rows = changes.to_numpy()
    places = changes.index.get_indexer(origins)
    lags = (coefficients.shape[2] - 1) // len(names)
    history = np.hstack([rows[places - lag] for lag in range(lags)])
    one_step = np.einsum("tnm,tm->tn", coefficients, np.hstack([history, np.ones((len(origins), 1))]))
    past = _long(origins[:-1], names, one_step[:-1], covariance[:-1], realised=rows[places[:-1] + 1])
    mean, spread = _path(coefficients[-1], covariance[-1], history[-1], horizon=horizon)
    ahead = [
        _long(origins[-1:], names, mean[step : step + 1], spread[step : step + 1], realised=None, horizon=step + 1)
        for step in range(horizon)
    ]
    return pd.concat([past, *ahead], ignore_index=True)


def _parameters(fit: pd.DataFrame, names: list[str]) -> tuple[pd.DatetimeIndex, FloatArray, FloatArray]:
    """Sessions (T,), coefficients (T, n, m) and covariances (T, n, n) back from the long table."""
    import pandas as pd

    wide = fit.pivot_table(index=["session_date", "equation"], columns="parameter", values="value")
    wide = wide.reindex(index=pd.MultiIndex.from_product([sorted(fit["session_date"].unique()), names]))
    lags = sum(str(name).startswith("lag") for name in wide.columns) // len(names)
    lagged = [f"lag{lag}.{name}" for lag in range(1, lags + 1) for name in names]
    sessions = pd.DatetimeIndex(wide.index.unique(level=0))
    coefficients = wide[[*lagged, "intercept"]].to_numpy().reshape(len(sessions), len(names), -1)
    covariance = wide[[f"covariance.{name}" for name in names]].to_numpy().reshape(len(sessions), len(names), -1)
    return sessions, coefficients, covariance


def _path(
    coefficients: FloatArray, covariance: FloatArray, history: FloatArray, *, horizon: int
) -> tuple[FloatArray, FloatArray]:
    """Means (horizon, n) and covariances (horizon, n, n) ahead, parameters held."""
    n, k = len(covariance), history.size
    transition = np.eye(k, k=-n)
    transition[:n] = coefficients[:, :k]
    shock, spread, state = np.zeros((k, k)), np.zeros((k, k)), history
    shock[:n, :n] = covariance
    means, covariances = [], []
    for _ in range(horizon):
        state = transition @ state
        state[:n] += coefficients[:, k]
        spread = transition @ spread @ transition.T + shock
        means.append(state[:n].copy())
        covariances.append(spread[:n, :n])
    return np.array(means), np.array(covariances)


def _long(
    origins: pd.DatetimeIndex,
    names: list[str],
    mean: FloatArray,
    covariance: FloatArray,
    *,
    realised: FloatArray | None,
    horizon: int = 1,
) -> pd.DataFrame:
    import pandas as pd

    index = pd.MultiIndex.from_product([origins, names], names=["origin_date", "variable"])
    return pd.DataFrame(
        {
            "horizon": horizon,
            "forecast": mean.reshape(-1),
            "standard_error": np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)).reshape(-1),
            "realised": np.nan if realised is None else realised.reshape(-1),
        },
        index=index,
    ).reset_index()
