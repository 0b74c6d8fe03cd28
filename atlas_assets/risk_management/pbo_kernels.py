"""Compiled parts of :mod:`atlas_assets.risk_management.pbo`."""

# Numba decorators carry no static types.
# pyright: reportUnknownMemberType=false, reportUntypedFunctionDecorator=false

from __future__ import annotations

from typing import TypeAlias

import numba
import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntegerArray: TypeAlias = npt.NDArray[np.int64]

_MATRIX, _VECTOR = "float64[:, ::1]", "float64[::1]"
_ROUNDING = 1e-13  # of the sum of squares: what is left of it below this is no deviation


@numba.njit(
    f"void({_MATRIX}, {_MATRIX}, int64[::1], int64, boolean, {_VECTOR}, {_VECTOR})",
    cache=True,
    nogil=True,
    error_model="numpy",
)
def _metric_of_blocks(
    sums: FloatArray,
    squares: FloatArray,
    blocks: IntegerArray,
    length: int,
    is_sharpe: bool,
    total: FloatArray,
    metric: FloatArray,
) -> None:
    """Metric of every strategy over some blocks of so many rows; ``total`` is scratch paper."""
    count = blocks.size * length
    total[:], metric[:] = 0.0, 0.0
    for block in blocks:
        for j in range(total.size):
            total[j] += sums[block, j]
            metric[j] += squares[block, j]
    for j in range(total.size):
        mean, square = total[j] / count, metric[j]
        deviation = square - total[j] * mean
        if not is_sharpe:
            metric[j] = mean
        elif deviation > _ROUNDING * square:
            metric[j] = mean / np.sqrt(deviation / (count - 1))
        else:
            metric[j] = np.sign(mean) * np.inf if mean != 0 else 0.0


@numba.njit(
    f"Tuple((int64, float64, float64, float64))({_VECTOR}, {_VECTOR})", cache=True, nogil=True, error_model="numpy"
)
def _chosen(inside: FloatArray, outside: FloatArray) -> tuple[int, float, float, float]:
    """The best inside, its metric inside and outside, and its rank outside, ties in the middle of theirs."""
    best = 0
    for j in range(1, inside.size):
        if inside[j] > inside[best]:
            best = j
    below, equal = 0, 0
    for j in range(outside.size):
        below += outside[j] < outside[best]
        equal += outside[j] == outside[best]
    return best, inside[best], outside[best], below + (equal + 1) / 2


@numba.njit(
    f"Tuple((int64[::1], {_VECTOR}, {_VECTOR}, {_VECTOR}))({_MATRIX}, {_MATRIX}, int64[:, ::1], int64, boolean)",
    cache=True,
    nogil=True,
    error_model="numpy",
)
def trials(
    sums: FloatArray, squares: FloatArray, combinations: IntegerArray, length: int, is_sharpe: bool
) -> tuple[IntegerArray, FloatArray, FloatArray, FloatArray]:
    """The strategy chosen in each trial, its metric in and out of sample, and its rank out of sample.

    Of combinations in lexicographic order the c-th leaves to the other half what the c-th from the end chooses: each
    half is summed once and serves two trials. ``sums`` and ``squares`` are those of each block, (S, N).
    """
    count, n = len(combinations), sums.shape[1]
    selected, rank = np.empty(count, dtype=np.int64), np.empty(count)
    inside, outside = np.empty(count), np.empty(count)
    total, here, there = np.empty(n), np.empty(n), np.empty(n)
    for c in range(count // 2):
        other = count - 1 - c
        _metric_of_blocks(sums, squares, combinations[c], length, is_sharpe, total, here)
        _metric_of_blocks(sums, squares, combinations[other], length, is_sharpe, total, there)
        selected[c], inside[c], outside[c], rank[c] = _chosen(here, there)
        selected[other], inside[other], outside[other], rank[other] = _chosen(there, here)
    return selected, inside, outside, rank
