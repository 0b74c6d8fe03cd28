r"""Robust distance of rows from their usual behaviour, with p-values.

.. math:: d_t = \sqrt{(x_t - \hat\mu)' \hat\Sigma^{-1} (x_t - \hat\mu)}, \qquad p_t = P(\chi^2_d > d_t^2)

Location and covariance come from a training sample by estimators that a minority of unusual rows cannot move:

- "minimum_covariance_determinant": the half of the rows with the smallest determinant, made consistent for normal
  data, then all rows within the 97.5 % ellipsoid of that, made consistent again, and once more.
- "median_mad": medians, median absolute deviations, and Spearman's correlations turned into those of normal data.

References
----------
Rousseeuw, Van Driessen (1999), A fast algorithm for the minimum covariance determinant estimator, Technometrics 41(3).
Croux, Haesbroeck (1999), Influence function and efficiency of the MCD scatter matrix estimator, JMVA 71(2).
Rousseeuw, Croux (1993), Alternatives to the median absolute deviation, JASA 88(424): its efficiency.
Cerioli (2010), Multivariate outlier detection with high-breakdown estimators, JASA 105(489): the F distribution.
Benjamini, Hochberg (1995), Controlling the false discovery rate, JRSS B 57(1).
"""

# scikit-learn and scipy carry no static types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from atlas_assets.clustering.convergence import NoFit
from atlas_assets.contracts.moments import seconds_of

FloatArray: TypeAlias = npt.NDArray[np.float64]
Estimator: TypeAlias = Literal["minimum_covariance_determinant", "median_mad"]
Reference: TypeAlias = Literal["chi_squared", "f"]

_ELLIPSOID = 0.975
_NORMAL_MAD = 0.6744897501960817  # median absolute deviation of the standard normal
_MAD_EFFICIENCY = 0.37  # asymptotic, at the normal distribution
_SMALLEST_EIGENVALUE = 1e-6
_SMALLEST_PIVOT = 1e-5
_ROWS_PER_FEATURE = 5
_ROWS_AT_AN_HOUR = 20


@dataclass(frozen=True)
class Deviation:
    """Deviation of ``T`` rows from the usual behaviour.

    NaN where a feature is missing (NaN or infinite) or nothing is known yet.

    Attributes
    ----------
    distance : array of shape (T,), robust Mahalanobis distance, in deviations.
    p_value : array of shape (T,), of the distance when usual rows are normal.
    empirical_p_value : array of shape (T,), (1 + training rows at least as far) / (1 + training rows): no
        distribution assumed, never below 1 / (1 + training rows).
    """

    distance: FloatArray
    p_value: FloatArray
    empirical_p_value: FloatArray


@dataclass(frozen=True)
class UsualBehaviour:
    """Location and spread of ``d`` features in ``n`` training rows.

    Attributes
    ----------
    location : array of shape (d,).
    covariance : array of shape (d, d), consistent for normal data.
    rows_used : number of rows of normal data whose sample covariance would be about as precise.
    training_distance : array of shape (n,), distances of the training rows, increasing.
    """

    location: FloatArray
    covariance: FloatArray
    rows_used: int
    training_distance: FloatArray

    def deviation(self, features: npt.ArrayLike, *, reference: Reference = "chi_squared") -> Deviation:
        """Deviation of rows (T, d), each by itself.

        Parameters
        ----------
        features : array of shape (T, d)
        reference : distribution of squared distances, "chi_squared" (large training samples) or "f", which allows
            for the error of the estimates and suits small ones. Both are for rows outside the training sample.
        """
        rows = _rows(features)
        if rows.shape[1] != self.location.size:
            raise ValueError(f"Usual behaviour was fitted to {self.location.size} features, not {rows.shape[1]}.")
        distance = _distance(rows, self.location, self.covariance)
        n = self.training_distance.size
        at_least_as_far = n - np.searchsorted(self.training_distance, distance, side="left")
        empirical = np.where(~np.isnan(distance), (1.0 + at_least_as_far) / (1.0 + n), np.nan)
        return Deviation(distance, _p_value(distance, rows.shape[1], self.rows_used, reference), empirical)

    def threshold(self, level: float) -> float:
        """Distance beyond which the empirical p-value is at most ``level``; infinite where rows are too few for it."""
        n = self.training_distance.size
        farther = int(np.floor(level * (1 + n) * (1 + 1e-12))) - 1  # 0.01 * 500 must not fall short of 5
        return float(self.training_distance[n - 1 - min(farther, n - 1)]) if farther >= 0 else np.inf


