"""Compiled parts of :mod:`atlas_assets.models.connectedness`; the equations are in its docstrings.

Each date is computed from its own inputs alone, so a value does not depend on how many dates are asked for.
"""

# Numba decorators carry no static types.
# pyright: reportUnknownMemberType=false, reportUntypedFunctionDecorator=false

from __future__ import annotations

from typing import TypeAlias

import numba
import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]

_MATRIX, _STACK = "float64[:, ::1]", "float64[:, :, ::1]"
_READ_MATRIX, _READ_STACK = (f"Array(float64, {dimensions}, 'C', True)" for dimensions in (2, 3))
_COLLINEAR = 1e-12  # share of a regressor's variance that the others leave unexplained
_CONSTANT = 1e-10  # length of a centred variable, in units of its mean
_PASSES = 2


@numba.njit(f"{_STACK}({_READ_STACK}, {_READ_STACK}, int64, boolean)", cache=True, error_model="numpy")
def error_variance_shares(  # noqa: C901 - index loops are what compiles to fast code
    coefficients: FloatArray, root: FloatArray, horizon: int, generalized: bool
) -> FloatArray:
    """Shares ``theta (T, n, n)`` before scaling; ``root`` is the covariance (generalized) or its Cholesky factor."""
    dates, n, width = coefficients.shape
    lags = width // n
    shares = np.empty((dates, n, n))
    phi, product, variance = np.empty((horizon, n, n)), np.empty(n), np.empty(n)
    for t in range(dates):
        share = shares[t]
        share[:] = 0.0
        variance[:] = 0.0
        phi[0] = np.eye(n)
        for h in range(1, horizon):
            phi[h] = 0.0
            for lag in range(min(lags, h)):
                for i in range(n):
                    for k in range(n):
                        coefficient = coefficients[t, i, lag * n + k]
                        for j in range(n):
                            phi[h, i, j] += coefficient * phi[h - 1 - lag, k, j]
        for h in range(horizon):
            for i in range(n):
                product[:] = 0.0
                for k in range(n):
                    weight = phi[h, i, k]
                    for j in range(n):
                        product[j] += weight * root[t, k, j]
                for j in range(n):
                    share[i, j] += product[j] ** 2
                    variance[i] += product[j] * (phi[h, i, j] if generalized else product[j])
        for i in range(n):
            for j in range(n):
                share[i, j] /= variance[i] * root[t, j, j] if generalized else variance[i]
    return shares


@numba.njit(f"boolean({_MATRIX})", cache=True, error_model="numpy")
def _factorise(gram: FloatArray) -> bool:
    """Cholesky factor in place of the lower triangle; False when a column depends on those before it."""
    for j in range(gram.shape[0]):
        for k in range(j):
            gram[j, j] -= gram[j, k] ** 2
        if not gram[j, j] > _COLLINEAR:
            return False
        gram[j, j] = np.sqrt(gram[j, j])
        for i in range(j + 1, gram.shape[0]):
            for k in range(j):
                gram[i, j] -= gram[i, k] * gram[j, k]
            gram[i, j] /= gram[j, j]
    return True


@numba.njit(f"void({_MATRIX}, {_MATRIX})", cache=True, error_model="numpy")
def _solve(factor: FloatArray, right: FloatArray) -> None:
    """Solution of ``factor @ factor.T @ z = row`` in place of each row of ``right (n, m)``."""
    m = factor.shape[0]
    for row in right:
        for i in range(m):
            for k in range(i):
                row[i] -= factor[i, k] * row[k]
            row[i] /= factor[i, i]
        for i in range(m - 1, -1, -1):
            row[i] /= factor[i, i]
            for k in range(i):
                row[k] -= factor[i, k] * row[i]


@numba.njit(f"boolean({_MATRIX}, float64[::1], boolean)", cache=True, error_model="numpy")
def _standardise(variables: FloatArray, length: FloatArray, centre: bool) -> bool:
    """Rows of mean zero (if asked) and length one, in place; False when one does not vary."""
    for a in range(length.size):
        values = variables[a]
        mean = values.sum() / values.size
        if centre:
            values -= mean
        square = 0.0
        for value in values:
            square += value * value
        length[a] = np.sqrt(square)
        if not length[a] > (_CONSTANT * abs(mean) if centre else 0.0):
            return False
        values *= 1.0 / length[a]
    return True


@numba.njit(f"Tuple(({_STACK}, {_STACK}))({_READ_MATRIX}, int64, int64, boolean)", cache=True, error_model="numpy")
def rolling_least_squares(  # noqa: C901 - index loops are what compiles to fast code
    y: FloatArray, window: int, lags: int, intercept: bool
) -> tuple[FloatArray, FloatArray]:
    """VARs of ``y (T, n)`` by least squares on each window: coefficients (W, n, n * lags) and covariances (W, n, n).

    Normal equations of standardised regressors, then once more for the residuals: as accurate as an orthogonal
    decomposition as long as no regressor is collinear, where the window is NaN.
    """
    n, m, rows = y.shape[1], y.shape[1] * lags, window - lags
    windows = y.shape[0] - window + 1
    coefficients, covariance = np.full((windows, n, m), np.nan), np.full((windows, n, n), np.nan)
    x, columns, residual = np.empty((rows, m)), np.empty((m, rows)), np.empty((n, rows))
    series = y.T.copy()
    gram, slopes, step = np.empty((m, m)), np.empty((n, m)), np.empty((n, m))
    length, unit = np.empty(m), np.empty(n)

    for w in range(windows):
        for j in range(n):
            residual[j] = series[j, w + lags : w + window]
            for lag in range(lags):
                first = w + lags - 1 - lag
                columns[lag * n + j] = series[j, first : first + rows]
        if not _standardise(columns, length, intercept) or not _standardise(residual, unit, intercept):
            continue
        x[:] = columns.T
        gram[:] = 0.0
        for r in range(rows):
            for a in range(m):
                value = x[r, a]
                for b in range(m):
                    gram[a, b] += value * x[r, b]
        if not _factorise(gram):
            continue

        slopes[:] = 0.0
        for _ in range(_PASSES):
            step[:] = 0.0
            for i in range(n):
                for r in range(rows):
                    value = residual[i, r]
                    for a in range(m):
                        step[i, a] += value * x[r, a]
            _solve(gram, step)
            for i in range(n):
                for a in range(m):
                    value = step[i, a]
                    slopes[i, a] += value
                    for r in range(rows):
                        residual[i, r] -= value * columns[a, r]

        covariance[w] = 0.0
        for i in range(n):
            for j in range(n):
                for r in range(rows):
                    covariance[w, i, j] += residual[i, r] * residual[j, r]
        for i in range(n):
            for j in range(n):
                covariance[w, i, j] *= unit[i] * unit[j] / rows
            for a in range(m):
                coefficients[w, i, a] = unit[i] * slopes[i, a] / length[a]
    return coefficients, covariance
