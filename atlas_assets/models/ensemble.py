r"""Combinations of forecasts, with intervals.

With forecasts :math:`f_{t,j}` of k forecasters and their errors :math:`e_{t,j} = y_t - f_{t,j}`, the combination is
:math:`\sum_j w_{t,j} f_{t,j}` with weights on the simplex that know only rows before t:

- "equal": :math:`1/k`;
- "inverse_error": in proportion to one over the mean squared error (Bates and Granger 1969);
- "stacking": the least mean squared error of the combination, :math:`\min_w w' (\sum_s e_s e_s') w`, non-negative and
  summing to one (Breiman 1996);
- "bayesian": by predictive likelihood, :math:`w_{t+1,j} \propto w_{t,j} N(y_t; f_{t,j}, v_{t,j})` with the mean
  squared error before t as variance;
- "dynamic": the same with weights flattened before each row, so that the past is forgotten (Raftery et al. 2010).

The interval of row t is the forecast plus and minus a quantile of the absolute errors of the combination before t:

- "split": of the first ``calibration`` errors, never changed after;
- "rolling": of the last ``calibration`` errors;
- "adaptive": of the same, at the miss level :math:`\alpha_{t+1} = \alpha_t + \gamma (\alpha - 1[y_t\ \text{outside}])`
  (Gibbs and Candes 2021): over N rows the share of misses is within :math:`(\max(\alpha, 1-\alpha) + \gamma) /
  (\gamma N)` of :math:`\alpha`, whatever the data.

References
----------
Bates, Granger (1969), The combination of forecasts, Operational Research Quarterly 20(4).
Breiman (1996), Stacked regressions, Machine Learning 24.
Raftery, Karny, Ettler (2010), Online prediction under model uncertainty via dynamic model averaging, Technometrics 52.
Vovk, Gammerman, Shafer (2005), Algorithmic Learning in a Random World, ch. 2.
Gibbs, Candes (2021), Adaptive conformal inference under distribution shift, NeurIPS 34.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from numbers import Integral
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from atlas_assets.models.averaging_kernels import predictive_probabilities
from atlas_assets.models.ensemble_kernels import (
    ADAPTIVE,
    ROLLING,
    SPLIT,
    conformal_widths,
    error_weights,
    gaussian_log_densities,
)

FloatArray: TypeAlias = npt.NDArray[np.float64]
Method: TypeAlias = Literal["equal", "inverse_error", "stacking", "bayesian", "dynamic"]
Interval: TypeAlias = Literal["split", "rolling", "adaptive"]

_METHODS = ("equal", "inverse_error", "stacking", "bayesian", "dynamic")
_INTERVALS = {"split": SPLIT, "rolling": ROLLING, "adaptive": ADAPTIVE}
_PROBABILITY_FLOOR = 0.001  # of all forecasters together
_LARGEST_ERROR = 1e150  # whose square is still a number


@dataclass(frozen=True, kw_only=True)
class CombinationOptions:
    """How forecasts are combined; see ``combine``."""

    method: Method = "equal"
    window: int | None = None
    training: int = 20
    forgetting: float = 0.99
    coverage: float = 0.9
    interval: Interval = "adaptive"
    calibration: int | None = 250
    adaptation: float = 0.01

    def __post_init__(self) -> None:
        if self.method not in _METHODS:
            raise ValueError(f'Forecasts are not combined by method="{self.method}"; use one of {_METHODS}.')
        if self.interval not in _INTERVALS:
            raise ValueError(f'Combinations know no interval="{self.interval}"; use one of {tuple(_INTERVALS)}.')
        for name in ("window", "training", "calibration"):
            count = getattr(self, name)
            if not isinstance(count, Integral | None):
                raise ValueError(f"Combinations need a whole number of rows as {name}, not {count}.")
        if not (0 < self.forgetting <= 1 and 0 < self.coverage < 1 and self.adaptation > 0):
            raise ValueError(
                "Combinations need forgetting in (0, 1], coverage in (0, 1) and adaptation > 0, "
                f"not {self.forgetting}, {self.coverage} and {self.adaptation}."
            )
        if self.training < 1 or (self.window is not None and self.window < self.training):
            raise ValueError(
                f"Combinations need training >= 1 and a window of at least as many rows, "
                f"not {self.training} and {self.window}."
            )
        if self.calibration is None:
            if self.interval == "split":
                raise ValueError("Split conformal intervals need a calibration, a number of rows.")
        elif self.calibration + 1 < 1 / (1 - self.coverage) - 1e-9:
            raise ValueError(
                f"Intervals with coverage {self.coverage} need more than {self.calibration} rows of calibration."
            )


@dataclass(frozen=True)
class _Carried:
    """What the next row needs of the past: sums, the rows that a window still sees, and what is known for that row."""

    seen: npt.NDArray[np.int64]
    errors: FloatArray
    gram: FloatArray
    log_probability: FloatArray
    scores: FloatArray
    miss: FloatArray
    next_weights: FloatArray
    next_width: FloatArray


@dataclass(frozen=True)
class NextForecast:
    """The combination of the row that comes next: its forecast, the ends of its interval, and the weights (k,)."""

    forecast: float
    lower: float
    upper: float
    weights: FloatArray


@dataclass(frozen=True)
class Combination:
    """Combination of the forecasts of ``k`` forecasters for ``T`` rows; everything at t was known before ``y_t``.

    Attributes
    ----------
    forecast : array of shape (T,).
    weights : array of shape (T, k), non-negative and summing to one.
    lower, upper : arrays of shape (T,), ends of the interval. NaN until enough errors are known; infinite where the
        adaptive miss level asks for more than the largest error.
    options : how they were made.
    """

    forecast: FloatArray
    weights: FloatArray
    lower: FloatArray
    upper: FloatArray
    options: CombinationOptions
    carried: _Carried

    def update(self, forecasts: npt.ArrayLike, y: npt.ArrayLike) -> Combination:
        """Combination of the next row ``(k,)`` or rows ``(T, k)`` alone: bit for bit what all data would give there.

        Raises ``ValueError`` for missing values and other shapes.
        """
        rows = np.atleast_2d(np.asarray(forecasts, dtype=np.float64))
        return _combine(rows, np.atleast_1d(np.asarray(y, dtype=np.float64)), self.options, self.carried)

    def predict(self, forecasts: npt.ArrayLike) -> NextForecast:
        """Combination of the forecasts ``(k,)`` of the next row, whose value is not known yet."""
        row = np.asarray(forecasts, dtype=np.float64)
        if row.shape != self.carried.next_weights.shape or not np.isfinite(row).all():
            raise ValueError(
                f"Combinations predict from {self.carried.next_weights.size} finite forecasts, not {row.shape}."
            )
        value, width = float(_weighted(self.carried.next_weights[None], row[None])[0]), float(self.carried.next_width)
        return NextForecast(value, value - width, value + width, self.carried.next_weights.copy())

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Options and what the next row needs, as plain arrays, to be saved (``numpy.savez``) and taken up later."""
        arrays = {name: values.copy() for name, values in vars(self.carried).items()}
        options = json.dumps(asdict(self.options), default=lambda number: number.item())
        return {"options": np.array(options), **arrays}

    @classmethod
    def from_state(cls, state: Mapping[str, npt.NDArray[Any]]) -> Combination:
        """The combination as it was when ``state`` was taken, without its rows: ready to ``update`` and ``predict``.

        Raises ``ValueError`` for arrays that are not the state of a combination.
        """
        missing = sorted({"options", *_Carried.__annotations__} - set(state))
        if missing:
            raise ValueError(f"These arrays are no state of a combination: {', '.join(missing)} missing.")
        carried = _Carried(**{name: np.array(state[name], order="C") for name in _Carried.__annotations__})
        k, rows, scores = carried.next_weights.size, len(np.atleast_1d(carried.errors)), carried.scores.size
        shapes = ((), (rows, k), (k, k), (k,), (scores,), (), (k,), ())
        try:
            options = CombinationOptions(**json.loads(str(state["options"])))
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"These arrays are no state of a combination: its options are not readable ({error})."
            ) from error
        if tuple(values.shape for values in vars(carried).values()) != shapes:
            raise ValueError(
                f"These arrays are no state of a combination: their shapes are not those of {k} forecasters."
            )
        none = np.empty(0)
        return cls(none, np.empty((0, carried.next_weights.size)), none, none, options, carried)