def usual_behaviour(
    features: npt.ArrayLike, *, estimator: Estimator = "minimum_covariance_determinant", seed: int = 0
) -> UsualBehaviour:
    """Robust location and covariance of training rows.

    Parameters
    ----------
    features : array of shape (n, d), the training sample; rows with a missing feature are skipped
    estimator : "minimum_covariance_determinant" or "median_mad"
    seed : of the search for the smallest determinant

    Raises
    ------
    ValueError
        If there are fewer than 5 complete rows a feature, half of a feature's rows are equal, or a feature depends on
        the others ("median_mad" takes such a one for a very narrow direction).
    """
    rows = _rows(features)
    rows = rows[np.isfinite(rows).all(axis=1)]
    n, d = rows.shape
    if n < max(_ROWS_PER_FEATURE * d, 2 * _ROWS_PER_FEATURE):
        raise NoFit(
            f"Usual behaviour of {d} features needs at least {max(_ROWS_PER_FEATURE * d, 2 * _ROWS_PER_FEATURE)} "
            f"complete training rows, not {n}."
        )
    median, scale = _median_and_deviation(rows)
    if not (scale > 0).all():
        constant = int(np.argmin(scale))
        raise NoFit(f"Usual behaviour needs features that vary; half of feature {constant}'s rows are equal.")
    standardised = (rows - median) / scale
    if estimator == "minimum_covariance_determinant":
        centre, covariance, used = _minimum_covariance_determinant(standardised, seed)
    elif estimator == "median_mad":
        centre, covariance, used = np.zeros(d), _rank_correlation(standardised), int(_MAD_EFFICIENCY * n)
    else:
        raise ValueError(
            f'Usual behaviour knows no estimator="{estimator}"; use "minimum_covariance_determinant" or "median_mad".'
        )
    location, covariance = median + centre * scale, covariance * np.outer(scale, scale)
    return UsualBehaviour(location, covariance, used, np.sort(_distance(rows, location, covariance)))


def trailing_deviation(
    features: npt.ArrayLike,
    *,
    window: int = 250,
    refit_every: int = 1,
    estimator: Estimator = "median_mad",
    reference: Reference = "f",
    seed: int = 0,
) -> Deviation:
    """Deviation of each row from the ``window`` rows before it: no row knows itself or its future.

    Parameters
    ----------
    features : array of shape (T, d)
    window : number of rows of the training sample
    refit_every : the usual behaviour is estimated at rows ``window``, ``window + refit_every``, ... and kept between
    estimator, reference, seed : see :func:`usual_behaviour` and :meth:`UsualBehaviour.deviation`

    Returns
    -------
    Deviation, NaN in the first ``window`` rows and where the window has too few complete or varying rows.
    """
    rows = _rows(features)
    if window < 1 or refit_every < 1:
        raise ValueError(f"Trailing deviation needs positive window and refit_every, not {window} and {refit_every}.")
    if estimator not in ("minimum_covariance_determinant", "median_mad") or reference not in ("chi_squared", "f"):
        raise ValueError(f'Trailing deviation knows no estimator="{estimator}" with reference="{reference}".')
    distance, p_value, empirical = (np.full(len(rows), np.nan) for _ in range(3))
    for start in range(window, len(rows), refit_every):
        block = slice(start, min(start + refit_every, len(rows)))
        try:
            usual = usual_behaviour(rows[start - window : start], estimator=estimator, seed=seed)
        except NoFit:
            continue  # too little is known of these rows
        result = usual.deviation(rows[block], reference=reference)
        distance[block], p_value[block], empirical[block] = vars(result).values()
    return Deviation(distance, p_value, empirical)


