r"""Change points of a series' mean and variance, as they become known and in hindsight.

``change_points`` is filtered (Adams, MacKay 2007). Rows of a segment are normal with unknown mean and precision, of
normal-gamma prior; before each row the segment ends with probability h. With :math:`r_t` the number of rows of the
current segment, the row t included,

.. math:: P(r_t = r + 1, y_{1:t}) = (1 - h)\, \pi_r(y_t)\, P(r_{t-1} = r, y_{1:t-1}), \qquad
          P(r_t = 1, y_{1:t}) = h\, \pi_0(y_t) \sum_r P(r_{t-1} = r, y_{1:t-1})

where :math:`\pi_r` is the Student-t predictive density after the segment's last r rows.

``historical_change_points`` looks at the whole series (PELT, Killick, Fearnhead, Eckley 2012): the segmentation with
the least sum of -2 log likelihood and a penalty for each change, found exactly.

References
----------
Adams, MacKay (2007), Bayesian online changepoint detection, arXiv:0710.3742.
Killick, Fearnhead, Eckley (2012), Optimal detection of changepoints with a linear computational cost, JASA 107(500).
"""

# scipy carries no static types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_PARAMETERS = {"mean": 1, "variance": 1, "mean_variance": 2}
_SMALLEST_VARIANCE = 1e-6
_NORMAL_MAD = 0.6744897501960817  # median absolute deviation of the standard normal


@dataclass(frozen=True, kw_only=True)
class NormalGammaPrior:
    """Prior of a segment: precision gamma(shape, rate=scale), mean normal with ``weight`` rows' worth of precision.

    Attributes
    ----------
    mean : in the unit of the series.
    weight : positive; small is vague.
    shape : positive.
    scale : positive, unit of the series squared; ``scale / shape`` is about the variance.
    """

    mean: float
    weight: float
    shape: float
    scale: float


@dataclass(frozen=True)
class ChangePoints:
    """Change points of ``T`` rows as known at each row (filtered); NaN or -1 where the value is missing.

    Attributes
    ----------
    probabilities : array of shape (T,), that the current segment began within the last ``recent`` rows, not counting
        the beginning of the data as a change.
    run_length : int array of shape (T,), likeliest number of rows of the current segment, missing rows not counted.
    mean_run_length : array of shape (T,), its posterior mean.
    labels : int array of shape (T,), position of the row with which the likeliest current segment began. It may move
        back or forward as rows come in.
    scores : array of shape (T,), log predictive density of the row given the rows before; low is surprising.
    in_sample : bool array of shape (T,), the rows that set the prior.
    """

    probabilities: FloatArray
    run_length: IntArray
    mean_run_length: FloatArray
    labels: IntArray
    scores: FloatArray
    in_sample: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _State:
    """What is kept between two rows.

    Attributes
    ----------
    prior : array of shape (4,), mean, weight, shape and scale.
    counts : rows, and rows that were not missing.
    positions : of the last rows that were not missing, as many as the longest run.
    length, probability, mean, scale : arrays of shape (h,), of the run lengths that are held possible.
    """

    prior: FloatArray
    counts: IntArray
    positions: IntArray
    length: IntArray
    probability: FloatArray
    mean: FloatArray
    scale: FloatArray


@dataclass(frozen=True)
class Segmentation:
    """Segmentation of ``T`` rows into ``m`` segments in hindsight: it looks ahead.

    Attributes
    ----------
    change_points : int array of shape (m - 1,), first rows of the segments after the first.
    labels : int array of shape (T,), 0 ... m - 1; -1 where the value is missing.
    mean, variance : arrays of shape (m,), of each segment, ``ddof=0``.
    cost : -2 log likelihood plus penalties.
    """

    change_points: IntArray
    labels: IntArray
    mean: FloatArray
    variance: FloatArray
    cost: float


def change_points(
    returns: npt.ArrayLike,
    *,
    expected_run_length: float = 250.0,
    training: int = 60,
    prior: NormalGammaPrior | None = None,
    recent: int = 10,
    negligible: float = 1e-12,
) -> ChangePoints:
    """Probability of a recent change, row by row, without look-ahead.

    Parameters
    ----------
    returns : array of shape (T,), any unit
        Missing (NaN or infinite) rows are skipped.
    expected_run_length : mean number of rows of a segment, 1 / h, more than 1
    training : number of first rows that set the prior: their mean, with weight 1/10, and a scale of their variance,
        with shape 1. Not used with a prior.
    prior : of each segment
    recent : number of rows
    negligible : run lengths of a probability up to this are dropped; 0 keeps all, at quadratic cost

    Raises
    ------
    ValueError
        If there are too few rows, the training sample is constant, or an option is out of its range.
    """
    model = OnlineChangePoints(
        expected_run_length=expected_run_length, training=training, prior=prior, recent=recent, negligible=negligible
    )
    return model.fit(returns)


