"""What :mod:`atlas_assets.models.dma` gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ModelAverage:
    """Averages over models for ``T`` rows; all of them are predictive: row t knows only the rows before it.

    Attributes
    ----------
    forecast : array of shape (T,), mean of y. NaN in the training rows, as everything else.
    variance : array of shape (T,), of y by the mixture of all models.
    log_predictive_density : array of shape (T,), log density of the row's y.
    inclusion_probability : array of shape (T, k), of each regressor; 1 for those that are always in.
    expected_size : array of shape (T,), number of regressors, without the intercept.
    best_model : bool array of shape (T, k), the regressors of the most probable model (none in the training rows).
    factors : array of shape (g, 2), the pairs of forgetting (in the calm regime, if it is by regime) and ewma_decay
        (NaN where the variance is recursive).
    factor_probability : array of shape (T, g), of each of these pairs.
    """

    forecast: FloatArray
    variance: FloatArray
    log_predictive_density: FloatArray
    inclusion_probability: FloatArray
    expected_size: FloatArray
    best_model: npt.NDArray[np.bool_]
    factors: FloatArray
    factor_probability: FloatArray


@dataclass(frozen=True)
class DensityForecast:
    """Forecast of the next row: ``mean`` and ``variance`` (of the mixture), arrays of shape ()."""

    mean: FloatArray
    variance: FloatArray


def after_training(averaged: ModelAverage, rows: int) -> ModelAverage:
    """The averages behind so many rows that are not forecast."""

    def behind(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        blank = False if values.dtype == np.bool_ else np.nan
        return np.concatenate([np.full((rows, *values.shape[1:]), blank), values])

    return replace(averaged, **{name: behind(values) for name, values in vars(averaged).items() if name != "factors"})
