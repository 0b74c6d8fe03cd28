"""What in the sandbox is real and what is made up, by ``source/dataset`` or ``source/series``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

REAL: Mapping[str, str] = MappingProxyType(
    {
        "eodhd/GSPC.INDX": "S&P 500 daily bars 1999-2018 that come with the arch package",
        "eodhd/IXIC.INDX": "NASDAQ Composite daily bars 1999-2018 that come with the arch package",
        "fred/VIXCLS": "CBOE volatility index, daily closes from 2014-01-03, from the arch package",
        "fred/DCOILWTICO": "WTI crude oil spot price, daily from 1986, from the arch package",
        "fred/CPILFESL": "US core consumer prices, monthly from 1957, from the arch package",
        "fred/AAA": "Moody's Aaa corporate yield, monthly from 1919, from the arch package",
        "fred/BAA": "Moody's Baa corporate yield, monthly from 1919, from the arch package",
        "fred/GDPC1": "US real GDP, 2005 dollars, quarterly 1959-2009, final prints, from statsmodels macrodata",
        "fred/PCECC96": "US real consumption, quarterly 1959-2009, final prints, from statsmodels macrodata",
        "fred/GPDIC1": "US real private investment, quarterly 1959-2009, final prints, from statsmodels macrodata",
        "fred/UNRATE": "US unemployment rate, quarterly 1959-2009, from statsmodels macrodata",
        "fred/TB3MS": "US three-month Treasury bill rate, quarterly 1959-2009, from statsmodels macrodata",
        "fred/CPIAUCSL": "US consumer prices, end of quarter 1959-2009, from statsmodels macrodata",
    }
)

SYNTHETIC: Mapping[str, str] = MappingProxyType(
    {
        "fred/release_dates": "release dates of every series follow a rule, not the agencies' calendars",
        "fred/GDPC1": "first and second prints are seeded revisions of the real final value",
        "fred/PCECC96": "first and second prints are seeded revisions of the real final value",
        "fred/GPDIC1": "first and second prints are seeded revisions of the real final value",
        "binance/agg_trades": "seeded simulation with known informed-trading episodes; no real prices",
        "binance/klines": "candles of the simulated trades",
        "alternative_me/fear_greed": "formula of the real VIX plus seeded noise",
        "rss/market_wire": "template news with known polarity that follows the real S&P 500",
        "rss/crypto_wire": "template news with known polarity that follows the simulated Bitcoin price",
    }
)
