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

import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

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


@dataclass(frozen=True)
class _State:
    """Parameters, probabilities (k,) of the next row's state, and how the fit went."""

    parameters: HiddenMarkovParameters
    predicted: FloatArray
    log_likelihood: float
    converged: bool


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
    model = OnlineHiddenMarkov(
        states=states, covariance=covariance, order_by=order_by, max_iterations=max_iterations, tolerance=tolerance
    )
    return model.fit(returns, training=training)


class OnlineHiddenMarkov:
    """Hidden Markov regimes of rows as they come: :func:`hidden_markov_regimes` of all rows so far, to the last bit.

    Parameters
    ----------
    states, covariance, order_by, max_iterations, tolerance
        As in :func:`hidden_markov_regimes`.
    """

    def __init__(
        self,
        *,
        states: int = 2,
        covariance: Literal["full", "diagonal"] = "full",
        order_by: Literal["variance", "mean"] = "variance",
        max_iterations: int = 1000,
        tolerance: float = 1e-10,
    ) -> None:
        if covariance not in ("full", "diagonal") or order_by not in ("variance", "mean") or states < 1:
            raise ValueError(
                f'Hidden Markov regimes know no covariance="{covariance}", order_by="{order_by}", states={states}.'
            )
        self.states = states
        self.covariance: Literal["full", "diagonal"] = covariance
        self.order_by: Literal["variance", "mean"] = order_by
        self.max_iterations = max_iterations
        self.tolerance = tolerance
        self._state: _State | None = None

    def fit(self, returns: npt.ArrayLike, *, training: int) -> HiddenMarkovRegimes:
        """Regimes of the first rows, of which ``training`` set the parameters; forgets an earlier fit.

        Raises and warns as :func:`hidden_markov_regimes`.
        """
        rows = _rows(returns)
        train, centre, scale = _training_rows(rows, training, self.states, self.covariance)
        fitted, converged = _maximise(
            np.ascontiguousarray((train - centre) / scale),
            self.states,
            self.covariance == "diagonal",
            self.max_iterations,
            self.tolerance,
        )
        if not converged:
            warnings.warn(
                f"The hidden Markov model of {self.states} states did not converge in {self.max_iterations} iterations "
                f"on {len(train)} rows; use a longer training sample or fewer states.",
                ConvergenceWarning,
                stacklevel=2,
            )
        parameters = _ordered(fitted, self.order_by, centre, scale)
        log_likelihood = float(hidden_markov_filter(train, parameters)[1].sum())
        self._state = _State(parameters, parameters.initial, log_likelihood, converged)
        return self._run(rows, np.arange(len(rows)) < training)

    def update(self, x: npt.ArrayLike) -> HiddenMarkovRegimes:
        """Regimes of the next row, a number or (d,), or rows (n, d): the rows that a new fit of all would end with.

        The parameters stay those of the training sample. Raises ``ValueError`` before ``fit`` or for other series.
        """
        series = self._fitted().parameters.mean.shape[1]
        values = np.asarray(x, dtype=np.float64)
        rows = values.reshape(-1, 1) if series == 1 and values.ndim < 2 else np.atleast_2d(values)
        if rows.ndim != 2 or rows.shape[1] != series:
            raise ValueError(f"OnlineHiddenMarkov was fitted to {series} series, not to shape {values.shape}.")
        return self._run(np.ascontiguousarray(rows), np.zeros(len(rows), dtype=np.bool_))

    def forecast(self) -> FloatArray:
        """Probabilities (k,) of the state of the next row, before it is seen. ``ValueError`` before ``fit``."""
        return self._fitted().predicted.copy()

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Options and state after the last row as plain arrays, to be saved (``numpy.savez``) and taken up later.

        Raises ``ValueError`` before ``fit``.
        """
        state = self._fitted()
        options = {
            "states": int(self.states),
            "covariance": self.covariance,
            "order_by": self.order_by,
            "max_iterations": int(self.max_iterations),
            "tolerance": float(self.tolerance),
        }
        return {
            "options": np.array(json.dumps(options)),
            **{name: values.copy() for name, values in vars(state.parameters).items()},
            "predicted": state.predicted.copy(),
            "log_likelihood": np.array(state.log_likelihood),
            "converged": np.array(state.converged),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, npt.NDArray[Any]]) -> OnlineHiddenMarkov:
        """The model as it was when ``state`` was taken, ready to ``update`` and ``forecast``.

        Raises ``ValueError`` for arrays that are not the state of one.
        """
        names = list(HiddenMarkovParameters.__annotations__)
        if missing := sorted({"options", *names, "predicted", "log_likelihood", "converged"} - set(state)):
            raise ValueError(f"These arrays are no state of OnlineHiddenMarkov: {', '.join(missing)} missing.")
        model = cls(**json.loads(str(state["options"])))
        parameters = HiddenMarkovParameters(**{name: np.array(state[name], order="C") for name in names})
        model._state = _State(
            parameters, np.array(state["predicted"]), float(state["log_likelihood"]), bool(state["converged"])
        )
        return model

    def _run(self, rows: FloatArray, in_sample: npt.NDArray[np.bool_]) -> HiddenMarkovRegimes:
        from atlas_assets.clustering.regime_kernels import predict

        before = self._fitted()
        k = len(before.parameters.mean)
        finite = np.isfinite(rows).all(axis=1)
        probabilities, scores = np.full((len(rows), k), np.nan), np.full(len(rows), np.nan)
        labels = np.full(len(rows), -1, dtype=np.int64)
        if finite.any():
            filtered, _, log_likelihood = _forward(rows[finite], replace(before.parameters, initial=before.predicted))
            probabilities[finite], scores[finite] = filtered, log_likelihood
            labels[finite] = filtered.argmax(axis=1)
            following = predict(filtered[-1], np.ascontiguousarray(before.parameters.transition))
            self._state = replace(before, predicted=following)
        return HiddenMarkovRegimes(
            probabilities, labels, scores, before.parameters, before.log_likelihood, before.converged, in_sample
        )

    def _fitted(self) -> _State:
        if self._state is None:
            raise ValueError("OnlineHiddenMarkov is not fitted yet; call fit first.")
        return self._state


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


def _training_rows(
    rows: FloatArray, training: int, states: int, covariance: str
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Complete rows of the training sample, their mean and deviation."""
    train = rows[np.isfinite(rows).all(axis=1) & (np.arange(len(rows)) < training)]
    needed = states * (_ROWS_PER_STATE + rows.shape[1])
    if not 0 < training <= len(rows) or len(train) < needed:
        raise ValueError(
            f"Hidden Markov regimes need a training sample of at least {needed} complete rows inside the data; "
            f"training={training} holds {len(train)} of {len(rows)} rows."
        )
    centre, scale = train.mean(axis=0), train.std(axis=0)
    if not (scale > 4 * np.finfo(np.float64).eps * np.abs(train).max(axis=0)).all():
        raise ValueError("Hidden Markov regimes need series that vary, but one is constant in the training sample.")
    standardised = (train - centre) / scale
    smallest = np.linalg.eigvalsh(standardised.T @ standardised / len(train))[0]
    if covariance == "full" and smallest < _SMALLEST_EIGENVALUE:
        raise ValueError("Hidden Markov regimes need series none of which is a sum of others; leave one out.")
    return train, centre, scale


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
