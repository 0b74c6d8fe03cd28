r"""Connectedness: how much of each variable's forecast error variance comes from the others.

With moving-average matrices :math:`\Phi_h` of a VAR and innovation covariance :math:`\Sigma`, the share of shock j in
the H-step forecast error variance of variable i is, before the rows are scaled to sum to one,

.. math:: \theta_{ij} = \frac{\sigma_{jj}^{-1} \sum_{h=0}^{H-1} (\Phi_h \Sigma)_{ij}^2}
                             {\sum_{h=0}^{H-1} (\Phi_h \Sigma \Phi_h')_{ii}}

(generalized; the order of variables does not matter), or with :math:`\Sigma = L L'` and :math:`(\Phi_h L)_{ij}^2` in
the numerator (Cholesky; the order matters).

References
----------
Diebold, Yilmaz (2009), Economic Journal 119; Diebold, Yilmaz (2012), International Journal of Forecasting 28(1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

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
    Connectedness, percent. NaN in, NaN out with the generalized method; Cholesky refuses it (``LinAlgError``).

    Raises
    ------
    ValueError
        If shapes do not match, or horizon or method is unknown.
    """
    a, sigma = np.asarray(coefficients, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    n = sigma.shape[-1]
    if sigma.shape[-2:] != (n, n) or a.shape[:-1] != sigma.shape[:-1] or a.shape[-1] % n or not a.shape[-1]:
        raise ValueError(
            f"Connectedness needs coefficients (..., n, n * lags) and covariance (..., n, n), not {a.shape} and "
            f"{sigma.shape}; leave the intercept out."
        )
    if horizon < 1 or method not in ("generalized", "cholesky"):
        raise ValueError(f'Connectedness needs horizon >= 1 and a known method, not {horizon} and "{method}".')

    if method == "generalized":
        impact = sigma / np.sqrt(np.diagonal(sigma, axis1=-2, axis2=-1))[..., None, :]
    else:
        impact = np.linalg.cholesky(sigma)
    response = np.zeros_like(sigma)
    variance = np.zeros(sigma.shape[:-1])
    for phi in _moving_average(a, horizon):
        response += (phi @ impact) ** 2
        variance += np.einsum("...ij,...ij->...i", phi @ sigma, phi)
    share = response / variance[..., None]
    table = 100.0 * share / share.sum(axis=-1, keepdims=True)

    own = np.diagonal(table, axis1=-2, axis2=-1)
    to, from_others = table.sum(axis=-2) - own, table.sum(axis=-1) - own
    return Connectedness(table, from_others.mean(axis=-1), to, from_others, to - from_others)


def _moving_average(coefficients: FloatArray, horizon: int) -> list[FloatArray]:
    n = coefficients.shape[-2]
    lag_matrices = [coefficients[..., k : k + n] for k in range(0, coefficients.shape[-1], n)]
    phi: list[FloatArray] = [np.broadcast_to(np.eye(n), (*coefficients.shape[:-1], n))]
    for h in range(1, horizon):
        phi.append(sum((lag @ phi[h - 1 - k] for k, lag in enumerate(lag_matrices[:h])), np.zeros_like(phi[0])))
    return phi
