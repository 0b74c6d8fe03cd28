# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
"""The gold table of fear and greed from silver frames."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from atlas_assets.contracts.point_in_time import as_known
from atlas_assets.sentiment import fear_greed_components as parts
from atlas_assets.sentiment.fear_greed import CRYPTO_COMPONENTS, STOCK_COMPONENTS, Component, fear_greed_index

if TYPE_CHECKING:
    import pandas as pd

VENDORS = {"stocks": "cnn", "crypto": "alternative_me"}
"""The index of ``silver.fear_greed`` that stands beside each market's own."""


def stock_fear_greed(
    bars: pd.DataFrame,
    instruments: pd.DataFrame,
    observations: pd.DataFrame,
    daily: pd.DataFrame,
    said: pd.DataFrame,
    *,
    symbol: str,
    bond_symbol: str,
    bond_yield_series: str,
    volatility_series: str,
    risky_yield_series: str,
    safe_yield_series: str,
    momentum_window: int,
    high_low_window: int,
    volatility_window: int,
    safe_haven_window: int,
    sentiment_days: int,
    minimum_instruments: int,
    look_back: int,
    minimum_history: int,
    minimum_components: int,
) -> pd.DataFrame:
    """Fear and greed of stocks.

    Parameters
    ----------
    bars
        ``silver.daily_bars`` with adjusted prices.
    instruments, observations, daily, said
        ``silver.instruments``, ``silver.macro_observations``, ``gold.daily_sentiment``, ``silver.fear_greed``.
    symbol, bond_symbol
        The market's leading instrument, whose sessions are the index's, and one of safe bonds; where that is empty,
        bonds are reckoned from their yield.
    bond_yield_series, volatility_series, risky_yield_series, safe_yield_series
        Series of the yield of ten-year bonds, of implied volatility, and of two yields.
    momentum_window, high_low_window, volatility_window, safe_haven_window
        Sessions of each component.
    sentiment_days
        UTC days of documents.
    minimum_instruments
        Equities that price strength and breadth need.
    look_back, minimum_history, minimum_components
        As in `fear_greed_index`.

    Returns
    -------
    Rows of ``gold.fear_greed_index``, without the components of crypto alone.
    """
    import pandas as pd

    sessions = parts.sessions_of(bars, symbol)
    known = parts.known_bars(bars, sessions)
    bonds = (
        parts.bond_return(known, sessions, symbol=bond_symbol, window=safe_haven_window)
        if bond_symbol
        else parts.bond_return_by_yield(observations, sessions, series=bond_yield_series, window=safe_haven_window)
    )
    equities = known[known["instrument_id"].isin(_of_type(instruments, "equity"))]
    values = {
        "momentum": parts.momentum(sessions, window=momentum_window),
        "price_strength": parts.price_strength(
            equities, sessions, window=high_low_window, minimum_instruments=minimum_instruments
        ),
        "breadth": parts.breadth(equities, sessions, minimum_instruments=minimum_instruments),
        "volatility": parts.implied_volatility(
            observations, sessions, series=volatility_series, window=volatility_window
        ),
        "safe_haven": parts.safe_haven(sessions, bonds, window=safe_haven_window),
        "junk_spread": parts.junk_spread(observations, sessions, risky=risky_yield_series, safe=safe_yield_series),
        **_tones(daily, sessions, market="stocks", days=sentiment_days),
    }
    return _index(
        sessions,
        pd.DataFrame(values, index=sessions.index),
        said,
        market="stocks",
        components=STOCK_COMPONENTS,
        look_back=look_back,
        minimum_history=minimum_history,
        minimum_components=minimum_components,
    )


