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

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
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
from atlas_assets.clustering.markov_filter import RegimeParameters, filtered_after, hamilton_filter, stationary_paths

if TYPE_CHECKING:
    from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

__all__ = [
    "ConvergenceWarning",
    "OnlineChangePoints",
    "OnlineHiddenMarkov",
    "OnlineMarkovRegimes",
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
        If the training sample is longer than the data, too short, or constant, for a switching variance with two or
        more lags, or for parameters of other states or another order.

    Warns
    -----
    ConvergenceWarning
        If the optimiser did not converge; ``converged`` is then False.
    """
    model = OnlineMarkovRegimes(
        states=states, order=order, switching_variance=switching_variance, max_iterations=max_iterations
    )
    return model.fit(returns, training=training, parameters=parameters)


@dataclass(frozen=True)
class _State:
    """Parameters, the last returns (order,), the predicted paths of the next row's states, and how the fit went."""

    parameters: RegimeParameters
    last: FloatArray
    predicted: FloatArray
    log_likelihood: float
    converged: bool


class OnlineMarkovRegimes:
    """Regimes of returns as they come: :func:`markov_regimes` of all rows so far, to the last bit.

    Parameters
    ----------
    states, order, switching_variance, max_iterations
        As in :func:`markov_regimes`.
    """

    def __init__(
        self, *, states: int = 2, order: int = 0, switching_variance: bool = True, max_iterations: int = 200
    ) -> None:
        if states < 2 or order < 0:
            raise ValueError(f"Regimes need at least 2 states and an order of 0 or more, not {states} and {order}.")
        if switching_variance and order > 1:
            # statsmodels 0.15 broadcasts the variance over the state at t - order + 1 instead of the state at t.
            raise ValueError(f"Regimes with order={order} need switching_variance=False; with it, order is at most 1.")
        self.states = states
        self.order = order
        self.switching_variance = switching_variance
        self.max_iterations = max_iterations
        self._state: _State | None = None

    def fit(self, returns: npt.ArrayLike, *, training: int, parameters: RegimeParameters | None = None) -> Regimes:
        """Regimes of the first rows, of which ``training`` set the parameters; forgets an earlier fit.

        Raises and warns as :func:`markov_regimes`.
        """
        values = np.asarray(returns, dtype=np.float64)
        train, scale = _training_returns(values, training, self.states * _ROWS_PER_STATE + self.order)
        converged = True
        if parameters is None:
            model = _model(train / scale, self.states, self.order, self.switching_variance)
            fitted, converged = _maximise(model, self.max_iterations)
            parameters = _ordered(fitted, scale, self.states, self.order)
        elif (parameters.mean.size, parameters.autoregression.size) != (self.states, self.order):
            raise ValueError(
                f"Regimes of {self.states} states and order {self.order} need parameters of as many, not of "
                f"{parameters.mean.size} and {parameters.autoregression.size}."
            )
        if not converged:
            warnings.warn(
                f"The regime model of {self.states} states did not converge in {self.max_iterations} iterations on "
                f"{train.size} rows; use a longer training sample or fewer states.",
                ConvergenceWarning,
                stacklevel=2,
            )
        log_likelihood = float(hamilton_filter(train, parameters)[1].sum())
        paths = stationary_paths(parameters)
        self._state = _State(parameters, np.zeros(0), paths, log_likelihood, converged)
        return self._run(values, np.arange(values.size) < training)

    def update(self, x: npt.ArrayLike) -> Regimes:
        """Regimes of the next row, a number, or rows (n,): the rows that a new fit of all would end with.

        The parameters stay those of the training sample. Raises ``ValueError`` before ``fit``.
        """
        self._fitted()
        values = np.atleast_1d(np.asarray(x, dtype=np.float64))
        if values.ndim != 1:
            raise ValueError(f"Regimes need a number or a 1-d series, not an array of shape {values.shape}.")
        return self._run(values, np.zeros(values.size, dtype=np.bool_))

    def forecast(self) -> FloatArray:
        """Probabilities (k,) of the state of the next row, before it is seen. ``ValueError`` before ``fit``."""
        return self._fitted().predicted.reshape(self.states, -1).sum(axis=1)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Options and state after the last row as plain arrays, to be saved (``numpy.savez``) and taken up later.

        Raises ``ValueError`` before ``fit``.
        """
        state = self._fitted()
        options = {
            "states": int(self.states),
            "order": int(self.order),
            "switching_variance": bool(self.switching_variance),
            "max_iterations": int(self.max_iterations),
        }
        return {
            "options": np.array(json.dumps(options)),
            **{name: values.copy() for name, values in vars(state.parameters).items()},
            "last": state.last.copy(),
            "predicted": state.predicted.copy(),
            "log_likelihood": np.array(state.log_likelihood),
            "converged": np.array(state.converged),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, npt.NDArray[Any]]) -> OnlineMarkovRegimes:
        """The model as it was when ``state`` was taken, ready to ``update`` and ``forecast``.

        Raises ``ValueError`` for arrays that are not the state of one.
        """
        names = list(RegimeParameters.__annotations__)
        wanted = {"options", *names, "last", "predicted", "log_likelihood", "converged"}
        if missing := sorted(wanted - set(state)):
            raise ValueError(f"These arrays are no state of OnlineMarkovRegimes: {', '.join(missing)} missing.")
        model = cls(**json.loads(str(state["options"])))
        model._state = _State(
            RegimeParameters(**{name: np.array(state[name], order="C") for name in names}),
            np.array(state["last"]),
            np.array(state["predicted"]),
            float(state["log_likelihood"]),
            bool(state["converged"]),
        )
        return model

    def _run(self, values: FloatArray, in_sample: npt.NDArray[np.bool_]) -> Regimes:
        before = self._fitted()
        present = np.flatnonzero(np.isfinite(values))
        known = np.append(before.last, values[present])
        filtered, _, predicted = filtered_after(known, before.parameters, before.predicted)
        self._state = replace(before, last=known[max(known.size - self.order, 0) :], predicted=predicted)

        rows = present[present.size - len(filtered) :]
        probabilities, labels = np.full((values.size, self.states), np.nan), np.full(values.size, -1, dtype=np.int64)
        probabilities[rows], labels[rows] = filtered, filtered.argmax(axis=1)
        return Regimes(probabilities, labels, before.parameters, before.log_likelihood, before.converged, in_sample)

    def _fitted(self) -> _State:
        if self._state is None:
            raise ValueError("OnlineMarkovRegimes is not fitted yet; call fit first.")
        return self._state


def _training_returns(values: FloatArray, training: int, needed: int) -> tuple[FloatArray, float]:
    """Returns of the training sample, and their deviation."""
    if values.ndim != 1:
        raise ValueError(f"Regimes need a 1-d series, not an array of shape {values.shape}.")
    train = values[np.isfinite(values) & (np.arange(values.size) < training)]
    if not 0 < training <= values.size or train.size < needed:
        raise ValueError(
            f"Regimes need a training sample of at least {needed} returns inside the series; "
            f"training={training} holds {train.size} of {values.size} rows."
        )
    # The likelihood is flat when returns are tiny fractions: estimate in units of the training deviation.
    scale = float(train.std())
    if scale <= np.finfo(np.float64).eps * np.abs(train).max():
        raise ValueError("Regimes need returns that vary, but the training sample is constant.")
    return train, scale


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
