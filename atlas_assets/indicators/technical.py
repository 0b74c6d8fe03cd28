"""Technical indicators of one instrument's bars; :mod:`atlas_assets.indicators.registry` runs them over panels.

Every function takes float arrays of shape ``(n_bars,)`` in time order and returns arrays of the same shape.

Missing values: a bar with a missing (NaN or infinite) input gives NaN and is otherwise skipped, so an indicator
runs over the instrument's finite bars. (TA-Lib itself would spread one NaN over the rest of the history.)
Without gaps, values and the number of leading NaN equal TA-Lib's.
"""

# TA-Lib carries no static types.
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]

_WINDOW_BLOCK = 65_536  # rolling windows copied at a time: bounds memory, changes no value


class MACD(NamedTuple):
    """Moving average convergence/divergence, each of shape ``(n_bars,)``, in price units."""

    line: FloatArray
    signal: FloatArray
    histogram: FloatArray


class BollingerBands(NamedTuple):
    """Bollinger bands, each of shape ``(n_bars,)``, in price units."""

    upper: FloatArray
    middle: FloatArray
    lower: FloatArray


def log_return(close: npt.ArrayLike) -> FloatArray:
    r"""Log return between consecutive available closes, :math:`r_t = \ln(P_t / P_{t-1})`.

    Parameters
    ----------
    close : array of shape (n_bars,), price
        A close that is missing or not positive gives NaN; the next return then spans the gap.

    Returns
    -------
    ndarray of shape (n_bars,), fraction; the first value is NaN.
    """
    prices = np.asarray(close, dtype=np.float64)
    positive = np.where(prices > 0, prices, np.nan)
    return _on_finite_bars(_log_return, positive)


def sma(close: npt.ArrayLike, *, window: int) -> FloatArray:
    r"""Mean of the last closes (simple moving average), :math:`\frac{1}{n}\sum_{i=0}^{n-1} P_{t-i}`.

    Returns an ndarray of shape (n_bars,), price; ``window - 1`` leading NaN.
    """
    import talib

    _require_window(window)
    return _on_finite_bars(lambda price: talib.SMA(price, window), close)


def ema(close: npt.ArrayLike, *, window: int) -> FloatArray:
    r"""Exponential moving average, :math:`E_t = E_{t-1} + \frac{2}{n+1}(P_t - E_{t-1})`.

    The recursion starts from the simple average of the first ``window`` prices.
    Returns an ndarray of shape (n_bars,), price; ``window - 1`` leading NaN.
    """
    import talib

    _require_window(window)
    return _on_finite_bars(lambda price: talib.EMA(price, window), close)


def rsi(close: npt.ArrayLike, *, window: int = 14) -> FloatArray:
    r"""Relative strength index, :math:`100\,\bar U_t / (\bar U_t + \bar D_t)`.

    :math:`\bar U, \bar D` are Wilder averages, :math:`A_t = A_{t-1} + (x_t - A_{t-1})/n`, of upward and downward
    price changes. A series that never moves has RSI 0, as in TA-Lib.
    Returns an ndarray of shape (n_bars,), 0 to 100; ``window`` leading NaN.

    References
    ----------
    Wilder (1978), New Concepts in Technical Trading Systems.
    """
    import talib

    _require_window(window)
    return _on_finite_bars(lambda price: talib.RSI(price, window), close)


def macd(close: npt.ArrayLike, *, fast: int = 12, slow: int = 26, signal: int = 9) -> MACD:
    r"""Convergence and divergence of moving averages (MACD).

    .. math:: M_t = E^{fast}_t - E^{slow}_t, \quad S_t = E^{signal}(M)_t, \quad H_t = M_t - S_t

    Returns a :class:`MACD` of arrays of shape (n_bars,), price; ``slow + signal - 2`` leading NaN in all three.
    Raises ``ValueError`` unless ``fast < slow``.
    """
    import talib

    for window in (fast, slow, signal):
        _require_window(window)
    if fast >= slow:
        raise ValueError(f"macd: fast ({fast}) must be shorter than slow ({slow}).")
    lines = _on_finite_bars(lambda price: np.vstack(talib.MACD(price, fast, slow, signal)), close, outputs=3)
    return MACD(*lines)


