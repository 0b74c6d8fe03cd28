"""A simulated stock market with real-looking trouble in it, and defects of which every place is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import pyarrow as pa

RECEIVED = pd.Timestamp("2024-06-01T12:00:00Z")
SPLIT_RATIOS = np.array([2.0, 3.0, 1.5, 4.0, 7.0, 10.0, 20.0, 0.5, 0.2, 0.1, 0.05])
# Of 2.5 million symbol-days.
DEFECTS = {"dropped": 2000, "decimal_slip": 1000, "repeated_day": 1000, "currency": 500, "price_level": 500}
CURRENCY_RATES = np.array([0.78, 0.85, 1.25, 1.36, 7.2, 83.0, 151.0])


@dataclass(frozen=True)
class Market:
    """What the vendor says (``bars``, ``splits``), what is true, and where the vendor is wrong (``defects``)."""

    bars: pd.DataFrame
    true_bars: pd.DataFrame
    splits: pd.DataFrame
    defects: pd.DataFrame
    crashes: pd.DataFrame

    def table(self, schema: pa.Schema) -> pa.Table:
        """The bars as rows of a raw table."""
        blank = {name: None for name in schema.names if name not in self.bars.columns}
        return pa.Table.from_pandas(self.bars.assign(**blank)[schema.names], schema=schema, preserve_index=False)


@cache
def sessions(first: str, last: str) -> pd.DatetimeIndex:
    """The sessions of New York's exchanges."""
    import exchange_calendars

    return exchange_calendars.get_calendar("XNYS", start=first, end=last).sessions


def simulate(*, symbols: int, first: str, last: str, seed: int, share: float = 1.0) -> Market:
    """Prices with changing volatility, heavy tails, crashes, takeovers, splits and quiet stocks; then defects.

    Parameters
    ----------
    share
        How many defects, in parts of `DEFECTS`.
    """
    rng = np.random.default_rng(seed)
    days = sessions(first, last)
    count = len(days)
    parts, splits, defects, crashes = [], [], [], []
    for number in range(symbols):
        symbol = f"S{number:04}.US"
        daily = rng.uniform(0.008, 0.035)
        waves = np.exp(np.cumsum(rng.normal(0, 0.03, count)) * 0.3)
        waves = np.clip(waves / np.median(waves), 0.4, 3.0)
        moves = daily * waves * rng.standard_t(4, count) / np.sqrt(2)
        spike = np.ones(count)
        for day in rng.choice(np.arange(60, count - 60), rng.poisson(3), replace=False):
            moves[day] += rng.choice([-1, 1], p=[0.8, 0.2]) * rng.uniform(0.2, 0.9)
            spike[day : day + 5] *= rng.uniform(4, 20)
            crashes.append((symbol, days[day]))
        level = np.log(rng.uniform(15, 200)) + np.cumsum(moves - moves.mean())
        gap = rng.uniform(0.2, 0.8, count)
        opening = np.concatenate([[level[0]], level[:-1] + gap[1:] * np.diff(level)])
        reach = daily * waves * rng.exponential(0.5, (2, count))
        top, bottom = np.maximum(opening, level) + reach[0], np.minimum(opening, level) - reach[1]
        volume = np.exp(rng.normal(12, 1.5) + rng.normal(0, 0.35, count)) * spike
        ratio = np.ones(count)
        for day in rng.choice(np.arange(60, count - 60), rng.poisson(1.2), replace=False):
            if spike[day - 5 : day + 5].max() > 1:
                continue
            ratio[day] = rng.choice(SPLIT_RATIOS)
            missing = rng.random() < 0.25
            (defects if missing else splits).append(
                ("missing_split", symbol, days[day]) if missing else (symbol, days[day], ratio[day])
            )
        shares = np.cumprod(ratio)
        known = {day for one, day, _ in splits if one == symbol}
        told = np.cumprod(np.where([day in known for day in days], ratio, 1))
        prices = np.exp(np.stack([opening, top, bottom, level])) / shares
        parts.append(
            pd.DataFrame(
                {
                    "symbol": symbol,
                    "date": days,
                    **dict(zip(("open", "high", "low", "close"), np.maximum(prices.round(4), 0.0001), strict=True)),
                    "volume": (volume * shares).round(),
                    "later_splits": told[-1] / told,
                }
            )
        )
    bars = pd.concat(parts, ignore_index=True)
    true_bars = bars.assign(adj_close=None, partition_date=bars["date"])
    # The vendor's volumes are split adjusted.
    bars["volume"] *= bars.pop("later_splits")
    _break(bars, defects, rng, share, count)
    told = pd.DataFrame(defects, columns=["kind", "symbol", "date"])
    bars = bars[~bars["close"].isna()].reset_index(drop=True)
    return Market(
        bars.assign(adjusted_close=None, partition_date=bars["date"], object_id="a" * 64, ingested_at=RECEIVED),
        true_bars,
        pd.DataFrame(splits, columns=["symbol", "date", "ratio"]),
        told,
        pd.DataFrame(crashes, columns=["symbol", "date"]),
    )


def _break(bars: pd.DataFrame, defects: list, rng: np.random.Generator, share: float, count: int) -> None:
    """Spoil rows at known places, no two near each other or near a missing split."""
    prices = ["open", "high", "low", "close"]
    position = {symbol: start * count for start, symbol in enumerate(bars["symbol"].unique())}
    place = dict(
        zip(sessions(str(bars["date"].min().date()), str(bars["date"].max().date())), range(count), strict=True)
    )
    taken = np.zeros(len(bars), dtype=bool)
    for _, symbol, day in defects:
        at = position[symbol] + place[day]
        taken[at - 25 : at + 25] = True
    for kind, number in DEFECTS.items():
        for _ in range(max(1, round(number * share * len(bars) / 2.5e6))):
            at = rng.integers(len(bars))
            while not 30 < at % count < count - 30 or taken[at - 3 : at + 4].any():
                at = rng.integers(len(bars))
            taken[at] = True
            defects.append((kind, bars["symbol"].iloc[at], bars["date"].iloc[at]))
            if kind == "dropped":
                bars.loc[at, "close"] = np.nan
            elif kind == "decimal_slip":
                columns = prices if rng.random() < 0.7 else ["close"]
                bars.loc[at, columns] = (
                    bars.loc[at, columns].astype(float) * 10.0 ** rng.choice([-2, -1, 1, 2])
                ).to_numpy()
            elif kind == "repeated_day":
                bars.loc[at, [*prices, "volume"]] = bars.loc[at - 1, [*prices, "volume"]].to_numpy()
            else:
                bars.loc[at, prices] = (bars.loc[at, prices].astype(float) * rng.choice(CURRENCY_RATES)).to_numpy()
