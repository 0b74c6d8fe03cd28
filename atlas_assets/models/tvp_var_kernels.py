"""Compiled filters of :mod:`atlas_assets.models.tvp_var`; the equations are in its docstrings.

Each kernel runs over rows ``y (T, n)`` with regressors ``x (T, m)`` and forgetting factors ``(T,)`` from a given state,
and returns the state after each row: what is filled row by row is also the state from which the next call goes on.
"""

# Numba decorators and linear algebra carry no static types.
# pyright: reportUnknownMemberType=false, reportUntypedFunctionDecorator=false

from __future__ import annotations

from typing import TypeAlias

import numba
import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]

_MATRIX = "float64[:, ::1]"
_ARGUMENTS = ", ".join([_MATRIX] * 6) + ", float64[::1], float64, boolean, boolean, boolean, int64"
_SIGNATURE = (
    f"Tuple((float64[:, :, ::1], float64[:, :, ::1], {_MATRIX}, float64[::1], {_MATRIX}, {_MATRIX}))({_ARGUMENTS})"
)
_LOG_2_PI = np.log(2 * np.pi)
_SHRINKAGE = 0.99
_LEVEL_WEIGHT = 0.1
_SQUARINGS = 6


@numba.njit(f"void({_MATRIX}, {_MATRIX})", cache=True)
def _cholesky(matrix: FloatArray, factor: FloatArray) -> None:
    """Lower Cholesky factor; NaN when the matrix is not positive definite."""
    n = matrix.shape[0]
    for j in range(n):
        for i in range(j, n):
            total = matrix[i, j]
            for k in range(j):
                total -= factor[i, k] * factor[j, k]
            if i == j:
                factor[j, j] = np.sqrt(total) if total > 0 else np.nan
            else:
                factor[i, j] = total / factor[j, j]


@numba.njit(f"float64({_MATRIX}, float64[::1])", cache=True)
def _log_density(factor: FloatArray, error: FloatArray) -> float:
    """Log density of a normal error with mean zero and covariance ``factor @ factor.T``."""
    n = error.size
    standardised = np.empty(n)
    result = -0.5 * n * _LOG_2_PI
    for i in range(n):
        total = error[i]
        for k in range(i):
            total -= factor[i, k] * standardised[k]
        standardised[i] = total / factor[i, i]
        result -= 0.5 * standardised[i] ** 2 + np.log(factor[i, i])
    return result


@numba.njit(f"boolean({_MATRIX}, int64)", cache=True)
def _is_explosive(coefficients: FloatArray, lags: int) -> bool:
    """Whether the companion matrix of ``coefficients (n, m >= n * lags)`` has an eigenvalue outside the unit circle."""
    n = coefficients.shape[0]
    size = n * lags
    companion = np.zeros((size, size))
    companion[:n] = coefficients[:, :size]
    for i in range(n, size):
        companion[i, i - n] = 1.0
    # A norm bounds the spectral radius: ||A^64|| < 1 settles nearly every row without an eigenvalue.
    power = companion
    for _ in range(_SQUARINGS):
        power = power @ power
    if np.sum(power * power) < 1.0:
        return False
    return np.max(np.abs(np.linalg.eigvals(companion.astype(np.complex128)))) > 1.0


