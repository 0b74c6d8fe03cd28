"""Groups of standardised rows by scikit-learn, kept as arrays, and the place of further rows in them."""

# scikit-learn and scipy carry no static types.
# Its estimators' guessed types are wrong, hence Any.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from atlas_assets.clustering.convergence import ConvergenceWarning, NoFit

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_MIXTURE_ITERATIONS = 500
_RIDGE = 1e-6


@dataclass(frozen=True)
class Groups:
    """``k`` groups of rows with ``d`` features; what a method does not need is empty.

    Attributes
    ----------
    centres : array of shape (k, d).
    weights, covariances : arrays of shapes (k,) and (k, d, d), of a mixture.
    members, member_group, member_strength : training rows (n, d) of a density method, their group (n,), -1 for noise,
        and strength of membership (n,).
    reach : array of shape (k,), the largest distance of a member of the group from its nearest fellow.
    """

    centres: FloatArray
    weights: FloatArray
    covariances: FloatArray
    members: FloatArray
    member_group: IntArray
    member_strength: FloatArray
    reach: FloatArray

    def reordered(self, order: IntArray) -> Groups:
        """The same groups in another order."""
        rank = np.append(np.argsort(order), -1)  # the last one serves noise, -1
        return Groups(
            self.centres[order],
            self.weights[order],
            self.covariances[order],
            self.members,
            rank[self.member_group],
            self.member_strength,
            self.reach[order],
        )


def group_rows(
    rows: FloatArray,
    *,
    method: str,
    clusters: int,
    minimum_cluster_size: int,
    starts: int,
    seed: int,
    centres: FloatArray | None = None,
) -> Groups:
    """Groups of standardised rows (T, d), the same for rows and features in any order.

    With ``centres`` (k, d) the one start of k-means and of a mixture is there; a density method has no start.

    Raises
    ------
    NoFit
        If there are fewer different rows than clusters, or a density method finds no group.

    Warns
    -----
    ConvergenceWarning
        If the optimiser did not converge.
    """
    from sklearn import cluster, mixture  # before the limit, which reaches only what is loaded
    from threadpoolctl import threadpool_limits

    # Starting points are drawn by position: put rows and features into an order that is their own.
    columns = np.lexsort(np.quantile(rows, np.linspace(1.0, 0.0, 11), axis=0))
    ordered = rows[:, columns]
    ordered = np.ascontiguousarray(ordered[np.lexsort(ordered.T[::-1])])
    first = None if centres is None else np.ascontiguousarray(centres[:, columns])
    with threadpool_limits(limits=1):  # sums over several threads differ in their last bits from run to run
        if method == "kmeans":
            groups = _kmeans(cluster.KMeans, ordered, clusters, starts, seed, first)
        elif method == "gaussian_mixture":
            groups = _gaussian_mixture(mixture.GaussianMixture, ordered, clusters, starts, seed, first)
        else:
            groups = _hdbscan(cluster.HDBSCAN, ordered, minimum_cluster_size)
    back = np.argsort(columns)
    return Groups(
        groups.centres[:, back],
        groups.weights,
        groups.covariances[:, back[:, None], back],
        groups.members[:, back],
        groups.member_group,
        groups.member_strength,
        groups.reach,
    )


def place_rows(rows: FloatArray, groups: Groups, *, method: str) -> tuple[IntArray, FloatArray, FloatArray]:
    """Group of each standardised row (-1 for noise), distance from its centre, and membership (T, k)."""
    if method == "gaussian_mixture":
        return _place_in_mixture(rows, groups)
    distance = _distances(rows, groups.centres)
    if method == "hdbscan":
        return _place_by_neighbour(rows, groups, distance)
    nearest = distance.argmin(axis=1)
    smallest = distance[np.arange(len(rows)), nearest]
    with np.errstate(divide="ignore", invalid="ignore"):
        closeness = np.where(distance == 0, 1.0, (smallest[:, None] / distance) ** 2)
    return nearest, smallest, closeness / closeness.sum(axis=1, keepdims=True)


def _kmeans(
    estimator: Any, rows: FloatArray, clusters: int, starts: int, seed: int, first: FloatArray | None
) -> Groups:
    from sklearn.exceptions import ConvergenceWarning as LibraryWarning

    with warnings.catch_warnings():
        warnings.simplefilter("error", LibraryWarning)
        try:
            begin = {"n_init": starts} if first is None else {"init": first, "n_init": 1}
            fitted = estimator(clusters, random_state=seed, **begin).fit(rows)
        except LibraryWarning:
            raise NoFit(f"Investor clustering finds fewer than {clusters} different rows; use fewer.") from None
    return _groups(np.asarray(fitted.cluster_centers_, dtype=np.float64))