def combine(
    forecasts: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    method: Method = "equal",
    window: int | None = None,
    training: int = 20,
    forgetting: float = 0.99,
    coverage: float = 0.9,
    interval: Interval = "adaptive",
    calibration: int | None = 250,
    adaptation: float = 0.01,
) -> Combination:
    """Combination of any forecasters, with weights and intervals that never see the row they are for.

    Parameters
    ----------
    forecasts : array of shape (T, k), of k forecasters for each row, each made before the row
    y : array of shape (T,), what happened
    method : "equal", "inverse_error", "stacking", "bayesian" or "dynamic"; see the module's equations
    window : rows before t that weights (and the variance of a likelihood) look at; None is all of them
    training : first rows with equal weights
    forgetting : alpha in (0, 1] of "dynamic"
    coverage : of the intervals
    interval : "split", "rolling" or "adaptive"
    calibration : errors that the intervals look at; None is all of them
    adaptation : gamma of the adaptive miss level

    Returns
    -------
    Combination of T rows; it goes on with ``update`` and ``predict``.

    Raises
    ------
    ValueError
        For missing values or errors above 1e150, shapes that do not match, or unknown options.
    """
    options = CombinationOptions(
        method=method,
        window=window,
        training=training,
        forgetting=forgetting,
        coverage=coverage,
        interval=interval,
        calibration=calibration,
        adaptation=adaptation,
    )
    rows = np.asarray(forecasts, dtype=np.float64)
    if rows.ndim != 2 or rows.size == 0:
        raise ValueError(f"Combinations need forecasts (T, k), a 2-d array, not shape {rows.shape}.")
    k = int(rows.shape[1])
    nothing = _Carried(
        seen=np.array(0),
        errors=np.empty((0, k)),
        gram=np.zeros((k, k)),
        log_probability=np.full(k, -np.log(k)),
        scores=np.empty(0),
        miss=np.array(1.0 - coverage),
        next_weights=np.full(k, 1 / k),
        next_width=np.array(np.nan),
    )
    return _combine(rows, np.asarray(y, dtype=np.float64), options, nothing)