class OnlineChangePoints:
    """Change points of rows as they come: :func:`change_points` of all rows so far, to the last bit.

    What is kept is the run lengths that are held possible, so it grows with the longest of them only.

    Parameters
    ----------
    expected_run_length, training, prior, recent, negligible
        As in :func:`change_points`.
    """

    def __init__(
        self,
        *,
        expected_run_length: float = 250.0,
        training: int = 60,
        prior: NormalGammaPrior | None = None,
        recent: int = 10,
        negligible: float = 1e-12,
    ) -> None:
        if not expected_run_length > 1 or recent < 1 or not 0 <= negligible < 0.1:
            raise ValueError(
                "Change points need expected_run_length above 1, recent of at least 1 and negligible in [0, 0.1); they "
                f"are {expected_run_length}, {recent} and {negligible}."
            )
        self.expected_run_length = expected_run_length
        self.training = training
        self.prior = prior
        self.recent = recent
        self.negligible = negligible
        self._state: _State | None = None

    def fit(self, returns: npt.ArrayLike) -> ChangePoints:
        """Change points of the first rows, which hold the training sample; forgets what came before.

        Raises ``ValueError`` as :func:`change_points`.
        """
        values, present = _series(returns)
        seen = 0 if self.prior is not None else self.training
        prior = self.prior or _training_prior(values[:seen][present[:seen]], self.training)
        if not (prior.weight > 0 and prior.shape > 0 and prior.scale > 0 and np.isfinite(prior.mean)):
            raise ValueError("Change points need a prior of positive weight, shape and scale.")
        nothing, nowhere = np.zeros(0), np.zeros(0, dtype=np.int64)
        parameters = np.array([prior.mean, prior.weight, prior.shape, prior.scale], dtype=np.float64)
        counts = np.zeros(2, dtype=np.int64)
        self._state = _State(parameters, counts, nowhere, nowhere, nothing, nothing, nothing)
        return self._run(values, present, np.arange(values.size) < seen)

    def update(self, x: npt.ArrayLike) -> ChangePoints:
        """Change points of the next row, a number, or rows (k,): the rows that a new fit of all would end with.

        Raises ``ValueError`` before ``fit``, and when ``fit`` saw less than the training sample.
        """
        state = self._fitted()
        if self.prior is None and state.counts[0] < self.training:
            raise ValueError(f"OnlineChangePoints was fitted to fewer rows than its training sample, {self.training}.")
        values = np.atleast_1d(np.asarray(x, dtype=np.float64))
        if values.ndim != 1:
            raise ValueError(f"Change points need a number or a 1-d series, not an array of shape {values.shape}.")
        return self._run(values, np.isfinite(values), np.zeros(values.size, dtype=np.bool_))

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Options and state after the last row as plain arrays, to be saved (``numpy.savez``) and taken up later.

        Raises ``ValueError`` before ``fit``.
        """
        options = {
            "expected_run_length": float(self.expected_run_length),
            "training": int(self.training),
            "prior": None if self.prior is None else asdict(self.prior),
            "recent": int(self.recent),
            "negligible": float(self.negligible),
        }
        arrays = {name: values.copy() for name, values in vars(self._fitted()).items()}
        return {"options": np.array(json.dumps(options)), **arrays}

    @classmethod
    def from_state(cls, state: Mapping[str, npt.NDArray[Any]]) -> OnlineChangePoints:
        """The detector as it was when ``state`` was taken, ready to ``update``.

        Raises ``ValueError`` for arrays that are not the state of one.
        """
        if missing := sorted({"options", *_State.__annotations__} - set(state)):
            raise ValueError(f"These arrays are no state of OnlineChangePoints: {', '.join(missing)} missing.")
        options = json.loads(str(state["options"]))
        prior = options.pop("prior")
        model = cls(**options, prior=None if prior is None else NormalGammaPrior(**prior))
        model._state = _State(**{name: np.array(state[name], order="C") for name in _State.__annotations__})
        return model

    def _run(
        self, values: FloatArray, present: npt.NDArray[np.bool_], in_sample: npt.NDArray[np.bool_]
    ) -> ChangePoints:
        from scipy.special import gammaln

        from atlas_assets.clustering.regime_kernels import run_lengths

        before = self._fitted()
        rows, seen = int(before.counts[0]), int(before.counts[1])
        longest = before.length.max(initial=0) + values.size
        shape = before.prior[2] + 0.5 * np.arange(longest + 1)
        ratio = np.asarray(gammaln(shape + 0.5) - gammaln(shape), dtype=np.float64)
        recent, likeliest, mean_length, density, length, probability, mean, scale = run_lengths(
            values[present],
            1 / self.expected_run_length,
            before.prior,
            self.recent,
            self.negligible,
            ratio,
            seen,
            before.length,
            before.probability,
            before.mean,
            before.scale,
        )
        positions = np.append(before.positions, rows + np.flatnonzero(present))
        counts = np.array([rows + values.size, seen + likeliest.size], dtype=np.int64)
        kept = positions[positions.size - length.max(initial=0) :]
        self._state = _State(before.prior, counts, kept, length, probability, mean, scale)

        run_length, labels = np.full(values.size, -1, dtype=np.int64), np.full(values.size, -1, dtype=np.int64)
        run_length[present] = likeliest
        labels[present] = positions[before.positions.size + np.arange(likeliest.size) - likeliest + 1]
        return ChangePoints(
            _spread(recent, present), run_length, _spread(mean_length, present), labels, _spread(density, present),
            in_sample,
        )  # fmt: skip

    def _fitted(self) -> _State:
        if self._state is None:
            raise ValueError("OnlineChangePoints is not fitted yet; call fit first.")
        return self._state


def historical_change_points(
    returns: npt.ArrayLike,
    *,
    changes: Literal["mean", "variance", "mean_variance"] = "mean_variance",
    penalty: float | None = None,
    minimum_length: int = 10,
) -> Segmentation:
    """The best segmentation of a whole series: it looks ahead, and is meant for describing history.

    Parameters
    ----------
    returns : array of shape (T,), any unit
        Missing (NaN or infinite) rows are skipped.
    changes : what differs between segments. With "mean" the variance is that of the differences, by their median;
        with "variance" the mean is that of all rows.
    penalty : of each change, in units of -2 log likelihood; None is (1 + parameters that change) * log(T), Schwarz's
    minimum_length : rows of a segment, at least 2

    Raises
    ------
    ValueError
        If there are fewer rows than a segment has, the series is constant, or an option is out of its range.
    """
    values, present = _series(returns)
    if changes not in _PARAMETERS:
        raise ValueError(f'Change points know no changes="{changes}"; use "mean", "variance" or "mean_variance".')
    rows = values[present]
    if minimum_length < 2 or rows.size < minimum_length or (penalty is not None and not penalty >= 0):
        raise ValueError(
            f"Change points need segments of at least 2 rows, as many rows, and a penalty that is not negative; they "
            f"are minimum_length={minimum_length}, {rows.size} rows and penalty={penalty}."
        )
    centre, scale = float(rows.mean()), float(rows.std())
    if not scale > 4 * np.finfo(np.float64).eps * np.abs(rows).max():
        raise ValueError("Change points need a series that varies, but all its rows are equal.")
    due = (1 + _PARAMETERS[changes]) * np.log(rows.size) if penalty is None else penalty
    starts, cost = _segments((rows - centre) / scale, changes, due, minimum_length)

    ends = np.append(starts[1:], rows.size)
    labels = np.full(values.size, -1, dtype=np.int64)
    labels[present] = np.repeat(np.arange(starts.size), ends - starts)
    pieces = np.split(rows, starts[1:])
    return Segmentation(
        np.flatnonzero(present)[starts[1:]],
        labels,
        np.array([piece.mean() for piece in pieces]),
        np.array([piece.var() for piece in pieces]),
        cost + 2 * rows.size * float(np.log(scale)),
    )


def _segments(rows: FloatArray, changes: str, penalty: float, minimum_length: int) -> tuple[IntArray, float]:
    """First rows of the segments of standardised rows, and the cost."""
    from atlas_assets.clustering.regime_kernels import pelt

    variance = _SMALLEST_VARIANCE
    if changes == "mean":
        difference = np.diff(rows)
        deviation = float(np.median(np.abs(difference - np.median(difference)))) / _NORMAL_MAD / np.sqrt(2)
        variance = max(deviation**2, _SMALLEST_VARIANCE)
    total, square = np.append(0.0, np.cumsum(rows)), np.append(0.0, np.cumsum(rows**2))
    last, cost = pelt(total, square, float(penalty), minimum_length, changes != "variance", changes != "mean", variance)
    starts = [int(last[rows.size])]
    while starts[-1] > 0:
        starts.append(int(last[starts[-1]]))
    return np.array(starts[::-1], dtype=np.int64), float(cost)


def _training_prior(rows: FloatArray, training: int) -> NormalGammaPrior:
    if rows.size < 2 or not rows.std() > 4 * np.finfo(np.float64).eps * np.abs(rows).max():
        raise ValueError(f"Change points need rows that vary to set their prior; the first {training} do not.")
    return NormalGammaPrior(mean=float(rows.mean()), weight=0.1, shape=1.0, scale=float(rows.var()))


def _spread(rows: FloatArray, present: npt.NDArray[np.bool_]) -> FloatArray:
    result = np.full(present.size, np.nan)
    result[present] = rows
    return result


def _series(returns: npt.ArrayLike) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """The series, and where it is not missing."""
    values = np.asarray(returns, dtype=np.float64)
    present = np.isfinite(values)
    if values.ndim != 1 or not present.any():
        raise ValueError(f"Change points need a 1-d series with a value, not an array of shape {values.shape}.")
    return values, present
