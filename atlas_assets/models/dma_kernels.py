"""Compiled passes of :mod:`atlas_assets.models.dma`; the equations are in its docstring.

Models of one size are filtered side by side in blocks of ``LANES``: the innermost loops run over the models of a block,
whose numbers lie next to each other, and the processor takes several at once. A model's numbers depend on no other
model, so that however the blocks are divided among threads the bits are the same.
"""

# Numba decorators and index loops carry no static types.
# pyright: reportUnknownMemberType=false, reportUntypedFunctionDecorator=false

from __future__ import annotations

from typing import TypeAlias

import numba
import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

LANES = 32
_LOG_2_PI = np.log(2 * np.pi)


@numba.njit(
    "void(float64[::1], float64[:, ::1], int64[:, :, ::1], float64[:, :, ::1], float64[:, :, ::1], float64[:, ::1],"
    "int64, float64[::1], float64, boolean, int64, int64, float64[:, :], float64[:, :], float64[:, :])",
    cache=True,
    nogil=True,
)
def filter_blocks(  # noqa: C901 - index loops are what compiles to fast code
    y: FloatArray,
    x: FloatArray,
    columns: IntArray,
    mean: FloatArray,
    covariance: FloatArray,
    variance: FloatArray,
    rows_before: int,
    growth: FloatArray,
    decay: float,
    is_recursive: bool,
    first: int,
    last: int,
    forecast: FloatArray,
    forecast_variance: FloatArray,
    log_density: FloatArray,
) -> None:
    """Filter blocks ``first`` to ``last`` of models of one size over ``y (T,)`` and ``x (T, k)``, in place.

    ``columns (B, m, LANES)`` are the regressors of each model, ``mean`` and ``covariance`` (lower triangle by rows) its
    state, ``variance (B, LANES)`` that of the observation, ``growth (T,)`` what the covariance grows by before each
    row; the last three (T, models) are filled.
    """
    size = columns.shape[1]
    regressor, gain = np.empty((size, LANES)), np.empty((size, LANES))
    fitted, spread, error, total = np.empty(LANES), np.empty(LANES), np.empty(LANES), np.empty(LANES)
    density = np.empty(LANES)
    for b in range(first, last):
        theta, p, v, column = mean[b], covariance[b], variance[b], columns[b]
        for t in range(y.size):
            grows = growth[t]
            for lane in range(LANES):
                fitted[lane] = 0.0
                spread[lane] = 0.0
            for i in range(size):
                for lane in range(LANES):
                    regressor[i, lane] = x[t, column[i, lane]]
                    gain[i, lane] = 0.0
            at = 0
            for i in range(size):
                for j in range(i):
                    for lane in range(LANES):
                        gain[i, lane] += p[at, lane] * regressor[j, lane]
                        gain[j, lane] += p[at, lane] * regressor[i, lane]
                    at += 1
                for lane in range(LANES):
                    gain[i, lane] += p[at, lane] * regressor[i, lane]
                at += 1
            for i in range(size):
                for lane in range(LANES):
                    gain[i, lane] *= grows
                    fitted[lane] += theta[i, lane] * regressor[i, lane]
                    spread[lane] += gain[i, lane] * regressor[i, lane]
            for lane in range(LANES):
                total[lane] = v[lane] + spread[lane]
                error[lane] = y[t] - fitted[lane]
                density[lane] = -0.5 * (_LOG_2_PI + np.log(total[lane]) + error[lane] * error[lane] / total[lane])
            for lane in range(min(LANES, forecast.shape[1] - b * LANES)):
                forecast[t, b * LANES + lane] = fitted[lane]
                forecast_variance[t, b * LANES + lane] = total[lane]
                log_density[t, b * LANES + lane] = density[lane]
            at = 0
            for i in range(size):
                for lane in range(LANES):
                    scaled = gain[i, lane] / total[lane]
                    theta[i, lane] += scaled * error[lane]
                    fitted[lane] = scaled
                for j in range(i + 1):
                    for lane in range(LANES):
                        p[at, lane] = p[at, lane] * grows - fitted[lane] * gain[j, lane]
                    at += 1
            count = rows_before + t
            for lane in range(LANES):
                square = error[lane] * error[lane]
                if is_recursive:
                    updated = (count * v[lane] + square - spread[lane]) / (count + 1)
                else:
                    updated = decay * v[lane] + (1 - decay) * square
                if updated > 0:
                    v[lane] = updated


@numba.njit(
    "void(float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[::1], float64, float64,"
    "int64[::1], int64[::1], int64[::1], float64[::1], float64[::1], float64[::1],"
    "float64[:, ::1], float64[:, ::1], int64[::1])",
    cache=True,
    nogil=True,
)
def average_models(
    forecasts: FloatArray,
    variances: FloatArray,
    log_densities: FloatArray,
    probability: FloatArray,
    model_forgetting: float,
    floor: float,
    starts: IntArray,
    members: IntArray,
    factors: IntArray,
    forecast: FloatArray,
    forecast_variance: FloatArray,
    log_density: FloatArray,
    inclusion: FloatArray,
    factor_probability: FloatArray,
    best: IntArray,
) -> None:
    """Weigh the models of each row by what was known before it, then update ``probability (K,)`` in place.

    Model ``i`` has the regressors ``members[starts[i] : starts[i + 1]]`` and the factors ``factors[i]``.
    """
    models = probability.size
    for t in range(forecasts.shape[0]):
        total, highest = 0.0, -np.inf
        for i in range(models):
            if model_forgetting != 1:
                probability[i] = probability[i] ** model_forgetting
            probability[i] += floor
            total += probability[i]
            highest = max(highest, log_densities[t, i])
        likelihood, mean, spread, best_probability = 0.0, 0.0, 0.0, -1.0
        for i in range(models):
            weight = probability[i] / total
            # Around the first model's forecast: the square of a large mean would swallow a small variance.
            difference = forecasts[t, i] - forecasts[t, 0]
            mean += weight * difference
            spread += weight * (variances[t, i] + difference * difference)
            for at in range(starts[i], starts[i + 1]):
                inclusion[t, members[at]] += weight
            factor_probability[t, factors[i]] += weight
            if weight > best_probability:
                best_probability, best[t] = weight, i
            probability[i] = weight * np.exp(log_densities[t, i] - highest)
            likelihood += probability[i]
        forecast[t] = forecasts[t, 0] + mean
        forecast_variance[t] = spread - mean * mean
        log_density[t] = highest + np.log(likelihood)
        for i in range(models):
            probability[i] /= likelihood
