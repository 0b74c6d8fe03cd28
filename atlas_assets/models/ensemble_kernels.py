"""Compiled parts of :mod:`atlas_assets.models.ensemble`; the equations are in its docstrings.

Each kernel runs over new rows behind the rows that were kept of the past, and gives one row more than there are new
ones: what is known before the row that comes next.
"""

# Numba decorators and linear algebra carry no static types.
# pyright: reportUnknownMemberType=false, reportUntypedFunctionDecorator=false

from __future__ import annotations

from typing import TypeAlias

import numba
import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]

SPLIT, ROLLING, ADAPTIVE = 0, 1, 2

_MATRIX, _VECTOR = "float64[:, ::1]", "float64[::1]"
_RIDGE = 1e-8  # of each mean squared error: forecasters that say the same share their weight
_SMALLEST_VARIANCE = 1e-300
_LEAST_LOG_DENSITY = -1e300  # finite: where nobody is near, nobody gains
_LOG_2_PI = np.log(2 * np.pi)


@numba.njit(f"void({_MATRIX}, int64, int64, int64, {_MATRIX})", cache=True, error_model="numpy")
def _gram_before(errors: FloatArray, kept: int, t: int, window: int, gram: FloatArray) -> None:
    """Sums of products of the errors before new row t: of the last ``window`` rows, or one row more if it is 0."""
    if window > 0:
        gram[:] = 0.0
        first = max(kept + t - window, 0)
    else:
        first = kept + t - min(t, 1)
    for r in range(first, kept + t):
        for i in range(gram.shape[0]):
            for j in range(gram.shape[0]):
                gram[i, j] += errors[r, i] * errors[r, j]


@numba.njit(f"void({_MATRIX}, {_VECTOR}, boolean[::1], {_VECTOR})", cache=True, error_model="numpy")
def _solve(matrix: FloatArray, right: FloatArray, chosen: npt.NDArray[np.bool_], solution: FloatArray) -> None:
    """``z`` of ``matrix[chosen, chosen] @ z = right[chosen]``; zero elsewhere."""
    places = np.flatnonzero(chosen)
    solution[:] = 0.0
    solution[places] = np.linalg.solve(matrix[places][:, places], right[places])


@numba.njit(f"void({_MATRIX}, {_VECTOR})", cache=True, error_model="numpy")
def _least_squares_weights(  # noqa: C901 - index loops are what compiles to fast code
    gram: FloatArray, weights: FloatArray
) -> None:
    """Weights on the simplex with the smallest ``w' gram w``, by the active set of Lawson and Hanson.

    They are proportional to the ``w >= 0`` with the smallest ``w' gram w / 2 - sum(w)``, found in units ``u`` of each
    one's own error so that a forecaster far off does not hide what the others differ by. Those without any error share
    all.
    """
    k = weights.size
    size = np.sqrt(np.diag(gram))
    smallest = size.min()
    if not smallest > 0:
        for j in range(k):
            weights[j] = 0.0 if size[j] > 0 else 1.0
        weights /= weights.sum()
        return
    matrix, unit = _RIDGE * np.eye(k), smallest / size
    for i in range(k):
        for j in range(k):
            matrix[i, j] += gram[i, j] / size[i] / size[j]
    chosen, u, z = np.zeros(k, dtype=np.bool_), np.zeros(k), np.empty(k)
    for _ in range(3 * k):
        best, steepest = -1, 0.01 * _RIDGE
        for j in range(k):
            slope = unit[j]
            for i in range(k):
                slope -= matrix[j, i] * u[i]
            if not chosen[j] and slope > steepest:
                best, steepest = j, slope
        if best < 0:
            break
        chosen[best] = True
        while True:
            _solve(matrix, unit, chosen, z)
            step, blocking = 1.0, -1
            for j in range(k):
                if chosen[j] and z[j] <= 0 and u[j] / (u[j] - z[j]) < step:
                    step, blocking = u[j] / (u[j] - z[j]), j
            u += step * (z - u)
            if blocking < 0:
                break
            u[blocking], chosen[blocking] = 0.0, False
    weights[:] = unit * u / (unit * u).sum()


