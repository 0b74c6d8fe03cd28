r"""Dynamic model averaging: all subsets of the regressors, each with time-varying coefficients.

Model k has the regressors :math:`x^{(k)}_t` and random-walk coefficients :math:`\theta^{(k)}_t`:

.. math:: y_t = x^{(k)\prime}_t \theta^{(k)}_t + \varepsilon_t, \qquad \varepsilon_t \sim N(0, V^{(k)}_t)

Three factors forget. :math:`\lambda` (``forgetting``) that of the coefficients, :math:`R_t = P_{t-1|t-1} / \lambda`;
:math:`\alpha` (``model_forgetting``) that of the models' probabilities; :math:`\kappa` (``ewma_decay``) that of the
observation variance. With K models, the weights of the forecast of :math:`y_t` know only what came before it:

.. math:: \pi_{t|t-1,k} \propto \pi_{t-1|t-1,k}^{\alpha} + c, \quad c = 0.001 / K, \qquad
          \pi_{t|t,k} \propto \pi_{t|t-1,k}\, N(y_t;\ x_t'\theta_{t-1},\ V_t + x_t' R_t x_t)

The variance is :math:`V_{t+1} = (s V_t + e_t^2 - x_t' R_t x_t) / (s + 1)` after s rows ("recursive"), or
:math:`\kappa V_t + (1 - \kappa) e_t^2` ("ewma"); what is not positive keeps the one before. Where factors are given as
grids, each pair of them makes models of its own, weighed like all others.

Forgetting may follow a regime: :math:`\lambda_t = (1 - \pi_t) \lambda_{calm} + \pi_t \lambda_{turbulent}`, where the
probability :math:`\pi_t` of the turbulent regime is one that was known before row t.

References
----------
Raftery, Kárný, Ettler (2010), Online prediction under model uncertainty via dynamic model averaging, Technometrics
    52(1).
Koop, Korobilis (2012), Forecasting inflation using dynamic model averaging, International Economic Review 53(3).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from itertools import product
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from numba import get_num_threads

from atlas_assets.models.dma_kernels import average_models, filter_blocks
from atlas_assets.models.dma_models import Beginning, Models, Prior, Subsets
from atlas_assets.models.dma_results import DensityForecast, ModelAverage, after_training
from atlas_assets.models.forgetting import regime_forgetting

FloatArray: TypeAlias = npt.NDArray[np.float64]

_FLOOR = 0.001
# Rows are filtered so many values of (row, model) at a time, which bounds the memory.
_VALUES_AT_ONCE = 2**23
_BLOCKS_AT_ONCE = 64


@dataclass
class _State:
    models: list[Models]
    probability: FloatArray
    regressors: int
    rows_seen: int


class DynamicModelAveraging:
    """Dynamic model averaging over all subsets of k regressors; see the module's equations.

    An intercept is in every model and counts as no regressor. Without a limit there are ``2 ** k`` models; time and
    memory are linear in their number.

    Parameters
    ----------
    forgetting : lambda in (0, 1], of the coefficients, or a grid of such factors
    turbulent_forgetting : lambda of the turbulent regime, one for each of ``forgetting``, which is then of the calm one
    model_forgetting : alpha in (0, 1], of the models' probabilities
    observation_variance : "recursive" or "ewma"
    ewma_decay : kappa in (0, 1], or a grid; for "ewma" only
    initial_variance : of the observations, positive. By default that of the prior's rows.
    prior : mean and variance of the coefficients before the first row, the intercept first.
        "training": zero, and the scale of the first ``training`` rows, which are not forecast: the variance of y over
        that of the regressor; for the intercept the square of the mean of y, plus its variance.
        "raftery_full_sample": as Raftery, Kárný and Ettler have it, from all rows: it looks ahead, and is meant for
        comparison with other software. The variance of the intercept is the square of its least-squares estimate
        in the model, plus the variance of y.
        A pair (mean, variance): scalars or arrays of shape (k + 1,).
    max_size : most regressors in a model, those that are always in included
    always_in : columns of X that every model has
    training : number of rows for the prior of that name
    """

    def __init__(
        self,
        *,
        forgetting: float | Sequence[float] = 0.99,
        turbulent_forgetting: float | Sequence[float] | None = None,
        model_forgetting: float = 0.99,
        observation_variance: Literal["recursive", "ewma"] = "recursive",
        ewma_decay: float | Sequence[float] = 0.95,
        initial_variance: float | None = None,
        prior: Prior = "training",
        max_size: int | None = None,
        always_in: Sequence[int] = (),
        training: int = 20,
    ) -> None:
        self.forgetting, self.ewma_decay = _grid("forgetting", forgetting), _grid("ewma_decay", ewma_decay)
        self.turbulent_forgetting = None
        if turbulent_forgetting is not None:
            self.turbulent_forgetting = tuple(
                _factor("turbulent_forgetting", each) for each in np.atleast_1d(turbulent_forgetting).tolist()
            )
            if len(self.turbulent_forgetting) != len(self.forgetting):
                raise ValueError("DMA needs a turbulent_forgetting for each forgetting of the grid.")
        self.model_forgetting = _factor("model_forgetting", model_forgetting)
        self.observation_variance = observation_variance
        self.initial_variance = initial_variance
        self.prior: Prior = prior
        self.max_size = max_size
        self.always_in = tuple(sorted(set(always_in)))
        self.training = training
        self._state: _State | None = None
        if observation_variance not in ("recursive", "ewma"):
            raise ValueError(
                f'DMA knows the observation variances "recursive" and "ewma", not "{observation_variance}".'
            )
        if isinstance(prior, str) and prior not in ("training", "raftery_full_sample"):
            raise ValueError(
                f'DMA knows the priors "training", "raftery_full_sample" and a pair (mean, variance), not "{prior}".'
            )
        if not isinstance(prior, str) and initial_variance is None:
            raise ValueError("DMA with a prior of your own needs initial_variance, that of the observations.")
        if initial_variance is not None and not 0 < initial_variance < np.inf:
            raise ValueError(f"DMA needs a positive initial_variance, not {initial_variance}.")
        if training < 2:
            raise ValueError(f"DMA needs at least two training rows, not {training}.")

    def fit(
        self,
        y: npt.ArrayLike,
        X: npt.ArrayLike,
        *,
        regime_probability: npt.ArrayLike | None = None,
    ) -> ModelAverage:
        """Average over the models of ``y (T,)`` on ``X (T, k)``; then ready to ``update`` and ``forecast``.

        Row t of X is what is known when row t of y is forecast, and so is ``regime_probability (T,)``, that of the
        turbulent regime, for forgetting by regime; in the training rows it does not matter.
        Raises ``ValueError`` for missing values, for more than 2 ** 22 models, and where the rows of the prior are too
        few or do not vary.
        """
        target, rows = np.asarray(y, dtype=np.float64), np.asarray(X, dtype=np.float64)
        if rows.ndim != 2 or target.shape != rows.shape[:1]:
            raise ValueError(f"DMA needs y (T,) and X (T, k), not {target.shape} and {rows.shape}.")
        _require_finite(target, rows)
        start = self.training if self.prior == "training" else 0
        if len(target) <= start:
            raise ValueError(f"DMA needs more rows than the {start} of its training sample, not {len(target)}.")
        forgetting = self._forgetting_of(len(target), regime_probability, start)
        subsets, factors = Subsets(rows.shape[1], self.always_in, self.max_size), range(len(self._factors()))
        subsets.refuse_too_many(len(factors))
        seen = slice(start or None)
        intercept = np.ones(len(target[seen]))
        prior = Beginning(self.prior, target[seen], np.column_stack([intercept, rows[seen]]), self.initial_variance)
        models = [prior.models(columns, pair) for pair in factors for columns in subsets.by_size()]
        count = sum(group.count for group in models)
        self._state = _State(models, np.full(count, 1.0 / count), rows.shape[1], 0)
        averaged = self._run(target[start:], rows[start:], forgetting)
        return averaged if not start else after_training(averaged, start)

    def update(
        self, y_t: npt.ArrayLike, x_t: npt.ArrayLike, *, regime_probability: npt.ArrayLike | None = None
    ) -> ModelAverage:
        """Average over the next row, ``y_t ()`` and ``x_t (k,)``, or rows: the numbers of a new fit of the longer data.

        That holds for every prior but the one of the full sample, which a new row would change.
        """
        target = np.atleast_1d(np.asarray(y_t, dtype=np.float64))
        rows = np.atleast_2d(np.asarray(x_t, dtype=np.float64))
        self._require_regressors(rows)
        if target.shape != rows.shape[:1]:
            raise ValueError(f"DMA needs as many rows of y as of x, not {len(target)} and {len(rows)}.")
        _require_finite(target, rows)
        return self._run(target, rows, self._forgetting_of(len(target), regime_probability))

    def forecast(self, x_next: npt.ArrayLike, *, regime_probability: float | None = None) -> DensityForecast:
        """Forecast the next row from its regressors ``x_next (k,)``."""
        row = np.atleast_2d(np.asarray(x_next, dtype=np.float64))
        self._require_regressors(row)
        if len(row) != 1:
            raise ValueError(f"DMA forecasts one row at a time, not {len(row)}.")
        _require_finite(np.zeros(1), row)
        state, regressors = self._fitted(), np.append(1.0, row[0])
        forgetting = self._forgetting_of(1, regime_probability)[:, 0]
        weights = state.probability**self.model_forgetting + _FLOOR / state.probability.size
        weights /= weights.sum()
        parts = [group.predict(regressors, forgetting=forgetting[group.factors]) for group in state.models]
        means, variances = np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
        mean = weights @ means
        return DensityForecast(np.asarray(mean), np.asarray(weights @ (variances + (means - mean) ** 2)))

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Options and state after the last row as plain arrays, to be saved (``numpy.savez``) and taken up later.

        Raises ``ValueError`` before ``fit``.
        """
        state = self._fitted()
        own = None if isinstance(self.prior, str) else [np.asarray(part).tolist() for part in self.prior]
        options = {
            "forgetting": self.forgetting,
            "turbulent_forgetting": self.turbulent_forgetting,
            "model_forgetting": self.model_forgetting,
            "observation_variance": self.observation_variance,
            "ewma_decay": self.ewma_decay,
            "initial_variance": self.initial_variance,
            "prior": own or self.prior,
            "max_size": self.max_size,
            "always_in": self.always_in,
            "training": self.training,
        }
        arrays: dict[str, npt.NDArray[Any]] = {"options": np.array(json.dumps(options))}
        arrays |= {"probability": state.probability.copy(), "seen": np.array([state.regressors, state.rows_seen])}
        for number, group in enumerate(state.models):
            arrays |= {f"{name}_{number}": np.array(value) for name, value in vars(group).items()}
        return arrays

    @classmethod
    def from_state(cls, state: Mapping[str, npt.NDArray[Any]]) -> DynamicModelAveraging:
        """The estimator as it was when ``state`` was taken, ready to ``update`` and ``forecast``.

        Raises ``ValueError`` for arrays that are not the state of one.
        """
        of_groups = {
            f"{field.name}_{name.removeprefix('columns_')}"
            for name in state
            if name.startswith("columns_")
            for field in fields(Models)
        }
        if missing := sorted({"options", "probability", "seen", "columns_0", *of_groups} - set(state)):
            raise ValueError(f"These arrays are no state of a DMA: {', '.join(missing)} missing; fit it again.")
        options = json.loads(str(state["options"]))
        if not isinstance(options["prior"], str):
            options["prior"] = tuple(options["prior"])
        model, groups = cls(**options), list[Models]()
        while f"columns_{len(groups)}" in state:
            values = (np.array(state[f"{field.name}_{len(groups)}"]) for field in fields(Models))
            columns, lanes, mean, covariance, variance, factors = values
            groups.append(Models(columns, lanes, mean, covariance, variance, int(factors)))
        regressors, rows_seen = (int(count) for count in state["seen"])
        model._state = _State(groups, np.array(state["probability"]), regressors, rows_seen)
        return model

    def _factors(self) -> list[tuple[float, float]]:
        decays = self.ewma_decay if self.observation_variance == "ewma" else (np.nan,)
        return list(product(self.forgetting, decays))

    def _forgetting_of(self, rows: int, probability: npt.ArrayLike | None, start: int = 0) -> FloatArray:
        """Forgetting of each pair of factors in the rows from ``start`` on, (g, rows - start)."""
        if (self.turbulent_forgetting is None) != (probability is None):
            raise ValueError("DMA takes turbulent_forgetting and a regime_probability for each row together.")
        if self.turbulent_forgetting is None or probability is None:
            return np.repeat(np.array([pair[0] for pair in self._factors()])[:, None], rows - start, axis=1)
        known = np.atleast_1d(np.asarray(probability, dtype=np.float64))
        if known.shape != (rows,):
            raise ValueError(f"DMA needs a regime_probability for each of {rows} rows, not shape {known.shape}.")
        turbulent = dict(zip(self.forgetting, self.turbulent_forgetting, strict=True))
        return np.array(
            [regime_forgetting(known[start:], calm=calm, turbulent=turbulent[calm]) for calm, _ in self._factors()]
        )

    def _run(self, y: FloatArray, x: FloatArray, forgetting: FloatArray) -> ModelAverage:
        state, factors = self._fitted(), self._factors()
        y, regressors = np.ascontiguousarray(y), np.ascontiguousarray(np.column_stack([np.ones(len(y)), x]))
        members = np.concatenate([group.columns[:, 1:].ravel() - 1 for group in state.models])
        sizes = np.concatenate([np.full(group.count, group.columns.shape[1] - 1) for group in state.models])
        starts = np.append(0, np.cumsum(sizes)).astype(np.int64)
        factors_of = np.concatenate([np.full(group.count, group.factors) for group in state.models]).astype(np.int64)
        best = np.empty(len(y), dtype=np.int64)
        result = ModelAverage(
            forecast=np.empty(len(y)),
            variance=np.empty(len(y)),
            log_predictive_density=np.empty(len(y)),
            inclusion_probability=np.zeros(x.shape),
            expected_size=np.empty(len(y)),
            best_model=np.zeros(x.shape, dtype=np.bool_),
            factors=np.asarray(factors, dtype=np.float64),
            factor_probability=np.zeros((len(y), len(factors))),
        )

        def average(rows: slice, filtered: tuple[FloatArray, FloatArray, FloatArray]) -> None:
            average_models(
                *filtered,
                state.probability,
                self.model_forgetting,
                _FLOOR / state.probability.size,
                starts,
                members,
                factors_of,
                result.forecast[rows],
                result.variance[rows],
                result.log_predictive_density[rows],
                result.inclusion_probability[rows],
                result.factor_probability[rows],
                best[rows],
            )

        step = max(_VALUES_AT_ONCE // len(sizes), 1)
        with ThreadPoolExecutor(get_num_threads()) as pool:
            averaged: Future[None] | None = None
            for first in range(0, len(y), step):
                rows = slice(first, first + step)
                filtered = self._filter(y[rows], regressors[rows], 1 / forgetting[:, rows], pool)
                if averaged is not None:
                    averaged.result()
                # The next rows are filtered meanwhile.
                averaged = pool.submit(average, rows, filtered)
                state.rows_seen += len(y[rows])
        for t, model in enumerate(best):
            result.best_model[t, members[starts[model] : starts[model + 1]]] = True
        result.expected_size[:] = result.inclusion_probability.sum(axis=1)
        return result

    def _filter(
        self, y: FloatArray, x: FloatArray, growth: FloatArray, pool: ThreadPoolExecutor
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Forecasts, their variances and log densities, (T, K), of all models."""
        state, factors = self._fitted(), self._factors()
        shape = (len(y), state.probability.size)
        filtered = np.empty(shape), np.empty(shape), np.empty(shape)
        jobs: list[Future[None]] = []
        edge = 0
        for group in state.models:
            own = slice(edge, edge + group.count)
            edge += group.count
            decay = factors[group.factors][1]
            for first in range(0, len(group.lanes), _BLOCKS_AT_ONCE):
                last = min(first + _BLOCKS_AT_ONCE, len(group.lanes))
                jobs.append(
                    pool.submit(
                        filter_blocks,
                        y,
                        x,
                        group.lanes,
                        group.mean,
                        group.covariance,
                        group.variance,
                        state.rows_seen,
                        growth[group.factors],
                        decay,
                        self.observation_variance == "recursive",
                        first,
                        last,
                        *(values[:, own] for values in filtered),
                    )
                )
        for job in jobs:
            job.result()
        return filtered

    def _require_regressors(self, rows: FloatArray) -> None:
        k = self._fitted().regressors
        if rows.shape[1] != k:
            raise ValueError(f"DMA was fitted to {k} regressors, not {rows.shape[1]}.")

    def _fitted(self) -> _State:
        if self._state is None:
            raise ValueError("DMA is not fitted yet; call fit first.")
        return self._state


def _factor(name: str, factor: float) -> float:
    only, *more = _grid(name, factor)
    if more:
        raise ValueError(f"DMA takes one {name}, not a grid of {1 + len(more)}.")
    return only


def _grid(name: str, factors: float | Sequence[float]) -> tuple[float, ...]:
    grid = tuple(float(factor) for factor in np.atleast_1d(np.asarray(factors, dtype=np.float64)))
    if not grid or any(not 0 < factor <= 1 for factor in grid) or len(set(grid)) < len(grid):
        raise ValueError(f"DMA needs {name} in (0, 1], or a grid of different such factors, not {factors}.")
    return grid


def _require_finite(y: FloatArray, x: FloatArray) -> None:
    if not (np.isfinite(y).all() and np.isfinite(x).all()):
        first = int(np.flatnonzero(~(np.isfinite(y) & np.isfinite(x).all(axis=1)))[0])
        raise ValueError(f"DMA needs complete rows; row {first} has a missing or infinite value.")