def crypto_fear_greed(
    bars: pd.DataFrame,
    instruments: pd.DataFrame,
    daily: pd.DataFrame,
    said: pd.DataFrame,
    *,
    symbol: str,
    momentum_window: int,
    volatility_window: int,
    volatility_mean_window: int,
    sentiment_days: int,
    look_back: int,
    minimum_history: int,
    minimum_components: int,
) -> pd.DataFrame:
    """Fear and greed of crypto.

    Parameters
    ----------
    bars
        ``silver.daily_bars`` with adjusted prices.
    instruments, daily, said
        ``silver.instruments``, ``gold.daily_sentiment``, ``silver.fear_greed``.
    symbol
        The leading pair; those of its venue and quote currency are the whole of which dominance is a part.
    momentum_window, volatility_window, volatility_mean_window
        Days of each component.
    sentiment_days
        UTC days of documents.
    look_back, minimum_history, minimum_components
        As in `fear_greed_index`.

    Returns
    -------
    Rows of ``gold.fear_greed_index``, without the components of stocks alone.
    """
    import pandas as pd

    sessions = parts.sessions_of(bars, symbol)
    leading = instruments[instruments["instrument_id"].isin(sessions["instrument_id"])]
    beside = instruments.merge(leading[["venue", "currency"]], on=["venue", "currency"])
    known = parts.known_bars(bars[bars["instrument_id"].isin(_of_type(beside, "crypto_pair"))], sessions)
    values = {
        "momentum": parts.momentum(sessions, window=momentum_window),
        "volatility": parts.realised_volatility(sessions, window=volatility_window, mean_window=volatility_mean_window),
        "dominance": parts.dominance(known, sessions),
        **_tones(daily, sessions, market="crypto", days=sentiment_days),
    }
    return _index(
        sessions,
        pd.DataFrame(values, index=sessions.index),
        said,
        market="crypto",
        components=CRYPTO_COMPONENTS,
        look_back=look_back,
        minimum_history=minimum_history,
        minimum_components=minimum_components,
    )


def fear_greed_table(stocks: pd.DataFrame, crypto: pd.DataFrame) -> pd.DataFrame:
    """Frame of ``gold.fear_greed_index``: both markets, each without the other's own components."""
    import pandas as pd

    both = pd.concat([stocks, crypto], ignore_index=True)
    names = dict.fromkeys(one.name for one in (*STOCK_COMPONENTS, *CRYPTO_COMPONENTS))
    own = [name for component in names for name in (component, f"{component}_score")]
    return both.reindex(columns=[*both.columns.difference(own, sort=False), *own])


def agreement(table: pd.DataFrame) -> dict[str, float]:
    """Correlation of each market's index with its vendor's over the days that have both, where it is defined."""
    both = table.dropna(subset="vendor_value")
    found = {
        f"correlation_with_{VENDORS[str(market)]}": float(rows["index_value"].corr(rows["vendor_value"]))
        for market, rows in both.groupby("market")
        if len(rows) > 2
    }
    return {name: value for name, value in found.items() if math.isfinite(value)}


def last_values(table: pd.DataFrame) -> dict[str, float]:
    """Each market's last value of the index."""
    last = table.sort_values("session_date").groupby("market")["index_value"].last()
    return {f"last_of_{market}": float(value) for market, value in last.items()}


def components_present(table: pd.DataFrame) -> dict[str, list[str]]:
    """Names of the components behind each market's last value."""
    scores = [name for name in table.columns if str(name).endswith("_score")]
    last = table.sort_values("session_date").groupby("market").tail(1).set_index("market")
    return {
        str(market): [name.removesuffix("_score") for name in scores if row[name] == row[name]]
        for market, row in last[scores].iterrows()
    }


def _of_type(instruments: pd.DataFrame, instrument_type: str) -> pd.Series:
    return instruments.loc[instruments["instrument_type"] == instrument_type, "instrument_id"]


def _tones(daily: pd.DataFrame, sessions: pd.DataFrame, *, market: str, days: int) -> dict[str, pd.Series]:
    return {
        f"{name}_sentiment": parts.tone(daily, sessions, market=market, kind=kind, days=days)
        for name, kind in (("news", "article"), ("social", "post"))
    }


def _index(
    sessions: pd.DataFrame,
    values: pd.DataFrame,
    said: pd.DataFrame,
    *,
    market: str,
    components: tuple[Component, ...],
    look_back: int,
    minimum_history: int,
    minimum_components: int,
) -> pd.DataFrame:
    index = fear_greed_index(
        values,
        components=components,
        look_back=look_back,
        minimum_history=minimum_history,
        minimum_components=minimum_components,
    )
    dated = index.assign(market=market, known_at=sessions["known_at"].reindex(index.index)).reset_index()
    vendor = said.loc[
        said["index_name"] == VENDORS[market], ["session_date", "value", "classification", "published_at"]
    ].rename(columns={"value": "vendor_value", "classification": "vendor_classification"})
    return as_known(dated, vendor, on="known_at", by="session_date", columns=["vendor_value", "vendor_classification"])
