# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
"""Tables of dynamic model averaging: what was fitted after each session, and forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlas_assets.models.dma import DynamicModelAveraging
from atlas_assets.models.dma_results import ModelAverage
from atlas_assets.models.updating import Fitted, State

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class DmaTable:
    """What dynamic model averaging says after each session of the next one's change of the target: ``model.dma_fit``.

    One row per session and parameter, after the first ``window_size`` forecasts; the last origin is the last session.

    Parameters
    ----------
    target
        The column that is forecast.
    lags
        Each column, lagged once to so many times, is a regressor.
    forgetting_factors, model_forgetting, variance_decay
        Grid of lambda, alpha and kappa of :class:`atlas_assets.models.dma.DynamicModelAveraging`.
    window_size
        First forecasts, which set the prior's scale.
    """

    target: str
    lags: int
    forgetting_factors: Sequence[float]
    model_forgetting: float
    variance_decay: float
    window_size: int

    @property
    def time_column(self) -> str:
        """The last session that a parameter knows."""
        return "origin_date"

    @property
    def before_the_first(self) -> int:
        """The training sample, whose own first rows need lags."""
        return self.window_size + self.lags

    def fit(self, changes: pd.DataFrame) -> Fitted:
        """All rows, from a frame of :func:`atlas_assets.models.market_changes.market_changes`."""
        model = DynamicModelAveraging(
            forgetting=self.forgetting_factors,
            model_forgetting=self.model_forgetting,
            observation_variance="ewma",
            ewma_decay=self.variance_decay,
            training=self.window_size,
        )
        regressors = self._regressors(changes)
        past = model.fit(changes[self.target].to_numpy()[self.lags :], regressors.to_numpy()[:-1])
        return Fitted(_rows(past, model, regressors, first=self.window_size), model.state())

    def update(self, state: State, changes: pd.DataFrame, *, seen: int) -> Fitted:
        """The rows of the sessions after the first ``seen``, which the state has seen."""
        model = DynamicModelAveraging.from_state(state)
        # What the first of them brings was forecast the session before, whose row is there already.
        regressors = self._regressors(changes).loc[changes.index[seen - 1] :]
        past = model.update(changes[self.target].to_numpy()[seen:], regressors.to_numpy()[:-1])
        return Fitted(_rows(past, model, regressors, first=1), model.state())

    def _regressors(self, changes: pd.DataFrame) -> pd.DataFrame:
        """What is known at each session: the last ``lags`` changes of every column."""
        import pandas as pd

        lagged = {
            f"lag{lag}.{name}": changes[name].shift(lag - 1)
            for lag in range(1, self.lags + 1)
            for name in changes.columns
        }
        return pd.DataFrame(lagged).iloc[self.lags - 1 :]


def _rows(past: ModelAverage, model: DynamicModelAveraging, regressors: pd.DataFrame, *, first: int) -> pd.DataFrame:
    """Rows from the ``first`` origin on: all but the last in ``past``, the last by a model that went on from there."""
    import pandas as pd

    # Whatever comes next, what is predictive does not know it.
    ahead = DynamicModelAveraging.from_state(model.state()).update(0.0, regressors.to_numpy()[-1])
    columns = {
        name: np.append(getattr(past, name), getattr(ahead, name)) for name in ("forecast", "variance", "expected_size")
    }
    inclusion = np.vstack([past.inclusion_probability, ahead.inclusion_probability])
    columns |= {f"inclusion.{name}": inclusion[:, place] for place, name in enumerate(regressors.columns)}
    wide = pd.DataFrame(columns, index=regressors.index.rename("origin_date")).iloc[first:]
    return wide.melt(var_name="parameter", value_name="value", ignore_index=False).reset_index()


def dma_forecast_table(fit: pd.DataFrame, changes: pd.DataFrame, *, target: str) -> pd.DataFrame:
    """Frame of ``gold.dma_forecasts`` from ``model.dma_fit`` and the changes it was fitted to."""
    wide = fit.pivot_table(index="origin_date", columns="parameter", values="value")
    table = wide[["forecast", "expected_size"]].assign(
        variable=target,
        standard_error=wide["variance"] ** 0.5,
        realised=changes[target].shift(-1).reindex(wide.index),
    )
    return table.reset_index().rename_axis(columns=None)
