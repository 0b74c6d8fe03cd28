r"""Value at risk (VaR), expected shortfall (ES) and their backtests.

VaR and ES are returns: negative numbers in the unit of the input, so that a hit is ``return < VaR``. ``level`` is the
probability of the tail, 0.05 or 0.01. The value at row t uses returns before t only.

Missing values: a missing (NaN or infinite) return is skipped; the value at its row is still given, from the returns
before it. To get the value for the day after the last return, append a NaN.
"""

# scipy carries no static types.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]

_WINDOW_BLOCK = 8_192  # rolling windows copied at a time: bounds memory, changes no value


@dataclass(frozen=True)
class RiskSeries:
    """VaR and ES for each row, arrays of shape ``(T,)``, as returns; NaN until ``window`` returns are known."""

    value_at_risk: FloatArray
    expected_shortfall: FloatArray


class LikelihoodRatio(NamedTuple):
    """A likelihood-ratio statistic and its p-value under the chi-squared distribution."""

    statistic: float
    p_value: float


@dataclass(frozen=True)
class Backtest:
    """How often and in which pattern returns fell below VaR.

    Attributes
    ----------
    observations, hits : number of rows where both return and VaR are known, and of those below VaR.
    hit_rate : hits / observations.
    transitions : array of shape (2, 2); row i, column j counts steps from i to j, 1 being a hit.
    unconditional : Kupiec's test that the hit rate is ``level``, 1 degree of freedom.
    independence : Christoffersen's test that a hit does not depend on the day before, 1 degree of freedom.
    conditional : both, 2 degrees of freedom.
    """

    observations: int
    hits: int
    hit_rate: float
    transitions: npt.NDArray[np.int64]
    unconditional: LikelihoodRatio
    independence: LikelihoodRatio
    conditional: LikelihoodRatio


def historical_var(returns: npt.ArrayLike, *, window: int, level: float) -> RiskSeries:
    """VaR and ES by historical simulation over the last ``window`` returns.

    VaR is the sample quantile with linear interpolation between order statistics (Hyndman and Fan's type 7,
    ``numpy.quantile(method="linear")``); ES is the mean of the returns not above it.

    Parameters
    ----------
    returns : array of shape (T,), any unit
    window : number of past returns
    level : probability of the tail

    Returns
    -------
    RiskSeries, unit of the returns.
    """
    from atlas_assets.risk_management.var_kernels import rolling_tail

    _require(window, level)

    def tail(past: FloatArray) -> tuple[FloatArray, FloatArray]:
        at_risk, shortfall = rolling_tail(past, window, level)
        return at_risk, shortfall

    return _from_past(returns, tail)


def parametric_var(
    returns: npt.ArrayLike,
    *,
    window: int,
    level: float,
    volatility: Literal["rolling", "ewma"] = "rolling",
    decay: float = 0.94,
) -> RiskSeries:
    r"""VaR and ES of normal returns: :math:`\mu_t + \sigma_t z_\alpha`, :math:`\mu_t - \sigma_t \phi(z_\alpha)/\alpha`.

    - "rolling": mean and sample deviation (``ddof=1``) of the last ``window`` returns.
    - "ewma": mean zero and :math:`\sigma_t^2 = \lambda \sigma_{t-1}^2 + (1-\lambda) r_{t-1}^2`, started at the mean
      square of the first ``window`` returns.

    Parameters
    ----------
    returns : array of shape (T,), any unit
    window : number of past returns; for "ewma", of the start
    level : probability of the tail, below one half
    volatility : "rolling" or "ewma"
    decay : lambda

    Returns
    -------
    RiskSeries, unit of the returns.

    References
    ----------
    J.P. Morgan/Reuters (1996), RiskMetrics Technical Document.
    """
    from scipy.special import ndtri

    _require(window, level)
    if volatility not in ("rolling", "ewma") or not 0 < decay < 1:
        raise ValueError(f'Volatility is "rolling" or "ewma" with decay in (0, 1), not "{volatility}" with {decay}.')
    z = float(ndtri(level))
    shortfall = -np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) / level

    def normal_tail(past: FloatArray) -> tuple[FloatArray, FloatArray]:
        if volatility == "ewma":
            mean, sigma = 0.0, _ewma_deviation(past, window, decay)
        else:
            mean, sigma = _rolling(past, window, lambda w: (w.mean(axis=1), w.std(axis=1, ddof=1)))
        return mean + z * sigma, mean + shortfall * sigma

    return _from_past(returns, normal_tail)


