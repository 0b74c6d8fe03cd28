# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
"""Gold tables of order flow in time buckets: clusters of similar behaviour, and how unusual it is.

Both fit to the last buckets before a row and judge the rows up to the next fit: no row knows itself or its future.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from atlas_assets.clustering.deviation import Estimator, standardised_by_time_of_day, usual_behaviour
from atlas_assets.clustering.history import TooLittleHistory
from atlas_assets.clustering.investors import InvestorClustering, Method

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


@dataclass(frozen=True)
class _Fit:
    """Rows of a training sample and the rows that are judged by it."""

    training: slice
    judged: slice


def order_flow_clusters(
    features: pd.DataFrame,
    *,
    training_buckets: int,
    refit_buckets: int,
    comparison_hours: float = 3.0,
    method: Method = "kmeans",
    clusters: int = 5,
    minimum_cluster_size: int = 20,
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
        As in :class:`atlas_assets.clustering.investors.InvestorClustering`.

    Returns
    -------
    Frame of ``gold.order_flow_clusters``.

    Raises
    ------
    TooLittleHistory
        When every instrument is left out.
    """
    import pandas as pd

    def of_one(buckets: _Buckets, fits: list[_Fit]) -> Iterator[pd.DataFrame]:
        model = InvestorClustering(method=method, clusters=clusters, minimum_cluster_size=minimum_cluster_size)
        before: npt.NDArray[np.int64] | None = None
        for fit in fits:
            training, rows = (
                pd.DataFrame(features, columns=list(FEATURES)).fillna(0.0)  # one that does not vary tells nothing
                for features in _standardised(buckets, fit, comparison_hours)
            )
            again = (model.fit(training) if before is None else model.update(training, start="before")).labels
            found = model.predict(rows)
            words = _words(model, found.clusters.tolist(), found.centres)
            yield pd.DataFrame(buckets.features[fit.judged], columns=list(FEATURES)).assign(
                cluster=found.labels,
                behaviour=[words.get(label, _NOISE) for label in found.labels.tolist()],
                distance=found.scores,
                probability=_of_label(found.probabilities, found.labels, found.clusters),
                refit_agreement=np.nan if before is None else _agreement(before, again),
            )
            before = found.labels

    return _of_every_instrument(features, of_one, training=training_buckets, refit_every=refit_buckets)


def behaviour_deviation(
    features: pd.DataFrame,
    *,
    training_buckets: int,
    refit_buckets: int,
    comparison_hours: float = 3.0,
    estimator: Estimator = "median_mad",
    significance_level: float = 0.01,
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

    Returns
    -------
    Frame of ``gold.behaviour_deviation``.

    Raises
    ------
    TooLittleHistory
        When every instrument is left out.
    """
    import pandas as pd

    names = np.array(list(FEATURES))

    def of_one(buckets: _Buckets, fits: list[_Fit]) -> Iterator[pd.DataFrame]:
        for fit in fits:
            training, rows = _standardised(buckets, fit, comparison_hours)
            varying = ~np.isnan(training).any(axis=0)
            usual = usual_behaviour(training[:, varying], estimator=estimator)
            found = usual.deviation(rows[:, varying], reference="f")
            threshold = usual.threshold(significance_level)
            deviations = (rows[:, varying] - usual.location) / np.sqrt(np.diag(usual.covariance))
            leading = np.abs(deviations).argmax(axis=1)
            yield pd.DataFrame(
                {
                    "close": buckets.table["close"].to_numpy()[fit.judged],
                    "volume": buckets.table["volume"].to_numpy()[fit.judged],
                    "distance": found.distance,
                    "threshold": threshold,
                    "p_value": found.p_value,
                    "empirical_p_value": found.empirical_p_value,
                    "is_unusual": found.distance > threshold,
                    "leading_feature": names[varying][leading],
                    "leading_deviation": deviations[np.arange(len(rows)), leading],
                }
            )

    return _of_every_instrument(features, of_one, training=training_buckets, refit_every=refit_buckets)


def _of_every_instrument(
    features: pd.DataFrame,
    of_one: Callable[[_Buckets, list[_Fit]], Iterator[pd.DataFrame]],
    *,
    training: int,
    refit_every: int,
) -> pd.DataFrame:
    import pandas as pd

    tables: list[pd.DataFrame] = []
    for _, rows in features.groupby("instrument_id", sort=True):
        buckets = _buckets(rows)
        fits = [
            _Fit(slice(start - training, start), slice(start, min(start + refit_every, len(rows))))
            for start in range(training, len(rows), refit_every)
        ]
        for fit, judged in zip(fits, of_one(buckets, fits) if fits else (), strict=True):
            keys = buckets.table[list(_KEYS)].iloc[fit.judged].reset_index(drop=True)
            fitted_until = buckets.table["bucket_end"].iloc[fit.training.stop - 1]
            tables.append(pd.concat([judged.reset_index(drop=True), keys], axis=1).assign(fitted_until=fitted_until))
    if not tables:
        raise TooLittleHistory(
            f"Order flow needs an instrument with more than {training} time buckets after its first day of trades: "
            "load more history or lower training_buckets."
        )
    return pd.concat(tables, ignore_index=True)


def _buckets(rows: pd.DataFrame) -> _Buckets:
    ordered = rows.sort_values("bucket_start", ignore_index=True)
    end = ordered["bucket_end"].dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.float64) / 1e6
    return _Buckets(ordered, end, ordered[list(FEATURES)].to_numpy(dtype=np.float64))


def _standardised(buckets: _Buckets, fit: _Fit, comparison_hours: float) -> tuple[FloatArray, FloatArray]:
    """Features of the training sample and of the judged rows as is usual at their time of day."""
    training, judged = (
        standardised_by_time_of_day(
            buckets.features[part],
            buckets.end[part],
            training=buckets.features[fit.training],
            training_time=buckets.end[fit.training],
            width_hours=comparison_hours,
        )
        for part in (fit.training, fit.judged)
    )
    return training, judged


def _agreement(before: npt.NDArray[np.int64], again: npt.NDArray[np.int64]) -> float:
    """Share of the last rows that are labelled as before."""
    rows = min(before.size, again.size)
    return float((before[-rows:] == again[-rows:]).mean())


def _words(model: InvestorClustering, clusters: list[int], centres: FloatArray) -> dict[int, str]:
    """What is most remarkable about each cluster's centre, in words."""
    fitted = model.state()
    remarkable = (centres - fitted["location"]) / fitted["scale"]
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
