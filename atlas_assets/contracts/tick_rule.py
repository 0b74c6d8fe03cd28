"""The tick rule, by which several domains guess who began a trade.

References
----------
Lee, Ready (1991), Inferring trade direction from intraday data, Journal of Finance 46(2).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def tick_rule(price: npt.ArrayLike) -> npt.NDArray[np.int8]:
    """Sign of each trade by the last price that was different: 1 above it (a buy), -1 below it.

    Parameters
    ----------
    price : array of shape (n_trades,), in the order of the trades

    Returns
    -------
    ndarray of shape (n_trades,); 0 until the price has moved once.

    Raises
    ------
    ValueError
        If a price is missing.
    """
    prices = np.asarray(price, dtype=np.float64)
    if prices.ndim != 1 or not np.isfinite(prices).all():
        raise ValueError("The tick rule needs a 1-d series with a price for every trade.")
    moves = np.sign(np.diff(prices, prepend=prices[:1])).astype(np.int8)
    last_move = np.maximum.accumulate(np.where(moves != 0, np.arange(prices.size), 0))
    return moves[last_move]