@numba.njit(f"void({_MATRIX}, {_VECTOR})", cache=True, error_model="numpy")
def _inverse_error_weights(gram: FloatArray, weights: FloatArray) -> None:
    """Weights in proportion to one over the mean squared error; those without any error share all."""
    smallest = np.diag(gram).min()
    for j in range(weights.size):
        weights[j] = smallest / gram[j, j] if gram[j, j] > smallest else 1.0
    weights /= weights.sum()


@numba.njit(f"{_MATRIX}({_MATRIX}, int64, {_MATRIX}, int64, int64, int64, boolean)", cache=True, error_model="numpy")
def error_weights(
    errors: FloatArray, kept: int, gram: FloatArray, seen: int, window: int, training: int, stacking: bool
) -> FloatArray:
    """Weights (T + 1, k) before each new row; ``gram``, the sums of the past, is moved behind the new rows."""
    rows, k = len(errors) - kept, errors.shape[1]
    weights = np.empty((rows + 1, k))
    for t in range(rows + 1):
        _gram_before(errors, kept, t, window, gram)
        if seen + t < training:
            weights[t] = 1 / k
        elif stacking:
            _least_squares_weights(gram, weights[t])
        else:
            _inverse_error_weights(gram, weights[t])
    return weights


@numba.njit(f"{_MATRIX}({_MATRIX}, int64, {_MATRIX}, int64, int64, int64)", cache=True, error_model="numpy")
def gaussian_log_densities(
    errors: FloatArray, kept: int, gram: FloatArray, seen: int, window: int, training: int
) -> FloatArray:
    """Log densities (T, k) of the new rows, each with the mean square of the errors before it as variance."""
    rows, k = len(errors) - kept, errors.shape[1]
    density = np.zeros((rows, k))
    for t in range(rows + 1):
        _gram_before(errors, kept, t, window, gram)
        count = min(seen + t, window) if window > 0 else seen + t
        if t < rows and seen + t >= training:
            for j in range(k):
                variance = max(gram[j, j] / count, _SMALLEST_VARIANCE)
                exponent = _LOG_2_PI + np.log(variance) + errors[kept + t, j] ** 2 / variance
                density[t, j] = max(-0.5 * exponent, _LEAST_LOG_DENSITY)
    return density


@numba.njit(f"int64({_VECTOR}, int64, float64)", cache=True, error_model="numpy")
def _place(ordered: FloatArray, count: int, value: float) -> int:
    """Number of the first ``count`` ordered values that are smaller."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if ordered[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@numba.njit(
    f"Tuple(({_VECTOR}, float64))({_VECTOR}, int64, int64, float64, int64, float64, float64)",
    cache=True,
    error_model="numpy",
)
def conformal_widths(
    scores: FloatArray, kept: int, calibration: int, coverage: float, kind: int, rate: float, miss: float
) -> tuple[FloatArray, float]:
    """Half-widths (T + 1,) of the intervals before each new row, and the adapted miss level behind the last one.

    ``calibration`` counts the scores that are looked at; 0 is all of them.
    """
    rows = scores.size - kept
    widths, ordered = np.empty(rows + 1), np.empty(scores.size + 1)
    ordered[:kept] = np.sort(scores[:kept])
    count = kept
    for t in range(rows + 1):
        # Without a rounding error, (n + 1) * coverage may be a whole number.
        usual = int(np.ceil((count + 1) * coverage - 1e-9))
        rank = int(np.ceil((count + 1) * (1.0 - miss) - 1e-9))
        if usual > count or (kind == SPLIT and count < calibration):
            widths[t] = np.nan
        elif rank > count:
            widths[t] = np.inf
        else:
            widths[t] = ordered[rank - 1] if rank > 0 else 0.0
        if t == rows:
            break
        score = scores[kept + t]
        if kind == ADAPTIVE and not np.isnan(widths[t]):
            missed = 1.0 if score > widths[t] or rank <= 0 else 0.0
            miss += rate * (1.0 - coverage - missed)
        if kind == SPLIT and count == calibration:
            continue
        if count == calibration and calibration > 0:
            gone = _place(ordered, count, scores[kept + t - calibration])
            for i in range(gone, count - 1):
                ordered[i] = ordered[i + 1]
            count -= 1
        place = _place(ordered, count, score)
        for i in range(count, place, -1):
            ordered[i] = ordered[i - 1]
        ordered[place] = score
        count += 1
    return widths, miss
