"""How fast the numerical kernels are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice, product

import numpy as np
import pandas as pd
import talib

from atlas_tests.benchmarks.measure import Figure, timed

INSTRUMENTS, SESSIONS = 500, 2_500
TRADES = 1_000_000
RETURNS = 100_000
TEXTS = 100_000


def figures() -> Iterator[Figure]:
    """Models, indicators, risk, text."""
    yield _tvp_var()
    yield _vpin()
    yield _technical()
    yield _value_at_risk()
    yield _sentiment()


def _tvp_var() -> Figure:
    from atlas_assets.models.tvp_var import TVPVAR, regressors_of

    y = np.random.default_rng(1).normal(size=(SESSIONS, 4))
    model = TVPVAR(lags=2)
    prior = model.prior.initial_state(y, lags=2, intercept=True)
    x = regressors_of(y, lags=2, intercept=True)

    def loop() -> None:
        """The same matrix-normal filter, written with numpy row by row."""
        theta, c, sigma = prior.mean, prior.regressors, prior.observation
        for t, row in enumerate(y[2:]):
            r = c if t == 0 else c / model.forgetting
            e, q = row - theta @ x[t], 1 + x[t] @ r @ x[t]
            s = q * sigma
            _ = -0.5 * (len(e) * np.log(2 * np.pi) + np.linalg.slogdet(s)[1] + e @ np.linalg.solve(s, e))
            gain = r @ x[t] / q
            theta, c = theta + np.outer(e, gain), r - q * np.outer(gain, gain)
            sigma = model.covariance_decay * sigma + (1 - model.covariance_decay) * np.outer(e, e) / q

    ours = timed(lambda: model.fit(y), repetitions=7)
    return Figure(
        f"TVP-VAR(2) filter, 4 variables, {SESSIONS:,} sessions",
        ours,
        timed(loop, repetitions=3),
        "numpy, row by row",
        rate=f"{SESSIONS / ours.best:,.0f} sessions/s",
    )


def _vpin() -> Figure:
    from atlas_assets.indicators.vpin import vpin_from_trades

    rng = np.random.default_rng(2)
    time = 1_545_000_000 + np.sort(rng.uniform(0, 10 * 86_400, TRADES))
    price = 4_000 + np.cumsum(rng.choice([-0.01, 0.0, 0.01], TRADES))
    volume = rng.lognormal(size=TRADES)
    ours = timed(lambda: vpin_from_trades(time, price, volume), repetitions=7)
    return Figure(
        f"VPIN of {TRADES:,} trades",
        ours,
        timed(lambda: (time.sum(), price.sum(), volume.sum()), repetitions=7),
        "numpy sums of the three columns",
        rate=f"{TRADES / ours.best / 1e6:.0f} M trades/s",
    )


def _technical() -> Figure:
    from atlas_assets.indicators.registry import technical_indicators

    rng = np.random.default_rng(3)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, (INSTRUMENTS, SESSIONS)), axis=1))
    panel = pd.DataFrame(
        {
            "instrument_id": np.repeat([f"ins_{number:04d}" for number in range(INSTRUMENTS)], SESSIONS),
            "session_date": np.tile(pd.date_range("2010-01-01", periods=SESSIONS), INSTRUMENTS),
            "open": close.ravel(),
            "high": close.ravel() * 1.01,
            "low": close.ravel() * 0.99,
            "close": close.ravel(),
            "volume": 1e6,
        }
    )

    def loop() -> pd.DataFrame:
        """The indicators that TA-Lib has, instrument by instrument; returns and volatility are left out."""
        frames = []
        for _, rows in panel.groupby("instrument_id", sort=False):
            high, low, last = (rows[name].to_numpy() for name in ("high", "low", "close"))
            line, signal, histogram = talib.MACD(last, 12, 26, 9)
            upper, middle, lower = talib.BBANDS(last, 20, 2, 2)
            columns = {"sma_20": talib.SMA(last, 20), "sma_50": talib.SMA(last, 50), "ema_20": talib.EMA(last, 20)}
            columns |= {"rsi_14": talib.RSI(last, 14), "line": line, "signal": signal, "histogram": histogram}
            columns |= {"upper": upper, "middle": middle, "lower": lower, "atr_14": talib.ATR(high, low, last, 14)}
            frames.append(pd.DataFrame(columns, index=rows.index))
        return pd.concat(frames)

    ours = timed(lambda: technical_indicators(panel), repetitions=3)
    return Figure(
        f"13 technical indicator columns, {INSTRUMENTS} instruments of {SESSIONS:,} sessions",
        ours,
        timed(loop, repetitions=3),
        "loop over TA-Lib, 11 of the columns",
        rate=f"{INSTRUMENTS * SESSIONS / ours.best / 1e6:.1f} M bars/s",
    )


def _value_at_risk() -> Figure:
    from atlas_assets.risk_management.var import historical_var

    returns = np.random.default_rng(4).standard_t(4, RETURNS) * 0.01
    series = pd.Series(returns)
    ours = timed(lambda: historical_var(returns, window=250, level=0.05), repetitions=5)
    return Figure(
        f"historical VaR and expected shortfall, {RETURNS:,} returns, window 250",
        ours,
        timed(lambda: series.rolling(250).quantile(0.05).shift(1), repetitions=5),
        "pandas rolling quantile (VaR only)",
        rate=f"{RETURNS / ours.best:,.0f} returns/s",
    )


def _sentiment() -> Figure:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    from atlas_assets.sandbox import SandboxTransport
    from atlas_assets.sentiment.analyzer import SentimentAnalyzer

    wire = SandboxTransport(clock=datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC)).newswire
    articles = [article for feed in ("market_wire", "crypto_wire") for article in wire.articles(feed)]
    titles = [article.title for article in articles]
    summaries = list(dict.fromkeys(article.summary for article in articles))
    texts = [f"{title}. {summary}" for summary, title in islice(product(summaries, dict.fromkeys(titles)), TEXTS)]
    ours, theirs = SentimentAnalyzer(), SentimentIntensityAnalyzer()
    measured = timed(lambda: ours.score(texts), repetitions=3)
    loop = timed(lambda: [theirs.polarity_scores(text)["compound"] for text in texts], repetitions=1, warm_up=False)
    return Figure(
        f"tone of {len(texts):,} news texts (VADER)",
        measured,
        loop,
        "plain vaderSentiment loop, the same scores",
        rate=f"{len(texts) / measured.best:,.0f} texts/s",
    )
