"""Compiled recursion of model probabilities, shared by the models that average others.

References
----------
Raftery, Karny, Ettler (2010), Online prediction under model uncertainty via dynamic model averaging, Technometrics 52.
"""

# Numba decorators carry no static types.
# pyright: reportUnknownMemberType=false, reportUntypedFunctionDecorator=false

from __future__ import annotations

from typing import TypeAlias

import numba
import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]

_MATRIX, _VECTOR = "float64[:, ::1]", "float64[::1]"


@numba.njit(f"Tuple(({_MATRIX}, {_VECTOR}))({_MATRIX}, {_VECTOR}, float64, float64)", cache=True, error_model="numpy")
def predictive_probabilities(
    log_density: FloatArray, start: FloatArray, forgetting: float, floor: float
) -> tuple[FloatArray, FloatArray]:
    r"""Probabilities of ``k`` models for each row, known before it, from their log densities ``(T, k)`` of the rows.

    .. math:: \pi_{t|t-1,j} = \frac{\pi_{t-1|t-1,j}^\alpha + c}{\sum_l (\pi_{t-1|t-1,l}^\alpha + c)}, \qquad
              \pi_{t|t,j} \propto \pi_{t|t-1,j}\, p_j(y_t)

    with the forgetting :math:`\alpha` and the floor c; ``start (k,)`` is the log of the probabilities before the
    first row. Gives (T + 1, k), the last row for the next row of data, and the log of the last filtered ones.
    """
    rows, k = log_density.shape
    probability, filtered, predicted = np.empty((rows + 1, k)), start.copy(), np.empty(k)
    for t in range(rows + 1):
        total = 0.0
        for j in range(k):
            probability[t, j] = np.exp(forgetting * filtered[j]) + floor
            # In logs without a floor, so that what is too small for a number can still come back.
            predicted[j] = np.log(probability[t, j]) if floor > 0 else forgetting * filtered[j]
            total += probability[t, j]
        for j in range(k):
            probability[t, j] /= total
            predicted[j] -= np.log(total)
        if t < rows:
            top = -np.inf
            for j in range(k):
                filtered[j] = predicted[j] + log_density[t, j]
                top = max(top, filtered[j])
            total = 0.0
            for j in range(k):
                total += np.exp(filtered[j] - top)
            for j in range(k):
                filtered[j] -= top + np.log(total)
    return probability, filtered
