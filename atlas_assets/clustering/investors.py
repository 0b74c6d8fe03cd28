"""Behaviour of market participants: bars of similar order flow, with labels that keep their meaning.

Features are standardised by median and interquartile range of the training rows and grouped by k-means, a Gaussian
mixture or HDBSCAN of scikit-learn. The numbers that scikit-learn gives to clusters are arbitrary. Here a first fit
numbers them by a feature of their centres, the mean trade size where there is one; a refit gives each cluster the
number of the earlier cluster whose centre is its partner in the assignment of the least total distance (Kuhn 1955).
Rows and features are put into an order of their own before the fit, so that theirs does not matter.

References
----------
Bezdek (1981), Pattern Recognition with Fuzzy Objective Function Algorithms: membership from distances.
Campello, Moulavi, Sander (2013), Density-based clustering based on hierarchical density estimates, PAKDD: HDBSCAN.
Kuhn (1955), The Hungarian method for the assignment problem, Naval Research Logistics Quarterly 2.
"""

# scipy carries no static types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from atlas_assets.clustering.convergence import NoFit
from atlas_assets.clustering.grouping import Groups, group_rows, place_rows
from atlas_assets.clustering.order_flow import OrderFlowFeatures, order_flow_features

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["InvestorClustering", "InvestorClusters", "OrderFlowFeatures", "order_flow_features"]

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
Method: TypeAlias = Literal["kmeans", "gaussian_mixture", "hdbscan"]
Features: TypeAlias = "OrderFlowFeatures | pd.DataFrame | npt.ArrayLike"

_NORMAL_QUARTILES = 1.3489795003921634  # interquartile range of the standard normal
_SIZE = "log_mean_trade_size"


@dataclass(frozen=True)
class InvestorClusters:
    """Clusters of ``T`` rows with ``d`` features; ``k`` clusters.

    Attributes
    ----------
    labels : int array of shape (T,), the cluster of each row; -1 is noise or a row with a missing feature.
    scores : array of shape (T,), distance from the centre of the row's cluster (of the nearest one for noise), in
        deviations: Euclidean, for a mixture Mahalanobis. NaN where a feature is missing.
    probabilities : array of shape (T, k), membership of ``clusters``. k-means: Bezdek's fuzzy membership, inverse
        squared distances; mixture: posterior probability; HDBSCAN: strength of membership in the row's cluster,
        0 elsewhere, so that rows need not sum to one. NaN where a feature is missing.
    clusters : int array of shape (k,), labels of the columns of ``probabilities``, increasing. 0 ... k - 1 unless
        HDBSCAN has lost or found a cluster in an update: a lost one's number is never given again.
    centres : array of shape (k, d), in the unit of the features.
    """

    labels: IntArray
    scores: FloatArray
    probabilities: FloatArray
    clusters: IntArray
    centres: FloatArray


@dataclass(frozen=True)
class _State:
    names: tuple[str, ...]
    location: FloatArray
    scale: FloatArray
    groups: Groups
    clusters: IntArray
    next_label: int


