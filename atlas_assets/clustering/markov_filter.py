"""Hamilton's filter of a Markov-switching autoregression, as that of a hidden Markov chain of the last states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RegimeParameters:
    """Parameters of ``k`` states, ordered from the smallest variance to the largest (then by mean).

    Attributes
    ----------
    mean, variance : arrays of shape (k,), in the unit of the returns and its square.
    transition : array of shape (k, k); row i, column j is the probability of going from state i to state j.
    autoregression : array of shape (order,), the phi.
    """

    mean: FloatArray
    variance: FloatArray
    transition: FloatArray
    autoregression: FloatArray


def hamilton_filter(returns: npt.ArrayLike, parameters: RegimeParameters) -> tuple[FloatArray, FloatArray]:
    r"""State probabilities given returns up to each row, and each row's log likelihood, for known parameters.

    .. math:: P(S_t, \ldots, S_{t-p} \mid y_1 \ldots y_t) \propto
              f(y_t \mid S_t, \ldots, S_{t-p})\, p_{S_{t-1} S_t}\, P(S_{t-1}, \ldots, S_{t-p} \mid y_1 \ldots y_{t-1})

    started from the stationary distribution. Computed in logs: a return of any size leaves finite probabilities.

    Parameters
    ----------
    returns : array of shape (T,), finite, in the unit of the parameters
    parameters : of k states and p autoregressive lags

    Returns
    -------
    arrays of shape (T - p, k) and (T - p,).

    Raises
    ------
    ValueError
        If a return is missing or infinite, or returns are no series.
    """
    values = np.asarray(returns, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError(
            f"Hamilton's filter needs a 1-d series without gaps, not one of shape {values.shape} with "
            f"{np.count_nonzero(~np.isfinite(values))} missing or infinite returns."
        )
    probabilities, log_likelihood, _ = filtered_after(values, parameters, stationary_paths(parameters))
    return probabilities, log_likelihood


def stationary_paths(parameters: RegimeParameters) -> FloatArray:
    """Probabilities (k ** (p + 1),) of the states of a row and the p rows before it, before any return is seen."""
    transition, k = parameters.transition, parameters.mean.size
    system = np.vstack([np.eye(k) - transition.T, np.ones(k)])
    solution = np.linalg.lstsq(system, np.append(np.zeros(k), 1.0), rcond=None)[0]
    paths = np.clip(np.asarray(solution, dtype=np.float64), 0.0, 1.0)
    for _ in parameters.autoregression:
        paths = transition.T.reshape(k, k, *(1,) * (paths.ndim - 1)) * paths
    return paths.reshape(-1)


def filtered_after(
    returns: FloatArray, parameters: RegimeParameters, predicted: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Probabilities (T - p, k), log likelihoods (T - p,), and the next row's predicted paths (k ** (p + 1),).

    The first p returns are regressors only; ``predicted`` is of the row after them.
    """
    from atlas_assets.clustering.regime_kernels import forward, predict

    mean, order = parameters.mean, parameters.autoregression.size
    k, axes = mean.size, order + 1  # one axis for each of the states at t, t-1, ...
    if returns.size <= order:
        return np.empty((0, k)), np.empty(0), predicted

    def on_axis(array: FloatArray, axis: int) -> FloatArray:
        return array.reshape(*array.shape[:-1], *(k if i == axis else 1 for i in range(axes)))

    residual = on_axis(returns[order:, None] - mean, 0)
    for lag, coefficient in enumerate(parameters.autoregression, start=1):
        residual = residual - coefficient * on_axis(returns[order - lag : returns.size - lag, None] - mean, lag)
    variance = on_axis(parameters.variance, 0)
    with np.errstate(over="ignore"):
        log_density = -0.5 * (np.log(2 * np.pi * variance) + residual**2 / variance)
    transition = _between_paths(parameters.transition, order)
    filtered, _, log_likelihood = forward(
        np.ascontiguousarray(log_density.reshape(len(residual), -1)), transition, np.ascontiguousarray(predicted)
    )
    # A sum over each row by itself: its bits do not depend on the number of rows.
    return filtered.reshape(-1, k, k**order).sum(axis=2), log_likelihood, predict(filtered[-1], transition)


def _between_paths(transition: FloatArray, order: int) -> FloatArray:
    """Probabilities of going from one path of states to another: all but its newest state was there before."""
    k = len(transition)
    paths = np.indices((k,) * (order + 1)).reshape(order + 1, -1)
    follows = (paths[1:, None, :] == paths[:-1, :, None]).all(axis=0)
    return np.where(follows, transition[np.ix_(paths[0], paths[0])], 0.0)
