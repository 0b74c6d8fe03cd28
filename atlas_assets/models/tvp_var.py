r"""Vector autoregression with time-varying parameters and forgetting.

.. math:: y_t = \Theta_t x_t + \varepsilon_t, \quad \varepsilon_t \sim N(0, \Sigma_t), \qquad
          x_t = (y_{t-1}', \ldots, y_{t-p}', 1)'

with :math:`\operatorname{vec} \Theta_t` a random walk. Its covariance is predicted by the forgetting factor
:math:`\lambda`, :math:`R_t = P_{t-1|t-1} / \lambda`, and updated by the Kalman filter. With
:math:`e_t = y_t - \Theta_{t-1|t-1} x_t` and the covariance decay :math:`\kappa`,

- form "full": :math:`\Sigma_t = \kappa \Sigma_{t-1} + (1-\kappa)\, e_t e_t'`, state covariance nm x nm, unrestricted;
- form "kronecker": the state covariance is :math:`\Sigma \otimes P_t` with :math:`P_t` m x m (a matrix-normal dynamic
  linear model), :math:`q_t = 1 + x_t' R_t x_t`, and
  :math:`\Sigma_t = \kappa \Sigma_{t-1} + (1-\kappa)\, e_t e_t' / q_t`. Exact, and orders faster when n is large. It
  needs a prior of that product form; given one, both forms agree as long as the covariance stays constant.

The forgetting may adapt, in two ways:

- by likelihood: with a grid of factors one model a factor is filtered, and they are averaged by their predictive
  likelihoods; the probabilities of the factors are themselves forgotten, and known before the row they weigh;
- by regime: a factor for each row, known before it (``regime_forgetting`` makes it from a regime's probability).

References
----------
Koop, Korobilis (2013), Large time-varying parameter VARs, Journal of Econometrics 177(2).
Koop, Korobilis (2014), A new index of financial conditions, European Economic Review 71.
Antonakakis, Chatziantoniou, Gabauer (2020), Refined measures of dynamic connectedness, JRFM 13(4).
West, Harrison (1997), Bayesian Forecasting and Dynamic Models, ch. 16.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from atlas_assets.models.averaging_kernels import predictive_probabilities
from atlas_assets.models.forgetting import regime_forgetting as regime_forgetting
from atlas_assets.models.tvp_var_kernels import filter_full, filter_kronecker
from atlas_assets.models.tvp_var_priors import BayesPrior, MinnesotaPrior, regressors_of
from atlas_assets.models.tvp_var_results import FilteredVAR, VARForecast

FloatArray: TypeAlias = npt.NDArray[np.float64]

_PROBABILITY_FLOOR = 0.001  # of all models together
_LARGEST_GRID = 50


@dataclass(frozen=True)
class _State:
    """State after a row of ``k`` models, one a forgetting factor; the last three are the same for all."""

    mean: FloatArray
    reported: FloatArray
    state_covariance: FloatArray
    observation_covariance: FloatArray
    log_probability: FloatArray
    last_rows: FloatArray
    centre: FloatArray
    varies: npt.NDArray[np.bool_]


class TVPVAR:
    """Vector autoregression with time-varying parameters, filtered with forgetting; see the module's equations.

    Parameters
    ----------
    lags : order p
    forgetting : lambda in (0, 1], of the coefficients; 1 is a constant-parameter model. A sequence is a grid: a model
        a factor, averaged by predictive likelihood (the work grows by as much)
    model_forgetting : alpha in (0, 1], of the probabilities of a grid's factors; 1 is Bayesian averaging
    covariance_decay : kappa in (0, 1], of the innovation covariance
    intercept : whether the equations have one
    demean : "full_sample" subtracts the mean of all rows, which looks ahead
    prior : MinnesotaPrior or BayesPrior
    covariance_update : the gain at t uses the covariance known before the row ("previous") or after it ("current",
        where the first ``lags`` rows add ``0.1 y y'`` instead of an innovation). The "kronecker" gain uses neither.
    form : "kronecker" or "full"
    stability : "shrink" keeps the last reported coefficients where the new ones are explosive, and sets the state
        to 0.99 times the one before
    """

    def __init__(
        self,
        *,
        lags: int = 1,
        forgetting: float | Sequence[float] = 0.99,
        model_forgetting: float = 0.99,
        covariance_decay: float = 0.96,
        intercept: bool = True,
        demean: Literal["none", "full_sample"] = "none",
        prior: MinnesotaPrior | BayesPrior | None = None,
        covariance_update: Literal["previous", "current"] = "previous",
        form: Literal["kronecker", "full"] = "kronecker",
        stability: Literal["none", "shrink"] = "none",
    ) -> None:
        self.lags = lags
        self.forgetting = forgetting
        self.model_forgetting = model_forgetting
        self.covariance_decay = covariance_decay
        self.intercept = intercept
        self.demean = demean
        self.prior = prior if prior is not None else MinnesotaPrior(tightness=0.1)
        self.covariance_update = covariance_update
        self.form = form
        self.stability = stability
        self._factors = [float(factor) for factor in np.atleast_1d(np.asarray(forgetting, dtype=np.float64))]
        self._state: _State | None = None
        if lags < 1:
            raise ValueError(f"TVPVAR needs at least one lag, not {lags}.")
        if not 1 <= len(self._factors) <= _LARGEST_GRID:
            raise ValueError(
                f"TVPVAR needs 1 to {_LARGEST_GRID} forgetting factors in the grid, not {len(self._factors)}; "
                "give a factor for each row to fit."
            )
        factors = (("model_forgetting", model_forgetting), ("covariance_decay", covariance_decay))
        for name, factor in (*(("forgetting", factor) for factor in self._factors), *factors):
            if not 0 < factor <= 1:
                raise ValueError(f"TVPVAR needs {name} in (0, 1], not {factor}.")
        for name, value, known in (
            ("demean", demean, ("none", "full_sample")),
            ("covariance_update", covariance_update, ("previous", "current")),
            ("form", form, ("kronecker", "full")),
            ("stability", stability, ("none", "shrink")),
        ):
            if value not in known:
                raise ValueError(f'TVPVAR knows no {name}="{value}"; use one of {known}.')

    def fit(self, Y: npt.ArrayLike, *, forgetting: npt.ArrayLike | None = None) -> FilteredVAR:
        """Filter ``Y (T, n)`` from the prior on; the estimator is then ready to ``update`` and ``forecast``.

        ``forgetting (T,)`` gives each row a factor of its own, which must be known before the row.
        Raises ``ValueError`` for missing values or fewer rows than lags + 1 or than the prior needs.
        """
        rows = _rows(Y)
        factors = self._factors_of(rows, forgetting)
        if len(rows) <= self.lags:
            raise ValueError(f"TVPVAR with {self.lags} lags needs more than {len(rows)} rows.")
        centre = rows.mean(axis=0) if self.demean == "full_sample" else np.zeros(rows.shape[1])
        prior = self.prior.initial_state(rows, lags=self.lags, intercept=self.intercept)
        centred = rows - centre

        head = np.repeat(prior.observation[None], self.lags, axis=0)
        if self.covariance_update == "current":
            for t in range(1, self.lags):
                level = 0.1 * np.outer(centred[t], centred[t])
                head[t] = self.covariance_decay * head[t - 1] + (1 - self.covariance_decay) * level
        state_covariance = prior.regressors
        if self.form == "full":
            state_covariance = np.kron(prior.equations, prior.regressors).astype(np.float64, copy=False)
        members = len(self._factors)
        self._state = _State(
            mean=_each(prior.mean, members),
            reported=_each(prior.mean, members),
            state_covariance=_each(state_covariance, members),
            observation_covariance=_each(head[-1], members),
            log_probability=np.full(members, -np.log(members)),
            last_rows=centred[: self.lags],
            centre=centre,
            varies=np.array(forgetting is not None),
        )
        filtered = self._run(centred[self.lags :], factors[:, self.lags :], is_first=True)

        missing = np.full((self.lags, rows.shape[1]), np.nan)
        rows_seen = len(rows) if self.demean == "full_sample" else prior.rows_used
        return FilteredVAR(
            coefficients=np.concatenate([np.repeat(prior.mean[None], self.lags, axis=0), filtered.coefficients]),
            covariance=np.concatenate([head, filtered.covariance]),
            one_step_forecast=np.concatenate([missing, filtered.one_step_forecast]),
            log_predictive_density=np.concatenate([missing[:, 0], filtered.log_predictive_density]),
            in_sample=np.arange(len(rows)) < rows_seen,
            forgetting_probability=np.concatenate(
                [np.full((self.lags, members), 1 / members), filtered.forgetting_probability]
            ),
            lags=self.lags,
        )

    def update(self, y: npt.ArrayLike, *, forgetting: npt.ArrayLike | None = None) -> FilteredVAR:
        """Filter the next row ``(n,)`` or rows ``(k, n)``: bit for bit the numbers of a new fit of the longer data.

        A model that was fitted with a ``forgetting`` for each row needs those of the new rows.
        Raises ``ValueError`` before ``fit``, for missing values, and for full-sample options, which a new row changes.
        """
        if self.demean == "full_sample" or (isinstance(self.prior, BayesPrior) and self.prior.observations is None):
            raise ValueError("TVPVAR cannot update a model with full-sample demeaning or prior; fit it again.")
        state = self._fitted()
        rows = _rows(np.atleast_2d(np.asarray(y, dtype=np.float64)))
        if rows.shape[1] != len(state.centre):
            raise ValueError(f"TVPVAR was fitted to {len(state.centre)} variables, not {rows.shape[1]}.")
        self._refuse_other_kind(forgetting)
        return self._run(rows - state.centre, self._factors_of(rows, forgetting), is_first=False)

    def forecast(self, steps: int, *, forgetting: float | None = None) -> VARForecast:
        r"""Mean and covariance of the next ``steps`` rows, coefficients held at their last filtered mean.

        The one-step covariance is that of the predictive density. Later steps carry it forward through the VAR and
        add :math:`\Sigma + x' R x` at the forecast regressors, with the coefficient uncertainty R of the first step.
        With a grid of factors it is the mixture's mean and covariance. A model that was fitted with a ``forgetting``
        for each row needs that of the next row.
        """
        state = self._fitted()
        if steps < 1:
            raise ValueError(f"TVPVAR forecasts at least one step, not {steps}.")
        self._refuse_other_kind(forgetting)
        factors = self._factors_of(state.last_rows[-1:], forgetting)[:, 0]
        members = [
            self._member_forecast(state, member, steps, float(factors[member])) for member in range(len(factors))
        ]
        if len(members) == 1:
            return members[0]
        means, covariances = np.array([one.mean for one in members]), np.array([one.covariance for one in members])
        weights = self._probabilities(np.empty((0, len(members))), state.log_probability)[0][-1]
        mean = np.einsum("k,ksi->si", weights, means)
        apart = means - mean
        covariances += apart[..., :, None] * apart[..., None, :]
        return VARForecast(mean, np.einsum("k,ksij->sij", weights, covariances))

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Options and state after the last row as plain arrays, to be saved (``numpy.savez``) and taken up later.

        Raises ``ValueError`` before ``fit``.
        """
        prior = "bayes" if isinstance(self.prior, BayesPrior) else "minnesota"
        options = {
            "lags": int(self.lags),
            "forgetting": self._factors,
            "model_forgetting": float(self.model_forgetting),
            "covariance_decay": float(self.covariance_decay),
            "intercept": bool(self.intercept),
            "demean": self.demean,
            "prior": {prior: asdict(self.prior)},
            "covariance_update": self.covariance_update,
            "form": self.form,
            "stability": self.stability,
        }
        arrays = {name: values.copy() for name, values in vars(self._fitted()).items()}
        return {"options": np.array(json.dumps(options)), **arrays}

    @classmethod
    def from_state(cls, state: Mapping[str, npt.NDArray[Any]]) -> TVPVAR:
        """The model as it was when ``state`` was taken, ready to ``update`` and ``forecast``.

        Raises ``ValueError`` for arrays that are not the state of a TVPVAR.
        """
        missing = sorted({"options", *_State.__annotations__} - set(state))
        if missing:
            raise ValueError(f"These arrays are no state of a TVPVAR: {', '.join(missing)} missing; fit it again.")
        options = json.loads(str(state["options"]))
        ((kind, parameters),) = options.pop("prior").items()
        model = cls(**options, prior=(BayesPrior if kind == "bayes" else MinnesotaPrior)(**parameters))
        model._state = _State(**{name: np.array(state[name], order="C") for name in _State.__annotations__})
        return model

    def _member_forecast(self, state: _State, member: int, steps: int, forgetting: float) -> VARForecast:
        n, k = len(state.centre), len(state.centre) * self.lags
        theta, sigma = state.reported[member], state.observation_covariance[member]
        transition = np.eye(k, k=-n)
        transition[:n] = theta[:, :k]
        lagged, spread = state.last_rows[::-1].ravel(), np.zeros((k, k))
        mean, covariance = np.empty((steps, n)), np.empty((steps, n, n))
        for step in range(steps):
            x = np.append(lagged, 1.0) if self.intercept else lagged
            spread = transition @ spread @ transition.T
            spread[:n, :n] += self._innovation_covariance(x, state.state_covariance[member] / forgetting, sigma)
            lagged = np.concatenate([theta @ x, lagged[:-n]])
            mean[step], covariance[step] = lagged[:n] + state.centre, spread[:n, :n]
        return VARForecast(mean, covariance)

    def _innovation_covariance(self, x: FloatArray, state_covariance: FloatArray, sigma: FloatArray) -> FloatArray:
        if self.form == "kronecker":
            return (1.0 + x @ state_covariance @ x) * sigma
        selector = np.kron(np.eye(len(sigma)), x)
        return sigma + selector @ state_covariance @ selector.T

    def _run(self, rows: FloatArray, factors: FloatArray, *, is_first: bool) -> FilteredVAR:
        """Filter demeaned rows (T, n) with ``factors (k, T)`` from the state on, which is moved behind them."""
        state = self._fitted()
        history = np.vstack([state.last_rows, rows])
        x = regressors_of(history, lags=self.lags, intercept=self.intercept)
        kernel = filter_full if self.form == "full" else filter_kronecker
        members = [
            kernel(
                np.ascontiguousarray(rows),
                x,
                state.mean[member],
                state.reported[member],
                state.state_covariance[member],
                state.observation_covariance[member],
                forgetting,
                self.covariance_decay,
                self.covariance_update == "current",
                self.stability == "shrink",
                is_first,
                self.lags,
            )
            for member, forgetting in enumerate(factors)
        ]
        coefficients, covariance, forecast, log_density, mean, state_covariance = zip(*members, strict=True)
        probability, log_probability = self._probabilities(np.column_stack(log_density), state.log_probability)
        self._state = _State(
            mean=np.array(mean),
            reported=np.array([path[-1] for path in coefficients]),
            state_covariance=np.array(state_covariance),
            observation_covariance=np.array([path[-1] for path in covariance]),
            log_probability=log_probability,
            last_rows=history[-self.lags :],
            centre=state.centre,
            varies=state.varies,
        )
        now, following = probability[:-1], probability[1:]
        return FilteredVAR(
            coefficients=_average(coefficients, following),
            covariance=_average(covariance, following),
            one_step_forecast=_average(forecast, now) + state.centre,
            log_predictive_density=_log_average(log_density, now),
            in_sample=np.zeros(len(rows), dtype=np.bool_),
            forgetting_probability=now,
            lags=self.lags,
        )

    def _probabilities(self, log_density: FloatArray, start: FloatArray) -> tuple[FloatArray, FloatArray]:
        return predictive_probabilities(log_density, start, self.model_forgetting, _PROBABILITY_FLOOR / len(start))

    def _factors_of(self, rows: FloatArray, forgetting: npt.ArrayLike | None) -> FloatArray:
        """Forgetting factors (k, T): of the options, or one for each row."""
        if forgetting is None:
            return np.repeat(np.array(self._factors)[:, None], len(rows), axis=1)
        path = np.atleast_1d(np.array(forgetting, dtype=np.float64))
        if len(self._factors) > 1:
            raise ValueError("TVPVAR takes a grid of forgetting factors or one for each row, not both.")
        if path.shape != (len(rows),) or not ((path > 0) & (path <= 1)).all():
            raise ValueError(f"TVPVAR needs a forgetting in (0, 1] for each of {len(rows)} rows; shape {path.shape}.")
        return path[None]

    def _refuse_other_kind(self, forgetting: npt.ArrayLike | None) -> None:
        if bool(self._fitted().varies) != (forgetting is not None):
            given, fitted = ("with", "without") if forgetting is not None else ("without", "with")
            raise ValueError(f"TVPVAR was fitted {fitted} a forgetting for each row and cannot go on {given} one.")

    def _fitted(self) -> _State:
        if self._state is None:
            raise ValueError("TVPVAR is not fitted yet; call fit first.")
        return self._state


def _each(values: FloatArray, members: int) -> FloatArray:
    return np.repeat(values[None], members, axis=0)


def _average(paths: Sequence[FloatArray], weights: FloatArray) -> FloatArray:
    """Sum over k of ``paths (k, T, ...)`` times ``weights (T, k)``; element by element, so that no row knows others."""
    if len(paths) == 1:
        return paths[0]
    shape = (len(weights), *[1] * (paths[0].ndim - 1))
    total = paths[0] * weights[:, 0].reshape(shape)
    for member, path in enumerate(paths[1:], start=1):
        total += path * weights[:, member].reshape(shape)
    return total


def _log_average(log_density: Sequence[FloatArray], weights: FloatArray) -> FloatArray:
    """Log of the weighted mean of densities."""
    if len(log_density) == 1:
        return log_density[0]
    top = np.max(log_density, axis=0)
    return top + np.log(_average([np.exp(path - top) for path in log_density], weights))


def _rows(values: npt.ArrayLike) -> FloatArray:
    rows = np.ascontiguousarray(values, dtype=np.float64)
    if rows.ndim != 2 or rows.size == 0:
        raise ValueError(f"TVPVAR needs rows of variables, a 2-d array, not shape {rows.shape}.")
    if not np.isfinite(rows).all():
        first = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
        raise ValueError(f"TVPVAR needs complete rows; row {first} has a missing or infinite value.")
    return rows