class InvestorClustering:
    """Clusters of order-flow features; see the module for what makes their labels canonical.

    Features are an array (T, d), a frame, or what ``order_flow_features`` gives. Named ones are found by name
    thereafter, whatever their order.

    Parameters
    ----------
    method : "kmeans", "gaussian_mixture" (full covariances) or "hdbscan"
    clusters : number of clusters; HDBSCAN finds it by itself
    order_by : feature, by name or position, whose centres number the clusters of a first fit from the smallest up;
        None is the mean trade size where a feature has its name, otherwise the first feature. Ties go on to the others.
    minimum_cluster_size : of HDBSCAN, rows
    starts : number of seeded starts, of which the best fit is kept
    seed : of the starts
    """

    def __init__(
        self,
        *,
        method: Method = "kmeans",
        clusters: int = 4,
        order_by: str | int | None = None,
        minimum_cluster_size: int = 20,
        starts: int = 10,
        seed: int = 0,
    ) -> None:
        self.method: Method = method
        self.clusters = clusters
        self.order_by = order_by
        self.minimum_cluster_size = minimum_cluster_size
        self.starts = starts
        self.seed = seed
        self._state: _State | None = None
        if method not in ("kmeans", "gaussian_mixture", "hdbscan"):
            raise ValueError(
                f'Investor clustering knows no method="{method}"; use "kmeans", "gaussian_mixture" or "hdbscan".'
            )
        if clusters < 1 or starts < 1 or minimum_cluster_size < 2:
            raise ValueError(
                "Investor clustering needs at least 1 cluster, 1 start and a minimum cluster size of 2; they are "
                f"{clusters}, {starts} and {minimum_cluster_size}."
            )

    def fit(self, features: Features) -> InvestorClusters:
        """Clusters of training rows, numbered by the centres' order; forgets an earlier fit.

        Raises
        ------
        ValueError
            If there are too few complete rows, or a density method finds no cluster in them.

        Warns
        -----
        ConvergenceWarning
            If the optimiser did not converge.
        """
        names, rows = _named_rows(features)
        first = self._order_column(names, rows.shape[1])
        location, scale, groups = self._group(rows)
        centres = groups.centres[:, [first, *(column for column in range(rows.shape[1]) if column != first)]]
        groups = groups.reordered(np.lexsort(centres.T[::-1]))
        labels = np.arange(len(groups.centres))
        self._state = _State(names, location, scale, groups, labels, len(labels))
        return self._place(rows)

    def update(self, features: Features, *, start: Literal["anew", "before"] = "anew") -> InvestorClusters:
        """Clusters of a new training sample, such as a window that has moved on, numbered as in the fit before.

        With ``start="before"`` k-means and mixtures start at the centres of the fit before instead of seeded ones: the
        fit may be a little worse, and clusters change no more than the rows ask for.
        Distances between old and new centres are in the deviations of the fit before. A cluster of HDBSCAN that lies
        farther from its partner than the earlier clusters from each other is a new one, with a new number.

        Raises and warns as ``fit``, and ``ValueError`` before ``fit`` or for other features.
        """
        if start not in ("anew", "before"):
            raise ValueError(f'Investor clustering knows no start="{start}"; use "anew" or "before".')
        before = self._fitted()
        rows = _rows_of(features, before.names, len(before.location))
        location, scale, groups = self._group(rows, before if start == "before" else None)
        old = before.groups.centres
        new = (groups.centres * scale + location - before.location) / before.scale
        labels, next_label = self._matched(old, new, before)
        order = np.argsort(labels)
        self._state = _State(before.names, location, scale, groups.reordered(order), labels[order], next_label)
        return self._place(rows)

    def predict(self, features: Features) -> InvestorClusters:
        """Place rows in the fitted clusters; each row by itself. ``ValueError`` before ``fit`` or for other features.

        HDBSCAN gives a row the label of the nearest training row, unless it is farther from it than any member of
        that cluster from its neighbour: then it is noise.
        """
        state = self._fitted()
        return self._place(_rows_of(features, state.names, len(state.location)))

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """The fitted model as arrays, for ``numpy.savez``; ``from_state`` reads it. ``ValueError`` before ``fit``."""
        state = self._fitted()
        options = {
            "method": self.method,
            "clusters": self.clusters,
            "order_by": "" if self.order_by is None else self.order_by,
            "minimum_cluster_size": self.minimum_cluster_size,
            "starts": self.starts,
            "seed": self.seed,
        }
        return {
            **{f"option_{name}": np.array(value) for name, value in options.items()},
            "names": np.array(state.names, dtype=np.str_),
            "location": state.location.copy(),
            "scale": state.scale.copy(),
            "labels": state.clusters.copy(),
            "next_label": np.array(state.next_label),
            **{f"group_{name}": array.copy() for name, array in vars(state.groups).items()},
        }

    @classmethod
    def from_state(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> InvestorClustering:
        """The fitted model whose ``state`` is given. ``ValueError`` for arrays that are not the state of one."""
        wanted = {"option_order_by", "names", "location", "scale", "labels", "next_label"}
        wanted |= {f"group_{name}" for name in Groups.__annotations__}
        if missing := sorted(wanted - set(arrays)):
            raise ValueError(f"These arrays are no state of InvestorClustering: {', '.join(missing)} missing.")
        options: dict[str, Any] = {name[7:]: arrays[name].item() for name in arrays if name.startswith("option_")}
        options["order_by"] = None if options["order_by"] == "" else options["order_by"]
        model = cls(**options)
        model._state = _State(
            tuple(str(name) for name in arrays["names"]),
            np.array(arrays["location"]),
            np.array(arrays["scale"]),
            Groups(**{name: np.array(arrays[f"group_{name}"]) for name in Groups.__annotations__}),
            np.array(arrays["labels"]),
            int(arrays["next_label"]),
        )
        return model

    def _group(self, rows: FloatArray, before: _State | None = None) -> tuple[FloatArray, FloatArray, Groups]:
        complete = rows[np.isfinite(rows).all(axis=1)]
        needed = self.minimum_cluster_size if self.method == "hdbscan" else self.clusters + 1
        if len(complete) < needed:
            raise NoFit(f"Investor clustering needs at least {needed} complete rows, not {len(complete)}.")
        location, scale = _robust_scale(complete)
        centres = before and (before.groups.centres * before.scale + before.location - location) / scale
        groups = group_rows(
            (complete - location) / scale,
            method=self.method,
            clusters=self.clusters,
            minimum_cluster_size=self.minimum_cluster_size,
            starts=self.starts,
            seed=self.seed,
            centres=centres,
        )
        return location, scale, groups

    def _matched(self, old: FloatArray, new: FloatArray, before: _State) -> tuple[IntArray, int]:
        from scipy.optimize import linear_sum_assignment
        from scipy.spatial.distance import cdist, pdist

        distance = cdist(new, old)
        limit = np.inf
        if self.method == "hdbscan" and len(old) > 1:
            limit = float(pdist(old).min())
        labels, next_label = np.full(len(new), -1), before.next_label
        for row, column in zip(*linear_sum_assignment(distance), strict=True):
            if distance[row, column] <= limit:
                labels[row] = before.clusters[column]
        for row in np.flatnonzero(labels < 0):
            labels[row], next_label = next_label, next_label + 1
        return labels, next_label

    def _place(self, rows: FloatArray) -> InvestorClusters:
        state = self._fitted()
        complete = np.isfinite(rows).all(axis=1)
        positions, distances, memberships = place_rows(
            (rows[complete] - state.location) / state.scale, state.groups, method=self.method
        )
        labels = np.full(len(rows), -1, dtype=np.int64)
        scores = np.full(len(rows), np.nan)
        probabilities = np.full((len(rows), len(state.clusters)), np.nan)
        labels[complete] = np.where(positions >= 0, state.clusters[positions], -1)
        scores[complete], probabilities[complete] = distances, memberships
        centres = state.groups.centres * state.scale + state.location
        return InvestorClusters(labels, scores, probabilities, state.clusters.copy(), centres)

    def _order_column(self, names: Sequence[str], width: int) -> int:
        wanted = self.order_by
        if wanted is None:
            return names.index(_SIZE) if _SIZE in names else 0
        if isinstance(wanted, str):
            if wanted not in names:
                raise ValueError(f'Investor clustering finds no feature "{wanted}" to order clusters by.')
            return names.index(wanted)
        if not 0 <= wanted < width:
            raise ValueError(f"Investor clustering finds no feature {wanted} of {width} to order clusters by.")
        return wanted

    def _fitted(self) -> _State:
        if self._state is None:
            raise ValueError("InvestorClustering is not fitted yet; call fit first.")
        return self._state


def _robust_scale(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Median, and deviation by the interquartile range; by all rows where half of them are equal."""
    lower, median, upper = np.quantile(rows, (0.25, 0.5, 0.75), axis=0)
    quartiles, deviation = (upper - lower) / _NORMAL_QUARTILES, rows.std(axis=0)
    tiny = 1e-12 * np.abs(rows).max(axis=0)
    scale = np.where(quartiles > tiny, quartiles, np.where(deviation > tiny, deviation, 1.0))
    return median, scale


def _named_rows(features: Features) -> tuple[tuple[str, ...], FloatArray]:
    """Names, none for an array, and rows."""
    if isinstance(features, OrderFlowFeatures):
        names, values = features.names, features.rows
    elif hasattr(features, "columns"):
        frame: Any = features
        names, values = tuple(map(str, frame.columns)), frame.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        names, values = (), np.asarray(features, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] == 0:
        raise ValueError(f"Investor clustering needs rows of features, a 2-d array, not shape {values.shape}.")
    return names, values


def _rows_of(features: Features, names: tuple[str, ...], width: int) -> FloatArray:
    """Rows with the features of the fit, in their order."""
    given, values = _named_rows(features)
    if names and given:
        missing = [name for name in names if name not in given]
        if missing:
            raise ValueError(f"Investor clustering was fitted to features that are missing here: {', '.join(missing)}.")
        return values[:, [given.index(name) for name in names]]
    if values.shape[1] != width:
        raise ValueError(f"Investor clustering was fitted to {width} features, not {values.shape[1]}.")
    return values