def standardised_by_time_of_day(
    features: npt.ArrayLike,
    time: npt.ArrayLike,
    *,
    training: npt.ArrayLike,
    training_time: npt.ArrayLike,
    width_hours: float = 3.0,
) -> FloatArray:
    """Features less their median at that time of day, over their deviation then: what is unusual for the hour.

    Medians and median absolute deviations are those of the training rows whose time of day is at most half the width
    away; of all training rows where these are fewer than 20, or where half of them are equal.

    Parameters
    ----------
    features : array of shape (T, d)
    time : array of shape (T,), seconds since the epoch or datetime64 (UTC)
    training, training_time : arrays of shape (n, d) and (n,), likewise; rows with a missing feature are skipped
    width_hours : positive; 24 compares with all hours alike

    Returns
    -------
    array of shape (T, d); NaN where a feature is missing or does not vary in the training sample.
    """
    rows, known = _rows(features), _rows(training)
    clock, known_clock = (seconds_of(moment) % 86_400.0 for moment in (time, training_time))
    if clock.shape != (len(rows),) or known_clock.shape != (len(known),) or not width_hours > 0:
        raise ValueError("Standardising by time of day needs one time for each row and a positive width.")
    complete = np.isfinite(known).all(axis=1)
    if not complete.any():
        raise ValueError("Standardising by time of day needs a training row without a missing feature.")
    known, known_clock = known[complete], known_clock[complete]
    result = np.empty_like(rows)
    median, scale = _median_and_deviation(known)
    for moment in np.unique(clock):
        apart = np.abs(known_clock - moment)
        near = known[np.minimum(apart, 86_400.0 - apart) <= width_hours * 1_800.0]
        usual, deviation = _median_and_deviation(near) if len(near) >= _ROWS_AT_AN_HOUR else (median, scale)
        usual, deviation = np.where(deviation > 0, usual, median), np.where(deviation > 0, deviation, scale)
        now = clock == moment
        result[now] = (rows[now] - usual) / np.where(deviation > 0, deviation, np.nan)
    return result


