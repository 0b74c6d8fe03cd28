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
        "imf/USA.CPI._T.IX.M": "US core consumer prices, monthly from 1957, from the arch package",
        "fred/CPIAUCSL": "US consumer prices, end of quarter 1959-2009, from statsmodels macrodata",
    }
)

SYNTHETIC: Mapping[str, str] = MappingProxyType(
    {
        "stocks/SPY": "a tenth of the real S&P 500, with a made-up 2-for-1 split and quarterly dividends",
        "stocks/QQQ": "a fortieth of the real NASDAQ Composite, with made-up quarterly dividends",
        "eodhd/intraday": "seeded paths between the opens, highs, lows and closes of the synthetic stocks",
        "eodhd/splits": "made-up split of the synthetic stock",
        "eodhd/dividends": "made-up dividends of the synthetic stocks",
        "eodhd/bulk_eod": "the real indices; the synthetic stocks and a made-up fund",
        "eodhd/symbols": "the real indices; the synthetic stocks, a made-up fund and a made-up delisted company",
        "alpaca/daily_bars": "sessions of the synthetic stocks, a thirty-third of the volume",
        "alpaca/minute_bars": "minutes of the synthetic stocks, a thirty-third of the volume, some left out",
        "alpaca/trades": "seeded trades at prices of the synthetic minutes",
        "tiingo/daily": "the synthetic stocks with their made-up splits and dividends",
        "tiingo/intraday": "minutes of the synthetic stocks joined, a thirty-third of the volume",
        "fred/publication": "release dates of every series follow a rule, not the agencies' calendars",
        "fred/release_dates": "release dates follow a rule, not the agencies' calendars",
        "fred/GDPC1": "first and second prints are seeded revisions of the real final value",
        "fred/PCECC96": "first and second prints are seeded revisions of the real final value",
        "fred/GPDIC1": "first and second prints are seeded revisions of the real final value",
        "binance/agg_trades": "seeded simulation with known informed-trading episodes; no real prices",
        "binance/klines": "candles of the simulated trades",
        "binance/exchange_info": "the simulated pairs, and one that was really delisted in 2018",
        "binance_dumps/agg_trades": "archives of the simulated trades; no real prices",
        "binance_dumps/trades": "archives of the simulated trades, one by one; no real prices",
        "binance_dumps/klines": "archives of the candles of the simulated trades",
        "coingecko/market_chart": "prices and volume of the simulated trades, a fixed number of coins",
        "coingecko/ohlc": "candles of the simulated trades",
        "fred/releases": "the sandbox's own series, grouped under some of FRED's real releases",
        "fred/series": "titles and units of the sandbox, dates of release by a rule",
        "fred/series_releases": "the sandbox's own series, grouped under some of FRED's real releases",
        "fred/release_schedule": "days to come are not known here: at most those of today",
        "imf/observations": "real US core prices under the key of all items, published by a rule",
        "binance/trade_stream": "the simulated trades, streamed",
        "binance/kline_stream": "candles of the simulated trades, streamed",
        "alternative_me/fear_greed": "formula of the real VIX plus seeded noise",
        "fivech/posts": "template news as posts of two boards; some are removed, some are broken as in real life",
        "fivech/threads": "a thread a day on each of two boards",
        "gdelt/articles": "template news, each story in several made-up outlets",
        "gdelt_files/documents": "template news in several made-up outlets, its tone from the known polarity",
        "newsapi/articles": "template news from made-up publishers",
        "reddit/posts": "template news as posts of two subreddits, with seeded votes",
        "rss/market_wire": "template news with known polarity that follows the real S&P 500",
        "rss/crypto_wire": "template news with known polarity that follows the simulated Bitcoin price",
        "x/posts": "template news as posts, with seeded counts",
    }
)
