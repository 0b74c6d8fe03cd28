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
