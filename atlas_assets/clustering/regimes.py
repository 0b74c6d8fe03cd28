r"""Markov-switching regimes of a return series.

.. math:: y_t = \mu_{S_t} + \sum_{i=1}^{p} \phi_i (y_{t-i} - \mu_{S_{t-i}}) + \sigma_{S_t} \varepsilon_t, \qquad
          P(S_t = j \mid S_{t-1} = i) = p_{ij}

Parameters are estimated by maximum likelihood on the first rows (the training sample); the filter then runs forward
with these parameters over all rows, so a probability after the training sample uses nothing from its future.

Hidden Markov models of several series and change points lie in modules of their own and are found here too.

References
----------
Hamilton (1989), A new approach to the economic analysis of nonstationary time series, Econometrica 57(2).
"""

# statsmodels carries no static types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from atlas_assets.clustering.change_points import OnlineChangePoints, change_points, historical_change_points
from atlas_assets.clustering.convergence import ConvergenceWarning
from atlas_assets.clustering.hidden_markov import (
    OnlineHiddenMarkov,
    hidden_markov_filter,
    hidden_markov_regimes,
    hidden_markov_smoother,
)

if TYPE_CHECKING:
    from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

__all__ = [
    "ConvergenceWarning",
    "OnlineChangePoints",
    "OnlineHiddenMarkov",
    "RegimeParameters",
    "Regimes",
    "change_points",
    "hamilton_filter",
    "hidden_markov_filter",
    "hidden_markov_regimes",
    "hidden_markov_smoother",
    "historical_change_points",
    "markov_regimes",
]

FloatArray: TypeAlias = npt.NDArray[np.float64]

_ROWS_PER_STATE = 10


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


@dataclass(frozen=True)
class Regimes:
    """Regimes of ``T`` rows in ``k`` states; state 0 is the calmest, state ``k - 1`` the most turbulent.

    Attributes
    ----------
    probabilities : array of shape (T, k), probability of each state given returns up to the row (filtered).
        NaN where the return is missing and in the first ``order`` rows.
    labels : int array of shape (T,), the most probable state; -1 where probabilities are NaN.
    parameters : estimated on the training sample.
    log_likelihood : of the training sample at these parameters.
    converged : whether the optimiser found a maximum.
    in_sample : bool array of shape (T,), the training rows: their probabilities know parameters from their future.
    """

    probabilities: FloatArray
    labels: npt.NDArray[np.int64]
    parameters: RegimeParameters
    log_likelihood: float
    converged: bool
    in_sample: npt.NDArray[np.bool_]


