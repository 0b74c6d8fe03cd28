"""Trades of an instrument on days that are not all there."""

from __future__ import annotations

import numpy as np
import pandas as pd

DAYS = pd.DatetimeIndex([f"2020-03-{day:02}" for day in (2, 3, 4, 7, 8, 9, 10, 14, 15, 16)])


def trades(*, symbol="A", source="a", days=DAYS, seed=1):
    """Some sixty trades a day, some at one time, of every fourth of which the side is not known."""
    rng = np.random.default_rng(seed)
    count = 60 * len(days)
    offset = rng.integers(0, 86_400_000, count) // 5000 * 5000
    time = (days.repeat(60) + pd.to_timedelta(offset, unit="ms")).sort_values()
    return pd.DataFrame(
        {
            "instrument_id": f"ins_{symbol}",
            "symbol": symbol,
            "source": source,
            "trade_id": [f"{number:06}" for number in range(count)],
            "sequence": np.arange(count),
            "session_date": time.floor("D"),
            "event_time": time.tz_localize("UTC"),
            "price": 100 + np.cumsum(rng.choice([-0.01, 0.0, 0.01], count)),
            "quantity": rng.lognormal(0, 1, count),
            "aggressor_side": rng.choice(["buy", "sell", "buy", None], count),
            "is_suspicious": False,
        }
    )
