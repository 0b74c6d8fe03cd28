# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
"""Gold tables of order flow in time buckets: clusters of similar behaviour, and how unusual it is.

Both fit to the last buckets before a row and judge the rows up to the next fit: no row knows itself or its future.
Where a training sample tells too little to be fitted, the fit before goes on; rows before the first fit are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from atlas_assets.clustering.convergence import NoFit
from atlas_assets.clustering.deviation import (
    Estimator,
    UsualBehaviour,
    standardised_by_time_of_day,
    usual_behaviour,
)
from atlas_assets.clustering.history import TooLittleHistory
from atlas_assets.clustering.investors import InvestorClustering, Method
from atlas_assets.clustering.kept_fits import Fit
from atlas_assets.clustering.last_fits import LastFit, LastFits

if TYPE_CHECKING:
    import pandas as pd

FloatArray: TypeAlias = npt.NDArray[np.float64]

# The order-flow features that say who trades, how much, on which side and how evenly.
FEATURES = (
    "log_mean_trade_size", "log_volume", "imbalance_small", "imbalance_medium", "imbalance_large", "duration_variation",
)  # fmt: skip
_KEYS = ("instrument_id", "symbol", "bucket_start", "bucket_end")
_IMBALANCES = ("imbalance_small", "imbalance_medium", "imbalance_large")
_WORDS = {
    "log_mean_trade_size": ("small trades", "large trades"),
    "log_volume": ("quiet", "busy"),
    "imbalance_small": ("small sellers", "small buyers"),
    "imbalance_medium": ("medium sellers", "medium buyers"),
    "imbalance_large": ("large sellers", "large buyers"),
    "duration_variation": ("even pace", "bursts"),
}
_ALL_SIZES = ("sellers of all sizes", "buyers of all sizes")
_UNREMARKABLE = "ordinary"
_NOISE = "in no cluster"
_NOTEWORTHY = 0.5  # training deviations from the median
_MOST_WORDS = 3


@dataclass(frozen=True)
class _Buckets:
    """Time buckets of one instrument: ``n`` rows.

    Attributes
    ----------
    table : frame of ``gold.order_flow_features``, in time order.
    end : array of shape (n,), ends of the buckets, seconds since the epoch.
    features : array of shape (n, 6), columns as in ``FEATURES``.
    """

    table: pd.DataFrame
    end: FloatArray
    features: FloatArray


class _Judge(Protocol):
    """How a training sample is fitted, and rows are judged by the fit."""

    def fit(self, training: FloatArray, before: Fit | None, judged: pd.DataFrame | None) -> Fit:
        """The fit to standardised rows, after an earlier one and what was said of the rows since."""
        ...

    def judge(self, fit: Fit, rows: FloatArray, buckets: _Buckets, part: slice) -> pd.DataFrame:
        """What a fit says of standardised rows, which are a part of the buckets."""
        ...


@dataclass(frozen=True)
class _Clusters:
    """Clusters by the options of ``InvestorClustering``."""

    options: dict[str, Any]

    def fit(self, training: FloatArray, before: Fit | None, judged: pd.DataFrame | None) -> Fit:
        rows, agreement = _named(training), np.nan
        if before is None or judged is None:
            model = InvestorClustering(**self.options)
            model.fit(rows)
        else:
            model = InvestorClustering.from_state(before)
            agreement = _agreement(judged["cluster"].to_numpy(), model.update(rows, start="before").labels)
        return {**model.state(), "refit_agreement": np.array(agreement)}

    def judge(self, fit: Fit, rows: FloatArray, buckets: _Buckets, part: slice) -> pd.DataFrame:
        import pandas as pd

        found = InvestorClustering.from_state(fit).predict(_named(rows))
        words = _words(fit, found.clusters.tolist(), found.centres)
        return pd.DataFrame(buckets.features[part], columns=list(FEATURES)).assign(
            cluster=found.labels,
            behaviour=[words.get(label, _NOISE) for label in found.labels.tolist()],
            distance=found.scores,
            probability=_of_label(found.probabilities, found.labels, found.clusters),
            refit_agreement=float(fit["refit_agreement"]),
        )


@dataclass(frozen=True)
class _Deviations:
    """Distance from the usual by an estimator, unusual at a level."""

    estimator: Estimator
    level: float

    def fit(self, training: FloatArray, before: Fit | None, judged: pd.DataFrame | None) -> Fit:
        varying = np.asarray(~np.isnan(training).any(axis=0))
        if not varying.any():
            raise NoFit("Behaviour deviation needs a feature that varies.")
        usual = vars(usual_behaviour(training[:, varying], estimator=self.estimator))
        return {"varying": varying, **{name: np.array(values) for name, values in usual.items()}}

    def judge(self, fit: Fit, rows: FloatArray, buckets: _Buckets, part: slice) -> pd.DataFrame:
        import pandas as pd

        varying = fit["varying"]
        usual = UsualBehaviour(fit["location"], fit["covariance"], int(fit["rows_used"]), fit["training_distance"])
        found = usual.deviation(rows[:, varying], reference="f")
        threshold = usual.threshold(self.level)
        deviations = (rows[:, varying] - usual.location) / np.sqrt(np.diag(usual.covariance))
        leading = np.abs(deviations).argmax(axis=1)
        return pd.DataFrame(
            {
                "close": buckets.table["close"].to_numpy()[part],
                "volume": buckets.table["volume"].to_numpy()[part],
                "distance": found.distance,
                "threshold": threshold,
                "p_value": found.p_value,
                "empirical_p_value": found.empirical_p_value,
                "is_unusual": found.distance > threshold,
                "leading_feature": np.array(list(FEATURES))[varying][leading],
                "leading_deviation": deviations[np.arange(len(rows)), leading],
            }
        )


def order_flow_clusters(
    features: pd.DataFrame,
    *,
    training_buckets: int,
    refit_buckets: int,
    comparison_hours: float = 3.0,
    method: Method = "kmeans",
    clusters: int = 5,
    minimum_cluster_size: int = 20,
    last_fits: LastFits | None = None,
) -> pd.DataFrame:
    """Cluster of each instrument's time buckets by order flow, compared with what is usual at their time of day.

    The numbers of clusters are canonical: the first fit orders them by mean trade size; a refit starts at the clusters
    before and keeps each number with the cluster that is nearest to the earlier one. ``behaviour`` says in words how
    the cluster's centre differs from the usual. ``refit_agreement`` is the share of the buckets between the fit before
    and this one that both put into the same cluster: near 1 where clusters are real, low where they are cuts through
    one cloud.

    Parameters
    ----------
    features
        ``gold.order_flow_features``, in any order.
    training_buckets, refit_buckets
        The first fit is to the first ``training_buckets`` buckets, and every ``refit_buckets`` later it moves on.
        Rows begin after the first training sample; an instrument without a bucket after it is left out.
    comparison_hours
        Width of the time of day whose training buckets a bucket is compared with, in hours: nights are quiet, and the
        few trades of a quiet bucket are easily of one side. 24 compares with all.
    method, clusters, minimum_cluster_size
        As in :class:`atlas_assets.clustering.investors.InvestorClustering`. Where HDBSCAN finds no cluster in a
        training sample, those of the fit before stay.
    last_fits
        Of an earlier pass, whose past is unchanged: an instrument's rows begin with those that its last fit judges,
        and no earlier fit is made. The newest ones are left in it.

    Returns
    -------
    Frame of ``gold.order_flow_clusters``.

    Raises
    ------
    TooLittleHistory
        When every instrument is left out.
    """
    options = {"method": method, "clusters": clusters, "minimum_cluster_size": minimum_cluster_size}
    return _of_every_instrument(
        features, _Clusters(options), training_buckets, refit_buckets, comparison_hours, last_fits
    )


def behaviour_deviation(
    features: pd.DataFrame,
    *,
    training_buckets: int,
    refit_buckets: int,
    comparison_hours: float = 3.0,
    estimator: Estimator = "median_mad",
    significance_level: float = 0.01,
    last_fits: LastFits | None = None,
) -> pd.DataFrame:
    """Robust distance of each instrument's time buckets from its usual order flow at that time of day, with p-values.

    A bucket is unusual if its distance is beyond the threshold, where the empirical p-value is the significance level:
    order flow is not normal, and p-values of a normal distribution call too many buckets unusual.

    Parameters
    ----------
    features, training_buckets, refit_buckets, comparison_hours
        As in :func:`order_flow_clusters`. A feature that hardly varies in a training sample is left out of its fit.
    estimator
        As in :func:`atlas_assets.clustering.deviation.usual_behaviour`.
    significance_level
        Share of usual buckets that may be called unusual.
    last_fits
        As in :func:`order_flow_clusters`.

    Returns
    -------
    Frame of ``gold.behaviour_deviation``.

    Raises
    ------
    TooLittleHistory
        When every instrument is left out.
    """
    judge = _Deviations(estimator, significance_level)
    return _of_every_instrument(features, judge, training_buckets, refit_buckets, comparison_hours, last_fits)


def _of_every_instrument(
    features: pd.DataFrame, judge: _Judge, training: int, refit_every: int, hours: float, last_fits: LastFits | None
) -> pd.DataFrame:
    import pandas as pd

    fits = LastFits() if last_fits is None else last_fits
    tables = [
        table
        for instrument, rows in features.groupby("instrument_id", sort=True)
        for table in _blocks(str(instrument), _buckets(rows), judge, training, refit_every, hours, fits)
    ]
    if not tables:
        why = f" The last sample that was not fitted: {fits.refused}" if fits.refused else ""
        raise TooLittleHistory(
            f"Order flow needs an instrument with more than {training} time buckets after its first day of trades: "
            f"load more history or lower training_buckets.{why}"
        )
    return pd.concat(tables, ignore_index=True)


def _blocks(
    instrument: str, buckets: _Buckets, judge: _Judge, training: int, refit_every: int, hours: float, fits: LastFits
) -> Iterator[pd.DataFrame]:
    """What is said of each block of rows between two training samples, from the last fit on that is known."""
    import pandas as pd

    starts = range(training, len(buckets.end), refit_every)
    last = fits.known.get(instrument)
    if last is not None and last.number >= len(starts):
        last = None  # the rows that it judged are gone
    first, behind = (0, 0) if last is None else (last.number, last.behind)
    made, judged = 0, None
    for number in range(first, len(starts)):
        if last is None or number > last.number:
            sample = slice(starts[number] - training, starts[number])
            rows = _standardised(buckets, sample, sample, hours)
            try:
                fit = judge.fit(rows, None if last is None else last.arrays, judged)
            except NoFit as reason:
                fit, fits.refused = None, str(reason)
            if fit is not None:
                since = buckets.table["bucket_start"].iloc[starts[number]].value // 1_000
                last, made = LastFit(number, since, behind, fit), made + 1
        if last is None:
            continue
        sample = slice(starts[last.number] - training, starts[last.number])
        block = slice(starts[number], min(starts[number] + refit_every, len(buckets.end)))
        judged = judge.judge(last.arrays, _standardised(buckets, block, sample, hours), buckets, block)
        behind += len(judged)
        keys = buckets.table[list(_KEYS)].iloc[block].reset_index(drop=True)
        fitted_until = buckets.table["bucket_end"].iloc[sample.stop - 1]
        yield pd.concat([judged, keys], axis=1).assign(fitted_until=fitted_until)
    if last is not None:
        fits.keep(instrument, last, made=made)


def _buckets(rows: pd.DataFrame) -> _Buckets:
    ordered = rows.sort_values("bucket_start", ignore_index=True)
    end = ordered["bucket_end"].dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.float64) / 1e6
    return _Buckets(ordered, end, ordered[list(FEATURES)].to_numpy(dtype=np.float64))


def _standardised(buckets: _Buckets, part: slice, sample: slice, hours: float) -> FloatArray:
    """Features of a part as is usual at their time of day in the training sample."""
    return standardised_by_time_of_day(
        buckets.features[part],
        buckets.end[part],
        training=buckets.features[sample],
        training_time=buckets.end[sample],
        width_hours=hours,
    )


def _named(rows: FloatArray) -> pd.DataFrame:
    """Rows of the features with their names; one that does not vary tells nothing."""
    import pandas as pd

    return pd.DataFrame(rows, columns=list(FEATURES)).fillna(0.0)


def _agreement(before: npt.NDArray[np.int64], again: npt.NDArray[np.int64]) -> float:
    """Share of the last rows that are labelled as before."""
    rows = min(before.size, again.size)
    return float((before[-rows:] == again[-rows:]).mean())


def _words(fit: Fit, clusters: list[int], centres: FloatArray) -> dict[int, str]:
    """What is most remarkable about each cluster's centre, in words."""
    remarkable = (centres - fit["location"]) / fit["scale"]
    names = list(FEATURES)
    words: dict[int, str] = {}
    for cluster, row in zip(clusters, remarkable, strict=True):
        deviation = {name: float(row[place]) for place, name in enumerate(names) if abs(row[place]) >= _NOTEWORTHY}
        sides = {deviation[name] > 0 for name in _IMBALANCES if name in deviation}
        said: list[str] = []
        if len(sides) == 1 and all(name in deviation for name in _IMBALANCES):
            said.append(_ALL_SIZES[sides.pop()])
            deviation = {name: value for name, value in deviation.items() if name not in _IMBALANCES}
        said += [_WORDS[name][deviation[name] > 0] for name in sorted(deviation, key=lambda one: -abs(deviation[one]))]
        words[cluster] = ", ".join(said[:_MOST_WORDS]) or _UNREMARKABLE
    return words


def _of_label(probabilities: FloatArray, labels: npt.NDArray[np.int64], clusters: npt.NDArray[np.int64]) -> FloatArray:
    """Membership of each row's own cluster; 0 for noise."""
    own = probabilities[np.arange(labels.size), np.searchsorted(clusters, np.maximum(labels, clusters[0]))]
    return np.where(labels >= 0, np.clip(own, 0.0, 1.0), 0.0)