def markov_regimes(
    returns: npt.ArrayLike,
    *,
    training: int,
    states: int = 2,
    order: int = 0,
    switching_variance: bool = True,
    max_iterations: int = 200,
    parameters: RegimeParameters | None = None,
) -> Regimes:
    """Regime probabilities of a return series, filtered.

    Parameters
    ----------
    returns : array of shape (T,), any unit
        Missing (NaN or infinite) rows are skipped.
    training : number of first rows on which the parameters are estimated
    states : number of regimes
    order : number of autoregressive lags, common to all states
    switching_variance : whether the variance differs between states
    max_iterations : limit of the optimiser
    parameters : of an earlier fit to the same training sample, which is then not made again

    Returns
    -------
    Regimes

    Raises
    ------
    ValueError
        If the training sample is longer than the data, too short, or constant, or for a switching variance with
        two or more lags.

    Warns
    -----
    ConvergenceWarning
        If the optimiser did not converge; ``converged`` is then False.
    """
    if switching_variance and order > 1:
        # statsmodels 0.15 broadcasts the variance over the state at t - order + 1 instead of the state at t.
        raise ValueError(f"Regimes with order={order} need switching_variance=False; with it, order is at most 1.")
    values = np.asarray(returns, dtype=np.float64)
    finite = np.isfinite(values)
    in_sample = np.arange(values.size) < training
    train = values[finite & in_sample]
    needed = states * _ROWS_PER_STATE + order
    if values.ndim != 1 or not 0 < training <= values.size or train.size < needed:
        raise ValueError(
            f"Regimes need a 1-d series and a training sample of at least {needed} returns inside it; "
            f"training={training} holds {train.size} of {values.size} rows."
        )
    # The likelihood is flat when returns are tiny fractions: estimate in units of the training deviation.
    scale = float(train.std())
    if scale <= np.finfo(np.float64).eps * np.abs(train).max():
        raise ValueError("Regimes need returns that vary, but the training sample is constant.")

    converged = True
    if parameters is None:
        fitted, converged = _maximise(_model(train / scale, states, order, switching_variance), max_iterations)
        parameters = _ordered(fitted, scale, states, order)
    if not converged:
        warnings.warn(
            f"The regime model of {states} states did not converge in {max_iterations} iterations on {train.size} "
            "rows; use a longer training sample or fewer states.",
            ConvergenceWarning,
            stacklevel=2,
        )
    filtered, _ = hamilton_filter(values[finite], parameters)
    _, row_log_likelihood = hamilton_filter(train, parameters)

    probabilities = np.full((values.size, states), np.nan)
    rows = np.flatnonzero(finite)[order:]
    probabilities[rows] = filtered
    labels = np.full(values.size, -1, dtype=np.int64)
    labels[rows] = probabilities[rows].argmax(axis=1)
    return Regimes(probabilities, labels, parameters, float(row_log_likelihood.sum()), converged, in_sample)


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
    """
    values = np.asarray(returns, dtype=np.float64)
    mean, order = parameters.mean, parameters.autoregression.size
    k, axes = mean.size, max(order, 1) + 1  # one axis for each of the states at t, t-1, ...

    def on_axis(array: FloatArray, axis: int) -> FloatArray:
        return array.reshape(*array.shape[:-1], *(k if i == axis else 1 for i in range(axes)))

    residual = on_axis(values[order:, None] - mean, 0)
    for lag, coefficient in enumerate(parameters.autoregression, start=1):
        residual = residual - coefficient * on_axis(values[order - lag : values.size - lag, None] - mean, lag)
    variance = on_axis(parameters.variance, 0)
    log_density = -0.5 * (np.log(2 * np.pi * variance) + residual**2 / variance)

    history = _stationary(parameters.transition)
    for _ in range(order - 1):
        history = parameters.transition.T.reshape(k, k, *(1,) * (history.ndim - 1)) * history
    probabilities, log_likelihood = np.empty((len(residual), k)), np.empty(len(residual))
    with np.errstate(divide="ignore"):  # a state that is ruled out has the log probability -inf
        log_transition = np.log(parameters.transition.T).reshape(k, k, *(1,) * (axes - 2))
        for t, density in enumerate(log_density):
            joint = density + log_transition + np.log(history)
            peak = joint.max()
            weight = np.exp(joint - peak)
            total = weight.sum()
            history = weight.sum(axis=-1) / total
            probabilities[t] = history.reshape(k, -1).sum(axis=1)
            log_likelihood[t] = peak + np.log(total)
    return probabilities, log_likelihood


def _stationary(transition: FloatArray) -> FloatArray:
    k = len(transition)
    system = np.vstack([np.eye(k) - transition.T, np.ones(k)])
    solution = np.linalg.lstsq(system, np.append(np.zeros(k), 1.0), rcond=None)[0]
    return np.clip(np.asarray(solution, dtype=np.float64), 0.0, 1.0)


def _model(values: FloatArray, states: int, order: int, switching_variance: bool) -> MarkovRegression:
    from statsmodels.tsa.regime_switching.markov_autoregression import MarkovAutoregression
    from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

    if order == 0:
        return MarkovRegression(values, k_regimes=states, trend="c", switching_variance=switching_variance)
    return MarkovAutoregression(
        values, k_regimes=states, order=order, switching_ar=False, switching_variance=switching_variance
    )


def _maximise(model: MarkovRegression, max_iterations: int) -> tuple[Any, bool]:
    from statsmodels.tools.sm_exceptions import ConvergenceWarning as OptimiserWarning
    from statsmodels.tools.sm_exceptions import EstimationWarning, HessianInversionWarning

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # Said once, by our own warning and the converged flag.
        for category in (OptimiserWarning, EstimationWarning, HessianInversionWarning, RuntimeWarning):
            warnings.simplefilter("ignore", category)
        fitted: Any = model.fit(maxiter=max_iterations, cov_type="none", disp=False)
    converged = bool(fitted.mle_retvals["converged"]) and bool(np.isfinite(fitted.params).all())
    return fitted, converged


def _ordered(fitted: Any, scale: float, states: int, order: int) -> RegimeParameters:
    """Parameters in the unit of the returns, with states in canonical order."""
    named = dict(zip(fitted.model.param_names, np.asarray(fitted.params, dtype=np.float64), strict=True))
    mean = np.array([named[f"const[{state}]"] for state in range(states)]) * scale
    variance = np.array([named.get(f"sigma2[{state}]", named.get("sigma2")) for state in range(states)]) * scale**2
    by_variance = np.lexsort((mean, variance))
    # statsmodels stores P(to | from) with the origin in the second axis.
    transition = np.asarray(fitted.regime_transition)[:, :, 0].T
    return RegimeParameters(
        mean=mean[by_variance],
        variance=variance[by_variance],
        transition=transition[np.ix_(by_variance, by_variance)],
        autoregression=np.array([named[f"ar.L{lag}"] for lag in range(1, order + 1)]),
    )
