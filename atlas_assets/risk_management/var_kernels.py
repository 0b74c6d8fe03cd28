"""Compiled parts of :mod:`atlas_assets.risk_management.var`."""

# Numba decorators carry no static types.
# pyright: reportUnknownMemberType=false, reportUntypedFunctionDecorator=false

from __future__ import annotations

from typing import TypeAlias

import numba
import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]

_VECTOR = "float64[::1]"


@numba.njit(f"int64({_VECTOR}, float64)", cache=True, error_model="numpy")
def _place(ordered: FloatArray, value: float) -> int:
    """Number of the ordered values that are smaller."""
    low, high = 0, ordered.size
    while low < high:
        middle = (low + high) // 2
        if ordered[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@numba.njit(f"void({_VECTOR}, float64, float64)", cache=True, error_model="numpy")
def _replace(ordered: FloatArray, gone: float, new: float) -> None:
    """Take a value out of the ordered ones and put another in: only those between the two move."""
    hole, place = np.uint64(_place(ordered, gone)), np.uint64(_place(ordered, new))
    # Indices without a sign are never counted from the end, and so the loops move many values at once.
    one = np.uint64(1)
    if place > hole:
        for i in range(hole, place - one):
            ordered[i] = ordered[i + one]
        ordered[place - one] = new
    else:
        for i in range(hole - place):
            ordered[hole - i] = ordered[hole - one - i]
        ordered[place] = new


@numba.njit("float64[:, ::1](float64[::1], int64, float64)", cache=True, error_model="numpy")
def rolling_tail(past: FloatArray, window: int, level: float) -> FloatArray:
    """Quantile and mean of what is not above it, of every window: rows of shape (2, k + 1).

    Column k has seen the first k values; NaN until there are ``window`` of them. Each column is computed from its
    ordered window alone, so that no rounding is carried on.
    """
    result = np.full((2, past.size + 1), np.nan)
    if past.size < window:
        return result
    position = level * (window - 1)
    below = int(position)
    above = min(below + 1, window - 1)
    ordered = np.sort(past[:window])
    for seen in range(window, past.size + 1):
        if seen > window:
            _replace(ordered, past[seen - window - 1], past[seen - 1])
        quantile = ordered[below] + (position - below) * (ordered[above] - ordered[below])
        count, total = 0, 0.0
        while count < window and ordered[count] <= quantile:
            total += ordered[count]
            count += 1
        # The mean of equal values may be off by a rounding error.
        result[0, seen], result[1, seen] = quantile, min(total / count, quantile)
    return result


@numba.njit("float64[:, ::1](float64[::1], int64)", cache=True, error_model="numpy")
def rolling_mean_and_deviation(past: FloatArray, window: int) -> FloatArray:
    """Mean and sample deviation (``ddof=1``) of every window: rows of shape (2, k + 1).

    Column k has seen the first k values; NaN until there are ``window`` of them. The values are cut into blocks of
    ``window``: every window is the end of one block and the beginning of the next, whose means and squares are put
    together. Nothing is ever taken away from a sum, so that a large value leaves no rounding error behind.

    References
    ----------
    Chan, Golub, LeVeque (1983), Algorithms for computing the sample variance, The American Statistician 37(3).
    """
    result = np.full((2, past.size + 1), np.nan)
    # Of the block before: mean and squared deviations of all but its first k values.
    ends_mean, ends_square = np.zeros(window + 1), np.zeros(window + 1)
    mean, square, count = 0.0, 0.0, 0
    for seen in range(1, past.size + 1):
        count += 1
        step = past[seen - 1] - mean
        mean += step / count
        square += step * (past[seen - 1] - mean)
        if seen >= window:
            gap = mean - ends_mean[count]
            squares = ends_square[count] + square + gap * gap * ((window - count) * count / window)
            result[0, seen] = ends_mean[count] + gap * count / window
            result[1, seen] = np.sqrt(squares / (window - 1))
        if count == window:
            for taken in range(1, window):
                k = window - taken
                step = past[seen - taken] - ends_mean[k + 1]
                ends_mean[k] = ends_mean[k + 1] + step / taken
                ends_square[k] = ends_square[k + 1] + step * (past[seen - taken] - ends_mean[k])
            mean, square, count = 0.0, 0.0, 0
    return result