@numba.njit(_SIGNATURE, cache=True)
def filter_kronecker(  # noqa: C901 - index loops are what compiles to fast code
    y: FloatArray,
    x: FloatArray,
    state_mean: FloatArray,
    reported: FloatArray,
    state_covariance: FloatArray,
    observation_covariance: FloatArray,
    forgetting: FloatArray,
    covariance_decay: float,
    current: bool,
    shrink: bool,
    is_first: bool,
    lags: int,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Matrix-normal filter: the state covariance is ``observation covariance (x) state_covariance (m, m)``."""
    rows, n = y.shape
    m = x.shape[1]
    coefficients, covariance = np.empty((rows, n, m)), np.empty((rows, n, n))
    forecast, log_density = np.empty((rows, n)), np.empty(rows)
    mean, kept, p, sigma = state_mean.copy(), reported.copy(), state_covariance.copy(), observation_covariance.copy()
    error, gain, factor = np.empty(n), np.empty(m), np.zeros((n, n))

    for t in range(rows):
        if not (is_first and t == 0):
            p /= forgetting[t]
        spread = 1.0
        for a in range(m):
            gain[a] = 0.0
            for b in range(m):
                gain[a] += p[a, b] * x[t, b]
            spread += gain[a] * x[t, a]
        for i in range(n):
            forecast[t, i] = 0.0
            for a in range(m):
                forecast[t, i] += mean[i, a] * x[t, a]
            error[i] = y[t, i] - forecast[t, i]
        _cholesky(sigma * spread, factor)
        log_density[t] = _log_density(factor, error)

        previous = mean.copy()
        for i in range(n):
            for a in range(m):
                mean[i, a] += error[i] * gain[a] / spread
        for a in range(m):
            for b in range(m):
                p[a, b] -= gain[a] * gain[b] / spread
        weight = (1.0 - covariance_decay) / spread
        for i in range(n):
            for j in range(n):
                if current and is_first and t == 0:
                    innovation = (1.0 - covariance_decay) * _LEVEL_WEIGHT * y[t, i] * y[t, j]
                else:
                    innovation = weight * error[i] * error[j]
                sigma[i, j] = covariance_decay * sigma[i, j] + innovation
        if shrink and _is_explosive(mean, lags):
            mean[:] = _SHRINKAGE * previous
        else:
            kept[:] = mean
        coefficients[t] = kept
        covariance[t] = sigma
    return coefficients, covariance, forecast, log_density, mean, p


@numba.njit(_SIGNATURE, cache=True)
def filter_full(  # noqa: C901 - index loops are what compiles to fast code
    y: FloatArray,
    x: FloatArray,
    state_mean: FloatArray,
    reported: FloatArray,
    state_covariance: FloatArray,
    observation_covariance: FloatArray,
    forgetting: FloatArray,
    covariance_decay: float,
    current: bool,
    shrink: bool,
    is_first: bool,
    lags: int,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Kalman filter over the stacked equations: ``state_covariance (n m, n m)`` is unrestricted."""
    rows, n = y.shape
    m = x.shape[1]
    size = n * m
    coefficients, covariance = np.empty((rows, n, m)), np.empty((rows, n, n))
    forecast, log_density = np.empty((rows, n)), np.empty(rows)
    mean, kept, p, sigma = state_mean.copy(), reported.copy(), state_covariance.copy(), observation_covariance.copy()
    error, solved, factor = np.empty(n), np.empty(n), np.zeros((n, n))
    cross, whitened, signal = np.empty((size, n)), np.empty((size, n)), np.empty((n, n))

    for t in range(rows):
        if not (is_first and t == 0):
            p /= forgetting[t]
        for a in range(size):
            for j in range(n):
                value = 0.0
                for b in range(m):
                    value += p[a, j * m + b] * x[t, b]
                cross[a, j] = value
        for i in range(n):
            forecast[t, i] = 0.0
            for a in range(m):
                forecast[t, i] += mean[i, a] * x[t, a]
            error[i] = y[t, i] - forecast[t, i]
            for j in range(n):
                value = 0.0
                for a in range(m):
                    value += x[t, a] * cross[i * m + a, j]
                signal[i, j] = value
        _cholesky(signal + sigma, factor)
        log_density[t] = _log_density(factor, error)

        for i in range(n):
            for j in range(n):
                if current and is_first and t == 0:
                    innovation = _LEVEL_WEIGHT * y[t, i] * y[t, j]
                else:
                    innovation = error[i] * error[j]
                sigma[i, j] = covariance_decay * sigma[i, j] + (1.0 - covariance_decay) * innovation
        if current:
            _cholesky(signal + sigma, factor)

        # With S = L L': whitened = cross L'^-1, so that gain * error = whitened (L^-1 error), P -= whitened whitened'.
        for i in range(n):
            value = error[i]
            for k in range(i):
                value -= factor[i, k] * solved[k]
            solved[i] = value / factor[i, i]
        for a in range(size):
            for i in range(n):
                value = cross[a, i]
                for k in range(i):
                    value -= factor[i, k] * whitened[a, k]
                whitened[a, i] = value / factor[i, i]
        previous = mean.copy()
        for a in range(size):
            value = 0.0
            for k in range(n):
                value += whitened[a, k] * solved[k]
            mean[a // m, a % m] += value
            for b in range(a + 1):
                value = p[a, b]
                for k in range(n):
                    value -= whitened[a, k] * whitened[b, k]
                p[a, b] = value
                p[b, a] = value
        if shrink and _is_explosive(mean, lags):
            mean[:] = _SHRINKAGE * previous
        else:
            kept[:] = mean
        coefficients[t] = kept
        covariance[t] = sigma
    return coefficients, covariance, forecast, log_density, mean, p
