"""What :mod:`atlas_assets.models.tvp_var` gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FilteredVAR:
    """Filtered estimates of ``T`` rows, ``n`` variables and ``m = n * lags + intercept`` regressors.

    Attributes
    ----------
    coefficients : array of shape (T, n, m), given data up to the row. The m columns are lag 1 of all variables, lag 2,
        ..., and the intercept last. The first ``lags`` rows hold the prior mean.
    covariance : array of shape (T, n, n), of the innovations, given data up to the row.
    one_step_forecast : array of shape (T, n), mean of the row given the rows before; NaN in the first ``lags`` rows.
    log_predictive_density : array of shape (T,), log density of the row given the rows before, with the covariance
        of the row before; NaN in the first ``lags`` rows.
    in_sample : bool array of shape (T,), the rows that the prior (or full-sample demeaning) has already seen.
    forgetting_probability : array of shape (T, k), of the k forgetting factors given the rows before; with one factor
        it is 1. Forecasts and densities are averages with these weights; coefficients and covariances with those of
        the next row, so that they make its forecast.
    lags : the number of lags.
    """

    coefficients: FloatArray
    covariance: FloatArray
    one_step_forecast: FloatArray
    log_predictive_density: FloatArray
    in_sample: npt.NDArray[np.bool_]
    forgetting_probability: FloatArray
    lags: int

    @property
    def lag_coefficients(self) -> FloatArray:
        """Coefficients without the intercept, (T, n, n * lags): what ``connectedness`` takes."""
        return self.coefficients[..., : self.coefficients.shape[1] * self.lags]


@dataclass(frozen=True)
class VARForecast:
    """Forecast of the next ``steps`` rows: ``mean (steps, n)`` and ``covariance (steps, n, n)``."""

    mean: FloatArray
    covariance: FloatArray