def _combine(forecasts: FloatArray, y: FloatArray, options: CombinationOptions, past: _Carried) -> Combination:
    """Combination of new rows behind the past."""
    k = past.next_weights.size
    if y.ndim != 1 or forecasts.shape != (y.size, k) or not y.size:
        raise ValueError(f"Combinations need forecasts (T, {k}) and y (T,), not {forecasts.shape} and {y.shape}.")
    complete = np.isfinite(forecasts).all(axis=1) & np.isfinite(y)
    if not complete.all():
        first = int(np.flatnonzero(~complete)[0])
        raise ValueError(f"Combinations need complete rows; row {first} has a missing or infinite value: drop it.")
    with np.errstate(over="ignore"):
        own = y[:, None] - forecasts
    if not (np.abs(own) <= _LARGEST_ERROR).all():
        raise ValueError(f"Combinations need errors of at most {_LARGEST_ERROR:g}; choose a larger unit.")
    errors = np.concatenate([past.errors, own])
    gram = past.gram.copy()
    weights, log_probability = _weights(errors, gram, options, past)
    forecast = _weighted(weights[:-1], forecasts)

    scores = np.concatenate([past.scores, np.abs(y - forecast)])
    widths, miss = conformal_widths(
        scores,
        len(past.scores),
        options.calibration or 0,
        options.coverage,
        _INTERVALS[options.interval],
        options.adaptation,
        float(past.miss),
    )
    kept_scores = scores[: options.calibration] if options.interval == "split" else _last(scores, options.calibration)
    carried = _Carried(
        seen=np.array(int(past.seen) + len(y)),
        errors=_last(errors, options.window or 0),
        gram=gram,
        log_probability=log_probability,
        scores=kept_scores.copy(),
        miss=np.array(miss),
        next_weights=weights[-1].copy(),
        next_width=np.array(widths[-1]),
    )
    return Combination(forecast, weights[:-1], forecast - widths[:-1], forecast + widths[:-1], options, carried)


def _weights(
    errors: FloatArray, gram: FloatArray, options: CombinationOptions, past: _Carried
) -> tuple[FloatArray, FloatArray]:
    """Weights (T + 1, k) before each row, and log probabilities after the last; ``gram`` moves behind the new rows."""
    kept, seen, window = len(past.errors), int(past.seen), options.window or 0
    k = errors.shape[1]
    if options.method == "equal":
        return np.full((len(errors) - kept + 1, k), 1 / k), past.log_probability
    if options.method in ("inverse_error", "stacking"):
        stacking = options.method == "stacking"
        return error_weights(errors, kept, gram, seen, window, options.training, stacking), past.log_probability
    density = gaussian_log_densities(errors, kept, gram, seen, window, options.training)
    dynamic = options.method == "dynamic"
    forgetting, floor = (options.forgetting, _PROBABILITY_FLOOR / k) if dynamic else (1.0, 0.0)
    return predictive_probabilities(density, past.log_probability, forgetting, floor)


def _weighted(weights: FloatArray, forecasts: FloatArray) -> FloatArray:
    """Sum over k, forecaster by forecaster, so that no row knows how many others there are."""
    total = weights[:, 0] * forecasts[:, 0]
    for j in range(1, weights.shape[1]):
        total += weights[:, j] * forecasts[:, j]
    return total


def _last(values: FloatArray, count: int | None) -> FloatArray:
    """The last ``count`` rows; None is all of them."""
    return (values if count is None else values[max(len(values) - count, 0) :]).copy()
