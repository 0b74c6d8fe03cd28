r"""Probability of backtest overfitting (PBO) by combinatorially symmetric cross-validation (CSCV).

The T rows of returns of N strategies are cut into S blocks of equal length. Each of the
:math:`\binom{S}{S/2}` ways to choose half of the blocks is one trial: with :math:`n^*` the strategy of the best metric
in the chosen half and :math:`r` its rank in the other half, 1 for the worst,

.. math:: \bar\omega = \frac{r}{N + 1}, \qquad \lambda = \ln\frac{\bar\omega}{1 - \bar\omega}, \qquad
          \mathrm{PBO} = \Pr[\lambda \le 0]

is the share of trials in which what was chosen is no better than the median of all. Choosing among strategies without
skill gives about one half, not zero.

References
----------
Bailey, Borwein, López de Prado, Zhu (2017), The probability of backtest overfitting, Journal of Computational
Finance 20(4).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, combinations
from math import comb
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
Metric: TypeAlias = Literal["sharpe", "mean"]

MOST_PARTITIONS = 24  # 2,704,156 trials


@dataclass(frozen=True)
class BacktestOverfitting:
    """What C trials say of the choice among N strategies; trials in lexicographic order of their chosen blocks.

    Attributes
    ----------
    pbo : share of trials whose logit is not above zero.
    logits : array of shape (C,), of the out-of-sample rank of the chosen strategy; equal metrics share their rank.
    selected : array of shape (C,), the chosen strategy, the first one of equals.
    in_sample, out_of_sample : arrays of shape (C,), its metric in the chosen blocks and in the others.
    slope, intercept : of the least-squares line of ``out_of_sample`` on ``in_sample``: a slope below zero says that
        the better a backtest looks, the worse what follows. NaN where ``in_sample`` does not vary or is infinite.
    probability_of_loss : share of trials in which ``out_of_sample`` is below zero.
    observations : rows used, a multiple of the number of blocks.
    """

    pbo: float
    logits: FloatArray
    selected: npt.NDArray[np.int64]
    in_sample: FloatArray
    out_of_sample: FloatArray
    slope: float
    intercept: float
    probability_of_loss: float
    observations: int


def probability_of_backtest_overfitting(
    returns: npt.ArrayLike, *, partitions: int = 16, metric: Metric = "sharpe"
) -> BacktestOverfitting:
    """How probable it is that the strategy with the best backtest is below the median afterwards.

    An evaluation of a finished search: every row is in and out of sample in turn.

    Parameters
    ----------
    returns : array of shape (T, N), rows in time order, a column for every strategy that was tried: those that were
        dropped on the way belong to it. The oldest rows that fill no block are left out.
    partitions : number of blocks S, even
    metric : "sharpe", mean by sample deviation (``ddof=1``) and not annualised, or "mean". A strategy without any
        deviation has the Sharpe ratio 0 where its mean is 0, else an infinite one.

    Returns
    -------
    BacktestOverfitting, of all combinations.

    Raises
    ------
    ValueError
        If there are fewer than two strategies or two rows a block, a return is missing, the number of blocks is odd or
        above 24, or the metric is unknown.
    """
    from atlas_assets.risk_management.pbo_kernels import trials

    rows = np.asarray(returns, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] < 2:
        raise ValueError(
            f"The probability of overfitting needs returns (T, N) of 2 strategies, not shape {rows.shape}."
        )
    if partitions % 2 or not 2 <= partitions <= MOST_PARTITIONS or len(rows) < 2 * partitions:
        raise ValueError(
            f"The probability of overfitting needs an even number of blocks, 2 to {MOST_PARTITIONS}, and two rows for "
            f"each, not {partitions} for {len(rows)} rows."
        )
    if metric not in get_args(Metric):
        raise ValueError(f'The probability of overfitting knows no metric="{metric}"; use one of {get_args(Metric)}.')
    if not np.isfinite(rows).all():
        first = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
        raise ValueError(f"The probability of overfitting needs complete rows; row {first} has a missing return.")

    length = len(rows) // partitions
    blocks = rows[len(rows) - length * partitions :].reshape(partitions, length, -1)
    half = partitions // 2
    chosen = np.fromiter(chain.from_iterable(combinations(range(partitions), half)), dtype=np.int64)
    selected, inside, outside, rank = trials(
        np.ascontiguousarray(blocks.sum(axis=1)),
        np.ascontiguousarray((blocks**2).sum(axis=1)),
        chosen.reshape(comb(partitions, half), half),
        length,
        metric == "sharpe",
    )
    share = rank / (rows.shape[1] + 1)
    logits = np.log(share / (1 - share))
    slope, intercept = _line(inside, outside)
    return BacktestOverfitting(
        pbo=float((logits <= 0).mean()),
        logits=logits,
        selected=selected,
        in_sample=inside,
        out_of_sample=outside,
        slope=slope,
        intercept=intercept,
        probability_of_loss=float((outside < 0).mean()),
        observations=length * partitions,
    )


def _line(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Slope and intercept by least squares."""
    if not (np.isfinite(x).all() and np.isfinite(y).all()) or np.ptp(x) == 0:
        return np.nan, np.nan
    deviation = x - x.mean()
    slope = float(deviation @ (y - y.mean()) / (deviation @ deviation))
    return slope, float(y.mean() - slope * x.mean())