def kupiec_test(hits: int, observations: int, level: float) -> LikelihoodRatio:
    r"""Kupiec's test of the hit rate, with x hits in T observations.

    .. math:: LR = -2 \ln \frac{(1-p)^{T-x} p^x}{(1-x/T)^{T-x} (x/T)^x} \sim \chi^2_1

    Computed in logs with 0 log 0 = 0, so it is finite for x = 0 and x = T.

    References
    ----------
    Kupiec (1995), Techniques for verifying the accuracy of risk measurement models, Journal of Derivatives 3(2).
    """
    if not 0 <= hits <= observations or observations == 0 or not 0 < level < 1:
        raise ValueError(f"Kupiec's test needs 0 <= hits <= observations, not {hits} of {observations} at {level}.")
    misses = observations - hits
    free = _log_likelihood(misses, hits)
    return _likelihood_ratio(free - (misses * np.log1p(-level) + hits * np.log(level)), degrees_of_freedom=1)


def christoffersen_test(transitions: npt.ArrayLike) -> LikelihoodRatio:
    r"""Christoffersen's test of independence, from ``transitions[i, j]``, the number of steps from i to j (1 is a hit).

    .. math:: LR = -2 \ln \frac{(1-\pi)^{n_{00}+n_{10}} \pi^{n_{01}+n_{11}}}
              {(1-\pi_0)^{n_{00}} \pi_0^{n_{01}} (1-\pi_1)^{n_{10}} \pi_1^{n_{11}}} \sim \chi^2_1

    References
    ----------
    Christoffersen (1998), Evaluating interval forecasts, International Economic Review 39(4).
    """
    (n00, n01), (n10, n11) = np.asarray(transitions, dtype=np.int64)
    free = _log_likelihood(n00, n01) + _log_likelihood(n10, n11)
    return _likelihood_ratio(free - _log_likelihood(n00 + n10, n01 + n11), degrees_of_freedom=1)


def backtest(returns: npt.ArrayLike, var: npt.ArrayLike, *, level: float) -> Backtest:
    """Backtest of a VaR series: a hit is ``return < VaR``, strictly.

    Parameters
    ----------
    returns, var : arrays of shape (T,), same unit. Rows where either is missing are dropped.
    level : probability of the tail the VaR was made for

    Raises
    ------
    ValueError
        If shapes differ or no row has both.
    """
    realised, limit = np.asarray(returns, dtype=np.float64), np.asarray(var, dtype=np.float64)
    if realised.shape != limit.shape or realised.ndim != 1:
        raise ValueError(f"A backtest needs 1-d returns and VaR of one shape, not {realised.shape}, {limit.shape}.")
    known = np.isfinite(realised) & np.isfinite(limit)
    if not known.any():
        raise ValueError("A backtest needs at least one row with both a return and a VaR.")
    hit = (realised[known] < limit[known]).astype(np.int64)
    transitions = np.bincount(2 * hit[:-1] + hit[1:], minlength=4).reshape(2, 2)
    unconditional = kupiec_test(int(hit.sum()), hit.size, level)
    independence = christoffersen_test(transitions)
    conditional = unconditional.statistic + independence.statistic
    return Backtest(
        observations=hit.size,
        hits=int(hit.sum()),
        hit_rate=float(hit.mean()),
        transitions=transitions,
        unconditional=unconditional,
        independence=independence,
        conditional=LikelihoodRatio(conditional, _chi_squared_tail(conditional, degrees_of_freedom=2)),
    )


