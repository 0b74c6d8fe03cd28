"""The models that :mod:`atlas_assets.models.dma` averages over: subsets of regressors, and where each begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from atlas_assets.models.dma_kernels import LANES

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
Prior: TypeAlias = "Literal['training', 'raftery_full_sample'] | tuple[npt.ArrayLike, npt.ArrayLike]"

MOST_MODELS = 2**22


@dataclass
class Models:
    """Models of one size with one pair of factors: ``columns (count, m)``, and their states in blocks of LANES."""

    columns: IntArray
    lanes: IntArray
    mean: FloatArray
    covariance: FloatArray
    variance: FloatArray
    factors: int

    @property
    def count(self) -> int:
        """Number of models; what fills the last block repeats its last model and is none."""
        return len(self.columns)

    def predict(self, row: FloatArray, *, forgetting: float) -> tuple[FloatArray, FloatArray]:
        """Mean and variance (count,) of the next y by each model, from its regressors ``row (k + 1,)``."""
        x = row[self.lanes]
        variance, at = self.variance.copy(), 0
        for i in range(x.shape[1]):
            for j in range(i + 1):
                variance += (1 + (i != j)) * self.covariance[:, at] * x[:, i] * x[:, j] / forgetting
                at += 1
        mean = (self.mean * x).sum(axis=1)
        return mean.ravel()[: self.count], variance.ravel()[: self.count]


@dataclass(frozen=True)
class Subsets:
    """Subsets of ``k`` regressors that contain ``always_in`` and are no larger than ``max_size``."""

    k: int
    always_in: tuple[int, ...]
    max_size: int | None

    def __post_init__(self) -> None:
        if any(not 0 <= column < self.k for column in self.always_in):
            raise ValueError(f"DMA has the columns 0 to {self.k - 1} and cannot always have {self.always_in} in.")
        if self.max_size is not None and self.max_size < len(self.always_in):
            raise ValueError(f"DMA cannot have {len(self.always_in)} regressors always in and {self.max_size} at most.")

    def refuse_too_many(self, factors: int) -> None:
        """Raise ``ValueError`` where ``factors`` pairs of factors would make more models than memory holds."""
        count = factors * sum(comb(len(self._free), size) for size in self._sizes)
        if count > MOST_MODELS:
            raise ValueError(
                f"DMA averages over at most {MOST_MODELS:,} models, not {count:,}; set a smaller max_size."
            )

    def by_size(self) -> Iterator[IntArray]:
        """Yield the subsets of each size as columns (count, m): 0 is the intercept, c + 1 the regressor c."""
        for size in self._sizes:
            count = comb(len(self._free), size)
            chosen = np.array(list(combinations(self._free, size)), dtype=np.int64).reshape(count, size)
            always = np.tile(np.array(self.always_in, dtype=np.int64), (count, 1))
            yield np.hstack([np.zeros((count, 1), dtype=np.int64), np.sort(np.hstack([always, chosen])) + 1])

    @property
    def _free(self) -> list[int]:
        return [column for column in range(self.k) if column not in self.always_in]

    @property
    def _sizes(self) -> range:
        most = self.k if self.max_size is None else min(self.max_size, self.k)
        return range(most - len(self.always_in) + 1)


@dataclass(frozen=True)
class Beginning:
    """Where models begin, from the rows ``y (n,)`` and ``x (n, k + 1)`` that the prior may see."""

    prior: Prior
    y: FloatArray
    x: FloatArray
    initial_variance: float | None

    def models(self, columns: IntArray, factors: int) -> Models:
        """The models of these columns (count, m) before the first row."""
        mean, variance = self._coefficients(columns)
        blocks, m = -(-len(columns) // LANES), columns.shape[1]
        order = np.minimum(np.arange(blocks * LANES), len(columns) - 1).reshape(blocks, LANES)
        covariance = np.zeros((blocks, m * (m + 1) // 2, LANES))
        covariance[:, np.arange(m) * (np.arange(m) + 3) // 2] = variance[order].transpose(0, 2, 1)
        observation = self.y.var(ddof=1) if self.initial_variance is None else self.initial_variance
        return Models(
            columns,
            np.ascontiguousarray(columns[order].transpose(0, 2, 1)),
            np.ascontiguousarray(mean[order].transpose(0, 2, 1)),
            covariance,
            np.full((blocks, LANES), float(observation)),
            factors,
        )

    def _coefficients(self, columns: IntArray) -> tuple[FloatArray, FloatArray]:
        """Mean and variance of the coefficients, (count, m) each."""
        k = self.x.shape[1]
        if not isinstance(self.prior, str):
            own = [np.asarray(part, dtype=np.float64) for part in self.prior]
            if any(part.shape not in ((), (k,)) for part in own):
                raise ValueError(f"DMA needs a prior of one number or {k}, the intercept's first, not {own[0].shape}.")
            mean, variance = (np.broadcast_to(part, (k,)) for part in own)
            if not (np.isfinite(mean).all() and (variance > 0).all() and np.isfinite(variance).all()):
                raise ValueError("DMA needs a prior with finite means and positive, finite variances.")
            return mean[columns], variance[columns]
        of_y, of_x = self.y.var(ddof=1), self.x.var(axis=0, ddof=1)
        if not (of_y > 0 and (of_x[1:] > 0).all()):
            raise ValueError(f"DMA needs y and regressors that vary in the {len(self.y)} rows of its prior.")
        of_x[0] = 1.0
        variance = (of_y / of_x)[columns]
        level = np.full(len(columns), self.y.mean())
        if self.prior == "raftery_full_sample":
            level = self._intercepts(columns)
        variance[:, 0] = level**2 + of_y
        return np.zeros(columns.shape), variance

    def _intercepts(self, columns: IntArray) -> FloatArray:
        """Least-squares intercept of each model."""
        centres = self.x.mean(axis=0)
        centred, target = self.x - centres, self.y - self.y.mean()
        gram, moments = centred.T @ centred, centred.T @ target
        slopes = columns[:, 1:]
        normal = gram[slopes[:, :, None], slopes[:, None, :]]
        try:
            solved = np.asarray(np.linalg.solve(normal, moments[slopes][..., None]), dtype=np.float64)
        except np.linalg.LinAlgError:
            raise ValueError(
                'DMA with prior="raftery_full_sample" needs regressors none of which others make up.'
            ) from None
        return self.y.mean() - (centres[slopes] * solved[..., 0]).sum(axis=1)