def _median_and_deviation(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Medians and deviations by the median absolute ones, which are 0 where they are nothing but rounding."""
    median = np.median(rows, axis=0)
    deviation = np.median(np.abs(rows - median), axis=0) / _NORMAL_MAD
    return median, np.where(deviation > 1e-12 * np.abs(rows).max(axis=0), deviation, 0.0)


def benjamini_hochberg(p_value: npt.ArrayLike) -> FloatArray:
    r"""Adjusted p-values: rows with one of at most q are, in expectation, wrong in a share of at most q.

    .. math:: \tilde p_{(i)} = \min_{j \ge i} \min(1, m\, p_{(j)} / j)

    Parameters
    ----------
    p_value : array of shape (T,), in [0, 1]. NaN stays NaN and does not count. All rows are judged together: the
        adjusted value of a row depends on later ones.
    """
    values = np.asarray(p_value, dtype=np.float64)
    present = np.flatnonzero(np.isfinite(values))
    if values.ndim != 1 or not ((values[present] >= 0) & (values[present] <= 1)).all():
        raise ValueError("Benjamini-Hochberg needs a 1-d series of p-values between 0 and 1.")
    order = present[np.argsort(values[present], kind="stable")]
    ratio = values[order] * order.size / np.arange(1, order.size + 1)
    adjusted = np.full(values.size, np.nan)
    adjusted[order] = np.minimum(np.minimum.accumulate(ratio[::-1])[::-1], 1.0)
    return adjusted


def _minimum_covariance_determinant(rows: FloatArray, seed: int) -> tuple[FloatArray, FloatArray, int]:
    from scipy.stats import chi2
    from sklearn.covariance import MinCovDet
    from threadpoolctl import threadpool_limits

    d = rows.shape[1]
    with warnings.catch_warnings(), threadpool_limits(limits=1):
        warnings.simplefilter("ignore", RuntimeWarning)  # determinants that rise by rounding
        warnings.simplefilter("ignore", UserWarning)  # a singular covariance is refused below
        fitted = MinCovDet(random_state=seed).fit(rows)
    centre = np.asarray(fitted.raw_location_, dtype=np.float64)
    squared = _distance(rows, centre, np.asarray(fitted.raw_covariance_, dtype=np.float64)) ** 2
    # The half of the rows is too narrow by a factor that the median distance shows.
    squared *= float(chi2.ppf(0.5, d)) / np.median(squared)
    cut = float(chi2.ppf(_ELLIPSOID, d))
    consistency = _ELLIPSOID / float(chi2.cdf(cut, d + 2))
    # After one reweighting too many of the next usual rows seem unusual: 7 % at a level of 5 % from 150 rows.
    first = rows[squared <= cut]
    squared = _distance(rows, first.mean(axis=0), _covariance(first) * consistency) ** 2
    kept = rows[squared <= cut]
    return kept.mean(axis=0), _covariance(kept) * consistency, len(kept)


def _covariance(rows: FloatArray) -> FloatArray:
    return np.atleast_2d(np.asarray(np.cov(rows, rowvar=False), dtype=np.float64))


def _rank_correlation(rows: FloatArray) -> FloatArray:
    from scipy.stats import rankdata

    d = rows.shape[1]
    ranks = np.asarray(rankdata(rows, axis=0), dtype=np.float64)
    spearman = np.corrcoef(ranks, rowvar=False).reshape(d, d)
    correlation = 2 * np.sin(np.pi / 6 * spearman)
    values, vectors = np.linalg.eigh(correlation)
    if values[0] >= _SMALLEST_EIGENVALUE:
        return correlation
    positive = (vectors * np.maximum(values, _SMALLEST_EIGENVALUE)) @ vectors.T
    deviation = np.sqrt(np.diag(positive))
    return positive / np.outer(deviation, deviation)


def _distance(rows: FloatArray, location: FloatArray, covariance: FloatArray) -> FloatArray:
    deviation = np.sqrt(np.diag(covariance))
    try:
        factor = np.linalg.cholesky(covariance / np.outer(deviation, deviation))
    except np.linalg.LinAlgError:
        factor = np.zeros_like(covariance)
    if not np.diag(factor).min() > _SMALLEST_PIVOT:
        raise NoFit("Usual behaviour needs features none of which is a sum of others; leave one out.")
    # Sums over each row: the last bits of a matrix product would depend on the number of rows.
    standardised = np.einsum("td,ed->te", (rows - location) / deviation, np.linalg.inv(factor))
    with np.errstate(over="ignore"):  # a row at infinity
        return np.sqrt((standardised**2).sum(axis=1))


def _p_value(distance: FloatArray, d: int, rows_used: int, reference: str) -> FloatArray:
    from scipy.stats import chi2, f

    if reference == "chi_squared":
        return np.asarray(chi2.sf(distance**2, d), dtype=np.float64)
    if reference == "f":
        n = rows_used
        return np.asarray(f.sf(distance**2 * n * (n - d) / (d * (n + 1) * (n - 1)), d, n - d), dtype=np.float64)
    raise ValueError(f'Deviation knows no reference="{reference}"; use "chi_squared" or "f".')


def _rows(features: npt.ArrayLike) -> FloatArray:
    values = np.asarray(features, dtype=np.float64)
    rows = values[:, None] if values.ndim == 1 else values
    if rows.ndim != 2 or rows.size == 0:
        raise ValueError(f"Deviation needs rows of features, a 2-d array, not shape {values.shape}.")
    return np.where(np.isfinite(rows), rows, np.nan)
