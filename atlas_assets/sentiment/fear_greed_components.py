# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
"""What the index of fear and greed is made of, each session's values from what was known at its end.

All functions take frames of silver tables and give frames indexed by session_date.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlas_assets.contracts.point_in_time import as_known
from atlas_assets.sentiment.tone import ALL

if TYPE_CHECKING:
    import pandas as pd

STALE_DAYS = {"daily": 14, "monthly": 100}
"""Days after the start of its period from which on a known value counts as missing: the series has fallen silent."""

FAST, SLOW = 19, 39  # sessions of McClellan's two averages
DOMINANCE_SESSIONS = 7
SESSIONS_A_YEAR = 252
PART_OF_WINDOW = 0.95  # of the sessions of a window that an instrument must have traded


def sessions_of(bars: pd.DataFrame, symbol: str) -> pd.DataFrame:
    """The bars of the leading instrument, with known_at: the end of the session's UTC day, or its later publication.

    Of several instruments with the symbol the one that began first counts.
    """
    import pandas as pd

    named = bars[bars["symbol"] == symbol].sort_values(["session_date", "instrument_id"])
    leader = named[named["instrument_id"] == named["instrument_id"].iloc[0]] if len(named) else named
    ends = leader["session_date"].dt.tz_localize("UTC") + pd.Timedelta(days=1)
    return leader.assign(known_at=ends.where(ends >= leader["published_at"], leader["published_at"])).set_index(
        "session_date"
    )


def known_bars(bars: pd.DataFrame, sessions: pd.DataFrame) -> pd.DataFrame:
    """The bars of the leading instrument's sessions that were published by their ends, in order."""
    times = bars["session_date"].map(sessions["known_at"])
    return bars[bars["published_at"] <= times].sort_values(["session_date", "instrument_id"])


def momentum(sessions: pd.DataFrame, *, window: int) -> pd.Series:
    """Close over its mean of the window, less 1."""
    close = sessions["close_total_return_adj"]
    return close / close.rolling(window).mean() - 1


def price_strength(bars: pd.DataFrame, sessions: pd.DataFrame, *, window: int, minimum_instruments: int) -> pd.Series:
    """Instruments that close at their highest of the window less those at their lowest, of all that could."""
    closes = bars.pivot_table(index="session_date", columns="instrument_id", values="close_split_adj")
    closes = closes.reindex(sessions.index)
    rolling = closes.rolling(window, min_periods=int(np.ceil(PART_OF_WINDOW * window)))
    highest, lowest = rolling.max(), rolling.min()
    judged = closes.notna() & highest.notna()
    count = judged.sum(axis=1)
    net = (judged & (closes >= highest)).sum(axis=1) - (judged & (closes <= lowest)).sum(axis=1)
    return (net / count).where(count >= max(minimum_instruments, 1))


def breadth(bars: pd.DataFrame, sessions: pd.DataFrame, *, minimum_instruments: int) -> pd.Series:
    """McClellan's volume summation index, of traded value.

    The running sum of the oscillator, which is the exponential mean of 19 sessions less that of 39 of the value traded
    in rising instruments less that in falling ones, as a part of both. Sessions of fewer instruments add nothing.
    """
    change = bars.groupby("instrument_id")["close_total_return_adj"].diff()
    traded = bars.assign(value=bars["close_raw"] * bars["volume_raw"], change=change).dropna(subset=["value", "change"])
    net, moved = (
        parts.groupby(traded["session_date"]).sum()
        for parts in (traded["value"] * np.sign(traded["change"]), traded["value"] * (traded["change"] != 0))
    )
    share = (net / moved.where(moved > 0)).where(traded.groupby("session_date").size() >= minimum_instruments)
    share = share.reindex(sessions.index)
    fast, slow = (share.ewm(span=span, adjust=False, ignore_na=True).mean() for span in (FAST, SLOW))
    return (fast - slow).where(share.notna()).cumsum()


def implied_volatility(observations: pd.DataFrame, sessions: pd.DataFrame, *, series: str, window: int) -> pd.Series:
    """The volatility index known at each session's end over its mean of the window, less 1."""
    known = known_value(observations, sessions, series=series, stale_days=STALE_DAYS["daily"])
    return known / known.rolling(window).mean() - 1


def realised_volatility(sessions: pd.DataFrame, *, window: int, mean_window: int) -> pd.Series:
    """Standard deviation of the window's log returns over its mean of a longer window, less 1."""
    deviation = sessions["close_total_return_adj"].transform(np.log).diff().rolling(window).std()
    mean = deviation.rolling(mean_window).mean()
    return deviation / mean.where(mean > 0) - 1


