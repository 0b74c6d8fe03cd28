r"""Hidden Markov regimes of one or more series: Gaussian in each state.

.. math:: y_t \mid S_t = j \sim N(\mu_j, \Sigma_j), \qquad P(S_t = j \mid S_{t-1} = i) = p_{ij}, \qquad
          P(S_1 = j) = \delta_j

Parameters are estimated on the first rows (the training sample) by expectation maximisation from several deterministic
starts; the filter then runs forward with them over all rows, so that a probability after the training sample uses
nothing from its future. Smoothed probabilities use all rows and are a function of their own.

References
----------
Baum, Petrie, Soules, Weiss (1970), A maximization technique occurring in the statistical analysis of probabilistic
functions of Markov chains, Annals of Mathematical Statistics 41(1).
Hamilton (1990), Analysis of time series subject to changes in regime, Journal of Econometrics 45.
Kim (1994), Dynamic linear models with Markov-switching, Journal of Econometrics 60: the smoother.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from atlas_assets.clustering.convergence import ConvergenceWarning

FloatArray: TypeAlias = npt.NDArray[np.float64]

_ROWS_PER_STATE = 10
_SMALLEST_VARIANCE = 1e-4
_SMALLEST_EIGENVALUE = 1e-10
_STAY = 0.95
_SMOOTHING_ROWS = (1, 5, 21)


@dataclass(frozen=True)
class HiddenMarkovParameters:
    """Parameters of ``k`` states of ``d`` series, in canonical order.

    Attributes
    ----------
    mean : array of shape (k, d), in the unit of the series.
    covariance : array of shape (k, d, d).
    transition : array of shape (k, k); row i, column j is the probability of going from state i to state j.
    initial : array of shape (k,), probabilities of the first row's state.
    """

    mean: FloatArray
    covariance: FloatArray
    transition: FloatArray
    initial: FloatArray


@dataclass(frozen=True)
class HiddenMarkovRegimes:
    """Regimes of ``T`` rows in ``k`` states, ordered by variance or mean.

    Attributes
    ----------
    probabilities : array of shape (T, k), probability of each state given rows up to the row (filtered). NaN where a
        value is missing.
    labels : int array of shape (T,), the most probable state; -1 where probabilities are NaN.
    scores : array of shape (T,), log predictive density of the row given the rows before; low is surprising.
    parameters : estimated on the training sample.
    log_likelihood : of the training sample at these parameters.
    converged : whether the likelihood stopped rising.
    in_sample : bool array of shape (T,), the training rows: their probabilities know parameters from their future.
    """

    probabilities: FloatArray
    labels: npt.NDArray[np.int64]
    scores: FloatArray
    parameters: HiddenMarkovParameters
    log_likelihood: float
    converged: bool
    in_sample: npt.NDArray[np.bool_]


def hidden_markov_regimes(
    returns: npt.ArrayLike,
    *,
    training: int,
    states: int = 2,
    covariance: Literal["full", "diagonal"] = "full",
    order_by: Literal["variance", "mean"] = "variance",
    max_iterations: int = 1000,
    tolerance: float = 1e-10,
) -> HiddenMarkovRegimes:
    """Regime probabilities of one or more series, filtered.

    Parameters
    ----------
    returns : array of shape (T,) or (T, d), any unit
        Rows with a missing (NaN or infinite) value are skipped.
    training : number of first rows on which the parameters are estimated
    states : number of regimes
    covariance : of the series within a state
    order_by : states go from the smallest total variance (in units of each series' training variance) to the largest,
        or from the smallest mean of the first series to the largest
    max_iterations, tolerance : expectation maximisation stops when the log likelihood rises by less than the
        tolerance, relative, or after so many iterations

    Raises
    ------
    ValueError
        If the training sample is longer than the data, too short, or a series is constant or depends on the others.

    Warns
    -----
    ConvergenceWarning
        If the likelihood still rose after the last iteration; ``converged`` is then False.
    """
    if covariance not in ("full", "diagonal") or order_by not in ("variance", "mean") or states < 1:
        raise ValueError(
            f'Hidden Markov regimes know no covariance="{covariance}", order_by="{order_by}", states={states}.'
        )
    rows = _rows(returns)
    finite = np.isfinite(rows).all(axis=1)
    in_sample = np.arange(len(rows)) < training
    train = rows[finite & in_sample]
    needed = states * (_ROWS_PER_STATE + rows.shape[1])
    if not 0 < training <= len(rows) or len(train) < needed:
        raise ValueError(
            f"Hidden Markov regimes need a training sample of at least {needed} complete rows inside the data; "
            f"training={training} holds {len(train)} of {len(rows)} rows."
        )
    centre, scale = train.mean(axis=0), train.std(axis=0)
    if not (scale > 4 * np.finfo(np.float64).eps * np.abs(train).max(axis=0)).all():
        raise ValueError("Hidden Markov regimes need series that vary, but one is constant in the training sample.")
    standardised = np.ascontiguousarray((train - centre) / scale)
    if (
        covariance == "full"
        and np.linalg.eigvalsh(standardised.T @ standardised / len(train))[0] < _SMALLEST_EIGENVALUE
    ):
        raise ValueError("Hidden Markov regimes need series none of which is a sum of others; leave one out.")
    fitted, converged = _maximise(standardised, states, covariance == "diagonal", max_iterations, tolerance)
    if not converged:
        warnings.warn(
            f"The hidden Markov model of {states} states did not converge in {max_iterations} iterations on "
            f"{len(train)} rows; use a longer training sample or fewer states.",
            ConvergenceWarning,
            stacklevel=2,
        )
    parameters = _ordered(fitted, order_by, centre, scale)
    filtered, row_log_likelihood = hidden_markov_filter(rows[finite], parameters)

    probabilities, scores = np.full((len(rows), states), np.nan), np.full(len(rows), np.nan)
    labels = np.full(len(rows), -1, dtype=np.int64)
    probabilities[finite], scores[finite] = filtered, row_log_likelihood
    labels[finite] = filtered.argmax(axis=1)
    log_likelihood = float(row_log_likelihood[: len(train)].sum())
    return HiddenMarkovRegimes(probabilities, labels, scores, parameters, log_likelihood, converged, in_sample)


def hidden_markov_filter(returns: npt.ArrayLike, parameters: HiddenMarkovParameters) -> tuple[FloatArray, FloatArray]:
    r"""State probabilities given rows up to each row, and each row's log likelihood, for known parameters.

    .. math:: P(S_t = j \mid y_{1:t}) \propto N(y_t; \mu_j, \Sigma_j) \sum_i p_{ij} P(S_{t-1} = i \mid y_{1:t-1})

    Parameters
    ----------
    returns : array of shape (T,) or (T, d), finite, in the unit of the parameters
    parameters : of k states

    Returns
    -------
    arrays of shape (T, k) and (T,).
    """
    filtered, _, log_likelihood = _forward(returns, parameters)
    return filtered, log_likelihood


def hidden_markov_smoother(returns: npt.ArrayLike, parameters: HiddenMarkovParameters) -> FloatArray:
    r"""State probabilities given all rows, (T, k): they look ahead, and are meant for describing history.

    .. math:: P(S_t = i \mid y_{1:T}) = P(S_t = i \mid y_{1:t}) \sum_j
              p_{ij} \frac{P(S_{t+1} = j \mid y_{1:T})}{P(S_{t+1} = j \mid y_{1:t})}

    Parameters
    ----------
    returns : array of shape (T,) or (T, d), finite, in the unit of the parameters
    parameters : of k states
    """
    from atlas_assets.clustering.regime_kernels import backward

    filtered, predicted, _ = _forward(returns, parameters)
    return backward(filtered, predicted, np.ascontiguousarray(parameters.transition))[0]


def _forward(returns: npt.ArrayLike, parameters: HiddenMarkovParameters) -> tuple[FloatArray, FloatArray, FloatArray]:
    from atlas_assets.clustering.regime_kernels import forward, log_densities

    rows = _rows(returns)
    if rows.shape[1] != parameters.mean.shape[1] or not np.isfinite(rows).all():
        raise ValueError(
            f"The hidden Markov filter needs complete rows of {parameters.mean.shape[1]} series, as its parameters "
            f"have; it was given shape {rows.shape}."
        )
    mean, covariance, transition, initial = map(np.ascontiguousarray, vars(parameters).values())
    log_density = log_densities(rows, mean, covariance)
    if not np.isfinite(log_density[:1]).all():
        raise ValueError("The hidden Markov filter needs positive definite covariances.")
    return forward(log_density, transition, initial)


def _maximise(
    rows: FloatArray, states: int, is_diagonal: bool, max_iterations: int, tolerance: float
) -> tuple[HiddenMarkovParameters, bool]:
    """The best of the maxima that the starts lead to, and whether it is one."""
    from atlas_assets.clustering.regime_kernels import baum_welch

    best, best_log_likelihood, converged = None, -np.inf, False
    for start in _starts(rows, states):
        *fitted, log_likelihood, _, has_converged = baum_welch(
            rows,
            start.mean,
            start.covariance,
            start.transition,
            start.initial,
            is_diagonal,
            _SMALLEST_VARIANCE,
            max_iterations,
            tolerance,
        )
        if log_likelihood > best_log_likelihood:
            best, best_log_likelihood, converged = HiddenMarkovParameters(*fitted), log_likelihood, has_converged
    if best is None:
        raise ValueError(f"Hidden Markov regimes find no likelihood for {states} states; use fewer.")
    return best, bool(converged)


def _starts(rows: FloatArray, states: int) -> Iterator[HiddenMarkovParameters]:
    """States by quantiles of the size, then of the mean, of moving averages over several lengths."""
    n, d = rows.shape
    transition = np.full((states, states), (1 - _STAY) / max(states - 1, 1))
    np.fill_diagonal(transition, _STAY if states > 1 else 1.0)
    for levels in ((rows**2).sum(axis=1), rows[:, 0]):
        for length in _SMOOTHING_ROWS:
            smooth = np.convolve(levels, np.ones(length) / length, mode="same") if length < n else levels
            group = np.argsort(np.argsort(smooth, kind="stable")) * states // n
            mean = np.array([rows[group == state].mean(axis=0) for state in range(states)])
            variance = np.array([rows[group == state].var(axis=0) for state in range(states)])
            covariance = np.maximum(variance, 0.05)[:, :, None] * np.eye(d)
            yield HiddenMarkovParameters(mean, covariance, transition, np.full(states, 1 / states))


def _ordered(
    fitted: HiddenMarkovParameters, order_by: str, centre: FloatArray, scale: FloatArray
) -> HiddenMarkovParameters:
    """Parameters in the unit of the series, with states in canonical order."""
    variance, mean = np.trace(fitted.covariance, axis1=1, axis2=2), fitted.mean[:, 0]
    order = np.lexsort((mean, variance) if order_by == "variance" else (variance, mean))
    return HiddenMarkovParameters(
        mean=fitted.mean[order] * scale + centre,
        covariance=fitted.covariance[order] * np.outer(scale, scale),
        transition=fitted.transition[np.ix_(order, order)],
        initial=fitted.initial[order],
    )


def _rows(values: npt.ArrayLike) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    rows = np.ascontiguousarray(array[:, None] if array.ndim == 1 else array)
    if rows.ndim != 2 or rows.size == 0:
        raise ValueError(f"Hidden Markov regimes need a series or rows of series, not an array of shape {array.shape}.")
    return rows