def acerbi_szekely(
    returns: npt.ArrayLike, var: npt.ArrayLike, expected_shortfall: npt.ArrayLike, *, level: float
) -> tuple[float, float]:
    r"""Statistics Z1 and Z2 for ES; zero when ES is right, negative when losses are worse than it says.

    .. math:: Z_1 = 1 - \frac{1}{\sum I_t} \sum_t \frac{r_t I_t}{ES_t}, \qquad
              Z_2 = 1 - \frac{1}{T \alpha} \sum_t \frac{r_t I_t}{ES_t}, \qquad I_t = [r_t < VaR_t]

    with ES as a (negative) return. Rows with a missing value are dropped; Z1 is NaN without hits.

    References
    ----------
    Acerbi, Szekely (2014), Back-testing expected shortfall, Risk.
    """
    rows = np.column_stack([np.asarray(x, dtype=np.float64) for x in (returns, var, expected_shortfall)])
    realised, limit, shortfall = rows[np.isfinite(rows).all(axis=1)].T
    hit = realised < limit
    ratio = float((realised[hit] / shortfall[hit]).sum())
    z1 = 1.0 - ratio / hit.sum() if hit.any() else np.nan
    return float(z1), 1.0 - ratio / (realised.size * level)


def _from_past(returns: npt.ArrayLike, tail: Callable[[FloatArray], tuple[FloatArray, FloatArray]]) -> RiskSeries:
    """Give each row the tail estimated from the finite returns before it; ``tail`` maps k returns to k + 1 values."""
    values = np.asarray(returns, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"Value at risk needs a 1-d series of returns, not shape {values.shape}.")
    finite = np.isfinite(values)
    known_before = np.cumsum(finite) - finite
    value_at_risk, expected_shortfall = tail(values[finite])
    return RiskSeries(value_at_risk[known_before], expected_shortfall[known_before])


def _rolling(
    past: FloatArray, window: int, statistics: Callable[[FloatArray], tuple[FloatArray, FloatArray]]
) -> tuple[FloatArray, FloatArray]:
    """Two statistics of every window; position k has seen the first k values."""
    result = np.full((2, past.size + 1), np.nan)
    if past.size >= window:
        windows = np.lib.stride_tricks.sliding_window_view(past, window)
        for start in range(0, len(windows), _WINDOW_BLOCK):
            block = np.ascontiguousarray(windows[start : start + _WINDOW_BLOCK])
            result[:, window + start : window + start + len(block)] = statistics(block)
    return result[0], result[1]


def _ewma_deviation(past: FloatArray, window: int, decay: float) -> FloatArray:
    from scipy.signal import lfilter

    deviation = np.full(past.size + 1, np.nan)
    if past.size >= window:
        square = past**2
        start = square[:window].mean()
        variance, _ = lfilter([1 - decay], [1.0, -decay], square, zi=[decay * start])
        deviation[window:] = np.sqrt(variance[window - 1 :])
    return deviation


def _log_likelihood(misses: int, hits: int) -> float:
    """Maximised log likelihood of Bernoulli trials."""
    from scipy.special import xlogy

    total = max(misses + hits, 1)
    return float(xlogy(misses, misses / total) + xlogy(hits, hits / total))


def _likelihood_ratio(log_ratio: float, *, degrees_of_freedom: int) -> LikelihoodRatio:
    statistic = max(2.0 * float(log_ratio), 0.0)  # rounding can push an exact fit below zero
    return LikelihoodRatio(statistic, _chi_squared_tail(statistic, degrees_of_freedom=degrees_of_freedom))


def _chi_squared_tail(statistic: float, *, degrees_of_freedom: int) -> float:
    from scipy.special import chdtrc

    return float(chdtrc(degrees_of_freedom, statistic))


def _require(window: int, level: float) -> None:
    if window < 2 or not 0 < level < 0.5:
        raise ValueError(f"Value at risk needs window >= 2 and a tail level in (0, 0.5), not {window} and {level}.")