def safe_haven(sessions: pd.DataFrame, bonds: pd.Series, *, window: int) -> pd.Series:
    """Log return over the window less that of bonds."""
    return sessions["close_total_return_adj"].transform(np.log).diff(window) - bonds


def bond_return(bars: pd.DataFrame, sessions: pd.DataFrame, *, symbol: str, window: int) -> pd.Series:
    """Log return over the window of an instrument of bonds."""
    closes = bars[bars["symbol"] == symbol].groupby("session_date")["close_total_return_adj"].first()
    return closes.reindex(sessions.index).transform(np.log).diff(window)


def bond_return_by_yield(observations: pd.DataFrame, sessions: pd.DataFrame, *, series: str, window: int) -> pd.Series:
    """Return over the window of ten-year bonds at par, from their yield (percent) as known at each session's end.

    Carry less duration times the change: what the yield pays over the window, less what the price loses as it rises.
    """
    level = known_value(observations, sessions, series=series, stale_days=STALE_DAYS["daily"]) / 100
    half_years = np.arange(1, 21)
    discounts = (1 + level.to_numpy()[:, None] / 2) ** -half_years
    duration = level.where(level.isna(), 0.5 * discounts.sum(axis=1))
    return level.shift(window) * window / SESSIONS_A_YEAR - duration.shift(window) * level.diff(window)


def junk_spread(observations: pd.DataFrame, sessions: pd.DataFrame, *, risky: str, safe: str) -> pd.Series:
    """Yield of risky bonds less that of safe ones, as known at each session's end."""
    days = STALE_DAYS["monthly"]
    return known_value(observations, sessions, series=risky, stale_days=days) - known_value(
        observations, sessions, series=safe, stale_days=days
    )


def dominance(bars: pd.DataFrame, sessions: pd.DataFrame) -> pd.Series:
    """The leading instrument's part of the value traded in a week's sessions; missing where it is alone."""
    traded = bars.assign(value=bars["close_raw"] * bars["volume_raw"]).dropna(subset="value")
    own = traded[traded["instrument_id"].isin(sessions["instrument_id"])].groupby("session_date")["value"].sum()
    of_all = traded.groupby("session_date")["value"].agg(["sum", "size"]).reindex(sessions.index)
    total = of_all["sum"].where(of_all["size"] > 1)
    led, whole = (part.rolling(DOMINANCE_SESSIONS).sum() for part in (own.reindex(sessions.index), total))
    return (led / whole.where(whole > 0)).clip(0, 1)


def known_value(observations: pd.DataFrame, sessions: pd.DataFrame, *, series: str, stale_days: int) -> pd.Series:
    """The value of a series' latest period that was published by each session's end."""
    import pandas as pd

    published = observations[observations["series_id"] == series].dropna(subset="value")
    decisions = sessions[["known_at"]].reset_index()
    known = as_known(decisions, published, on="known_at", latest="period", columns=["value", "period"])
    age = known["session_date"] - pd.to_datetime(known["period"])
    fresh = known["value"].astype(np.float64).where(age <= pd.Timedelta(days=stale_days))
    return pd.Series(fresh.to_numpy(), index=sessions.index)


def tone(daily: pd.DataFrame, sessions: pd.DataFrame, *, market: str, kind: str, days: int) -> pd.Series:
    """Mean score of a market's documents of the last UTC days, each with its weight.

    Parameters
    ----------
    daily
        Frame of ``gold.daily_sentiment``; a day's documents were all published by its end.
    """
    import pandas as pd

    chosen = daily[(daily["market"] == market) & (daily["kind"] == kind) & (daily["language"] == ALL)]
    if chosen.empty or sessions.empty:
        return pd.Series(np.nan, index=sessions.index)
    by_day = chosen.set_index("session_date")
    first = min(by_day.index.min(), sessions.index.min()) - pd.Timedelta(days=days)
    calendar = pd.date_range(first, sessions.index.max())
    weight = by_day["effective_count"].astype(np.float64)
    total, weights = (
        _sum_of_days(part.reindex(calendar).fillna(0.0), days) for part in (weight * by_day["sentiment_mean"], weight)
    )
    return (total / weights.where(weights > 0)).reindex(sessions.index)


def _sum_of_days(values: pd.Series, days: int) -> pd.Series:
    """Sum of the last days, added anew for each: what a running sum leaves behind would be the tone of no documents."""
    return sum((values.shift(lag) for lag in range(1, days)), start=values)