def _gaussian_mixture(
    estimator: Any, rows: FloatArray, clusters: int, starts: int, seed: int, first: FloatArray | None
) -> Groups:
    from sklearn.exceptions import ConvergenceWarning as LibraryWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LibraryWarning)
        begin = {"n_init": starts} if first is None else {"means_init": first, "n_init": 1}
        fitted = estimator(clusters, max_iter=_MIXTURE_ITERATIONS, reg_covar=_RIDGE, random_state=seed, **begin).fit(
            rows
        )
    if not fitted.converged_:
        warnings.warn(
            f"The mixture of {clusters} clusters did not converge in {_MIXTURE_ITERATIONS} iterations on {len(rows)} "
            "rows; use more rows or fewer clusters.",
            ConvergenceWarning,
            stacklevel=5,
        )
    return _groups(fitted.means_, weights=fitted.weights_, covariances=fitted.covariances_)


def _hdbscan(estimator: Any, rows: FloatArray, minimum_cluster_size: int) -> Groups:
    from scipy.spatial import KDTree

    fitted = estimator(min_cluster_size=minimum_cluster_size, copy=True).fit(rows)
    labels = fitted.labels_.astype(np.int64)
    if labels.max() < 0:
        raise NoFit(
            f"Investor clustering finds no dense cluster of {minimum_cluster_size} rows; use a smaller "
            "minimum_cluster_size."
        )
    members = [rows[labels == number] for number in range(labels.max() + 1)]
    nearest: list[Any] = [KDTree(group).query(group, k=2)[0] for group in members]
    return _groups(
        np.array([group.mean(axis=0) for group in members]),
        members=rows,
        member_group=labels,
        member_strength=fitted.probabilities_,
        reach=np.array([distances[:, 1].max() for distances in nearest]),
    )


def _groups(
    centres: FloatArray,
    *,
    weights: FloatArray | None = None,
    covariances: FloatArray | None = None,
    members: FloatArray | None = None,
    member_group: IntArray | None = None,
    member_strength: FloatArray | None = None,
    reach: FloatArray | None = None,
) -> Groups:
    k, d = centres.shape
    return Groups(
        centres,
        np.zeros(k) if weights is None else weights,
        np.zeros((k, d, d)) if covariances is None else covariances,
        np.zeros((0, d)) if members is None else members,
        np.zeros(0, dtype=np.int64) if member_group is None else member_group,
        np.zeros(0) if member_strength is None else member_strength,
        np.zeros(k) if reach is None else reach,
    )


def _place_in_mixture(rows: FloatArray, groups: Groups) -> tuple[IntArray, FloatArray, FloatArray]:
    k, d = groups.centres.shape
    distance, log_density = np.empty((len(rows), k)), np.empty((len(rows), k))
    for number in range(k):
        factor = np.linalg.cholesky(groups.covariances[number])
        # A matrix product's last bits depend on the number of rows; sums over each row do not.
        standardised = np.einsum("td,ed->te", rows - groups.centres[number], np.linalg.inv(factor))
        distance[:, number] = np.sqrt((standardised**2).sum(axis=1))
        log_density[:, number] = np.log(groups.weights[number]) - np.log(np.diag(factor)).sum()
    log_density -= 0.5 * (distance**2 + d * np.log(2 * np.pi))
    likely = log_density.argmax(axis=1)
    weight = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    return likely, distance[np.arange(len(rows)), likely], weight / weight.sum(axis=1, keepdims=True)


def _place_by_neighbour(
    rows: FloatArray, groups: Groups, distance: FloatArray
) -> tuple[IntArray, FloatArray, FloatArray]:
    from scipy.spatial import KDTree

    found: Any = KDTree(groups.members).query(rows)
    away, neighbour = np.asarray(found[0], dtype=np.float64), np.asarray(found[1], dtype=np.int64)
    label = groups.member_group[np.minimum(neighbour, len(groups.members) - 1)]  # of a row at infinity there is none
    label = np.where((label >= 0) & (away <= groups.reach[label]), label, -1)
    centre = np.where(label >= 0, label, distance.argmin(axis=1))
    membership = np.zeros_like(distance)
    placed = np.flatnonzero(label >= 0)
    membership[placed, label[placed]] = groups.member_strength[neighbour[placed]]
    return label, distance[np.arange(len(rows)), centre], membership


def _distances(rows: FloatArray, centres: FloatArray) -> FloatArray:
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(rows, centres), dtype=np.float64)