def bollinger(close: npt.ArrayLike, *, window: int = 20, width: float = 2.0) -> BollingerBands:
    r"""Bollinger bands, :math:`\bar P_t \pm k s_t`, with the population deviation ``s`` (``ddof=0``) of the window.

    Returns a :class:`BollingerBands` of arrays of shape (n_bars,), price; ``window - 1`` leading NaN.

    References
    ----------
    Bollinger (2001), Bollinger on Bollinger Bands.
    """
    import talib

    _require_window(window)
    lines = _on_finite_bars(lambda price: np.vstack(talib.BBANDS(price, window, width, width)), close, outputs=3)
    return BollingerBands(*lines)


def atr(high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, *, window: int = 14) -> FloatArray:
    r"""Average true range: the Wilder average of :math:`\max(H_t, C_{t-1}) - \min(L_t, C_{t-1})`.

    Returns an ndarray of shape (n_bars,), price; ``window`` leading NaN.

    References
    ----------
    Wilder (1978), New Concepts in Technical Trading Systems.
    """
    import talib

    _require_window(window)
    return _on_finite_bars(lambda top, bottom, last: talib.ATR(top, bottom, last, window), high, low, close)


def realised_volatility(close: npt.ArrayLike, *, window: int = 20, periods_per_year: float = 252) -> FloatArray:
    r"""Annualised sample deviation of the last ``window`` log returns.

    .. math:: \sigma_t = \sqrt{\frac{A}{n-1} \sum_{i=0}^{n-1} (r_{t-i} - \bar r_t)^2}

    with :math:`A` = ``periods_per_year``.
    Returns an ndarray of shape (n_bars,), fraction a year; ``window`` leading NaN. A close that is missing or not
    positive gives NaN.
    """
    _require_window(window)

    def deviation(returns: FloatArray) -> FloatArray:
        result = np.full(returns.size, np.nan)
        windows = np.lib.stride_tricks.sliding_window_view(returns, window) if returns.size >= window else returns[:0]
        for start in range(0, len(windows), _WINDOW_BLOCK):
            block = np.ascontiguousarray(windows[start : start + _WINDOW_BLOCK])
            result[window - 1 + start :][: len(block)] = block.std(axis=1, ddof=1)
        return result

    return _on_finite_bars(deviation, log_return(close)) * np.sqrt(periods_per_year)


def of_talib(name: str, *, outputs: int = 1) -> Callable[..., FloatArray]:
    """The indicator of that name in TA-Lib; it takes TA-Lib's inputs, and TA-Lib's parameters by name."""

    def indicator(*inputs: npt.ArrayLike, **parameters: float) -> FloatArray:
        import talib

        function = getattr(talib, name)
        return _on_finite_bars(lambda *bars: np.asarray(function(*bars, **parameters)), *inputs, outputs=outputs)

    return indicator


def _log_return(prices: FloatArray) -> FloatArray:
    return np.diff(np.log(prices), prepend=np.nan)


def _require_window(window: int) -> None:
    if window < 2:
        raise ValueError(f"An indicator's window must be at least 2 bars, not {window}.")


def _on_finite_bars(function: Callable[..., FloatArray], *inputs: npt.ArrayLike, outputs: int = 1) -> FloatArray:
    """Apply ``function`` to the bars where all inputs are finite; NaN elsewhere."""
    arrays = [np.ascontiguousarray(values, dtype=np.float64) for values in inputs]
    if any(array.ndim != 1 or array.shape != arrays[0].shape for array in arrays):
        raise ValueError(f"An indicator's inputs must be 1-d and equally long, not {[a.shape for a in arrays]}.")
    finite = np.logical_and.reduce([np.isfinite(array) for array in arrays])
    if finite.all() and finite.size:
        return function(*arrays)
    shape = finite.shape if outputs == 1 else (outputs, *finite.shape)
    result = np.full(shape, np.nan)
    if finite.any():
        result[..., finite] = function(*(array[finite] for array in arrays))
    return result
