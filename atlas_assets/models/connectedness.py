r"""Connectedness: how much of each variable's forecast error variance comes from the others.

With moving-average matrices :math:`\Phi_h` of a VAR and innovation covariance :math:`\Sigma`, the share of shock j in
the H-step forecast error variance of variable i is, before the rows are scaled to sum to one,

.. math:: \theta_{ij} = \frac{\sigma_{jj}^{-1} \sum_{h=0}^{H-1} (\Phi_h \Sigma)_{ij}^2}
                             {\sum_{h=0}^{H-1} (\Phi_h \Sigma \Phi_h')_{ii}}

(generalized; the order of variables does not matter), or with :math:`\Sigma = L L'` and :math:`(\Phi_h L)_{ij}^2` in
the numerator (Cholesky; the order matters).

Over time it follows from a VAR of each date (:mod:`atlas_assets.models.tvp_var`) or from rolling windows.

References
----------
Diebold, Yilmaz (2009), Economic Journal 119; Diebold, Yilmaz (2012), International Journal of Forecasting 28(1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from atlas_assets.models.connectedness_kernels import error_variance_shares, rolling_least_squares

FloatArray: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Connectedness:
    """Connectedness of ``n`` variables, in percent; leading shape ``...`` is that of the inputs.

    Attributes
    ----------
    table : array of shape (..., n, n); row i says from whose shocks the variance of i comes, and sums to 100.
    total : array of shape (...,), the mean of ``from_others``.
    to : array of shape (..., n), what each variable gives to the others (column sums without the diagonal).
    from_others : array of shape (..., n), what each variable receives (row sums without the diagonal).
    net : array of shape (..., n), ``to - from_others``; sums to zero.
    """

    table: FloatArray
    total: FloatArray
    to: FloatArray
    from_others: FloatArray
    net: FloatArray


def connectedness(
    coefficients: npt.ArrayLike,
    covariance: npt.ArrayLike,
    *,
    horizon: int = 10,
    method: Literal["generalized", "cholesky"] = "generalized",
) -> Connectedness:
    """Connectedness table and indices of one VAR, or of a batch of them (one per date).

    Parameters
    ----------
    coefficients : array of shape (..., n, n * lags), lag 1 first; row i is the equation of variable i, no intercept
    covariance : array of shape (..., n, n), of the innovations
    horizon : number of terms H, h = 0 .. H-1
    method : "generalized" or "cholesky"

    Returns
    -------
    Connectedness, percent. NaN in, NaN out, each date by itself.

    Raises
    ------
    ValueError
        If shapes do not match, horizon or method is unknown, or the Cholesky method is given a covariance that is not
        positive definite.
    """
    a, sigma = np.asarray(coefficients, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    n = sigma.shape[-1] if sigma.ndim >= 2 else 0
    if not n or sigma.shape[-2] != n or a.shape[:-1] != sigma.shape[:-1] or a.shape[-1] % n or not a.shape[-1]:
        raise ValueError(
            f"Connectedness needs coefficients (..., n, n * lags) and covariance (..., n, n), not {a.shape} and "
            f"{sigma.shape}; leave the intercept out."
        )
    if horizon < 1 or method not in ("generalized", "cholesky"):
        raise ValueError(f'Connectedness needs horizon >= 1 and a known method, not {horizon} and "{method}".')

    root = sigma if method == "generalized" else _cholesky(sigma)
    share = error_variance_shares(
        np.ascontiguousarray(a).reshape(-1, n, a.shape[-1]),
        np.ascontiguousarray(root).reshape(-1, n, n),
        horizon,
        method == "generalized",
    ).reshape(sigma.shape)
    table = 100.0 * share / share.sum(axis=-1, keepdims=True)

    own = np.diagonal(table, axis1=-2, axis2=-1)
    to, from_others = table.sum(axis=-2) - own, table.sum(axis=-1) - own
    return Connectedness(table, from_others.mean(axis=-1), to, from_others, to - from_others)


def rolling_connectedness(
    Y: npt.ArrayLike,
    *,
    window: int,
    lags: int,
    horizon: int = 10,
    method: Literal["generalized", "cholesky"] = "generalized",
    intercept: bool = True,
) -> Connectedness:
    """Connectedness of a VAR estimated anew by least squares on each window of rows.

    Parameters
    ----------
    Y : array of shape (T, n), rows in time order
    window : rows in a window; the first ``lags`` of them serve as regressors only
    lags : order of the VAR
    horizon, method : as for ``connectedness``
    intercept : whether the equations have one

    Returns
    -------
    Connectedness with leading shape (T,), dated at the window's last row: a row uses itself and the ``window - 1``
    before it. NaN before the first full window, and where a window's regressors are collinear (a variable that does
    not vary).

    Raises
    ------
    ValueError
        If a value is missing or infinite, if the window is too short for the VAR or longer than the data, or if
        horizon or method is unknown.
    """
    rows = np.ascontiguousarray(Y, dtype=np.float64)
    if rows.ndim != 2 or rows.size == 0:
        raise ValueError(f"Rolling connectedness needs rows of variables, a 2-d array, not shape {rows.shape}.")
    if not np.isfinite(rows).all():
        first = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
        raise ValueError(
            f"Rolling connectedness needs complete rows; row {first} has a missing or infinite value: drop or fill it."
        )
    n = rows.shape[1]
    if lags < 1:
        raise ValueError(f"Rolling connectedness needs at least one lag, not {lags}.")
    shortest = lags + n * lags + intercept + (n if method == "cholesky" else 1)
    if not shortest <= window <= len(rows):
        raise ValueError(
            f"Rolling connectedness of {n} variables and {lags} lags needs a window from {shortest} to the number of "
            f"rows, {len(rows)}, not {window}."
        )
    coefficients, covariance = rolling_least_squares(rows, window, lags, intercept)
    estimated = np.isfinite(covariance).all(axis=(1, 2))
    result = connectedness(coefficients[estimated], covariance[estimated], horizon=horizon, method=method)
    dates = np.flatnonzero(estimated) + window - 1
    return Connectedness(
        *(
            _dated(values, dates, length=len(rows))
            for values in (result.table, result.total, result.to, result.from_others, result.net)
        )
    )


def _cholesky(covariance: FloatArray) -> FloatArray:
    """Factors; NaN where the covariance has one."""
    factor = np.full_like(covariance, np.nan)
    known = np.isfinite(covariance).all(axis=(-2, -1))
    try:
        factor[known] = np.linalg.cholesky(covariance[known])
    except np.linalg.LinAlgError:
        raise ValueError("Cholesky connectedness needs covariances that are positive definite.") from None
    return factor


def _dated(values: FloatArray, dates: npt.NDArray[np.intp], *, length: int) -> FloatArray:
    """Values at their rows, NaN elsewhere."""
    dated = np.full((length, *values.shape[1:]), np.nan)
    dated[dates] = values
    return dated
