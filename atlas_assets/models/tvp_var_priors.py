"""Where the filter of :mod:`atlas_assets.models.tvp_var` starts: its priors, and the regressors they are made from."""

# threadpoolctl carries no static types.
# pyright: reportMissingTypeStubs=false

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]


class InitialState(NamedTuple):
    """State before the first filtered row: coefficients ~ (mean (n, m), ``equations (n, n) (x) regressors (m, m)``).

    ``observation`` (n, n) is the first covariance of the innovations; the prior has seen the first ``rows_used`` rows.
    """

    mean: FloatArray
    equations: FloatArray
    regressors: FloatArray
    observation: FloatArray
    rows_used: int


@dataclass(frozen=True, kw_only=True)
class MinnesotaPrior:
    r"""Coefficients shrink towards independent first-order autoregressions.

    The coefficient of equation i on lag l of variable j has mean ``own_lag`` when i = j, l = 1 and 0 otherwise, and
    variance :math:`(\tau / l)^2 \sigma_i^2 / \sigma_j^2`; the intercept has variance ``intercept_variance``
    :math:`\sigma_i^2`. :math:`\sigma_i` is the residual deviation of a first-order autoregression on the first
    ``training`` rows, and nothing later is used.

    Attributes
    ----------
    tightness : the tau.
    training : number of first rows that set the scale.
    own_lag : 0 for returns and growth rates, 1 for levels.
    intercept_variance : in units of the residual variance.
    """

    tightness: float = 0.1
    training: int = 60
    own_lag: float = 0.0
    intercept_variance: float = 100.0

    def initial_state(self, rows: FloatArray, *, lags: int, intercept: bool) -> InitialState:
        """State before the first filtered row, from ``rows (T, n)``; ``ValueError`` if they are too few or constant."""
        n = rows.shape[1]
        if not (self.tightness >= 0 and self.intercept_variance >= 0):
            raise ValueError("The Minnesota prior needs a tightness and an intercept_variance that are not negative.")
        if not 4 <= self.training <= len(rows):
            raise ValueError(f"The Minnesota prior needs training >= 4 rows and has {len(rows)} for {self.training}.")
        centred = rows[: self.training] - rows[: self.training].mean(axis=0)
        before, after = centred[:-1], centred[1:]
        with np.errstate(invalid="ignore"):
            slope = (before * after).sum(axis=0) / (before**2).sum(axis=0)
        variance = ((after - slope * before) ** 2).sum(axis=0) / (self.training - 3)
        if not (variance > 0).all():
            raise ValueError(f"The Minnesota prior needs variables that vary in the first {self.training} rows.")
        own = np.hstack([self.own_lag * np.eye(n), np.zeros((n, n * (lags - 1) + intercept))])
        lag_variance = [(self.tightness / lag) ** 2 / variance for lag in range(1, lags + 1)]
        regressors = np.diag(np.concatenate([*lag_variance, [self.intercept_variance] * intercept]))
        observation = np.diag(variance)
        return InitialState(own, observation, regressors, observation, self.training)


@dataclass(frozen=True, kw_only=True)
class BayesPrior:
    """Least squares on a training sample, as in the R package ConnectednessApproach.

    The regression has an intercept. Means are its coefficients, the state covariance has a block ``inv(X'X)`` for
    each equation (not times the residual variance), and the first innovation covariance is that of the residuals
    (divided by their number).

    Attributes
    ----------
    observations : number of first rows used; None is the full sample, which looks ahead.
    """

    observations: int | None = None

    def initial_state(self, rows: FloatArray, *, lags: int, intercept: bool) -> InitialState:
        """State before the first filtered row, from ``rows (T, n)``; ``ValueError`` when they are too few."""
        used = len(rows) if self.observations is None else self.observations
        from threadpoolctl import threadpool_limits

        x = regressors_of(rows[:used], lags=lags, intercept=True)
        if used > len(rows) or len(x) <= x.shape[1]:
            raise ValueError(f"The Bayes prior needs more than {x.shape[1] + lags} rows; {min(used, len(rows))} given.")
        y = rows[lags:used]
        size = np.linalg.norm(x, axis=0)
        # In units of their own, so that small variables are not taken for zero.
        if not size.all() or np.linalg.matrix_rank(x / size) < x.shape[1]:
            raise ValueError(f"The Bayes prior needs variables that vary in its {used} rows, none made up of others.")
        with threadpool_limits(limits=1):  # sums over several threads differ in their last bits
            inverse = np.asarray(np.linalg.inv(x.T @ x), dtype=np.float64)
            slopes = inverse @ (x.T @ y)
            residuals = y - x @ slopes
            covariance = residuals.T @ residuals / len(x)
        m = x.shape[1] - (not intercept)
        return InitialState(
            np.ascontiguousarray(slopes[:m].T),
            np.eye(rows.shape[1]),
            np.ascontiguousarray(inverse[:m, :m]),
            covariance,
            used,
        )


def regressors_of(rows: FloatArray, *, lags: int, intercept: bool) -> FloatArray:
    """Regressors of ``rows[lags:]``, (T - lags, n * lags + intercept): lag 1, lag 2, ..., ones."""
    count = max(len(rows) - lags, 0)
    blocks = [rows[lags - lag : lags - lag + count] for lag in range(1, lags + 1)]
    return np.ascontiguousarray(np.hstack([*blocks, np.ones((count, int(intercept)))]))
