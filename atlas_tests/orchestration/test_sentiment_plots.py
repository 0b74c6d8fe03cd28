"""Plots of sentiment where there is much, little and nothing to draw."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from atlas_assets.orchestration.plots import sentiment as plots

DAYS = pd.date_range("2024-01-01", periods=100)
SYMBOLS = [f"S{number:02}" for number in range(20)]


def drawn(figure) -> int:
    """Lines, areas, bars and pictures of a figure; it must be possible to save it."""
    figure.savefig(io.BytesIO(), format="png")
    return sum(
        len(axes.lines) + len(axes.collections) + len(axes.containers) + len(axes.images) for axes in figure.axes
    )


def tones(**keys) -> pd.DataFrame:
    index = pd.MultiIndex.from_product(keys.values(), names=list(keys))
    random = np.random.default_rng(1)
    values = {
        "sentiment_mean": random.uniform(-1, 1, len(index)),
        "sentiment_std": 0.2,
        "effective_count": random.uniform(1, 9, len(index)),
        "vader_mean": 0.1,
    }
    return pd.DataFrame(values, index=index).reset_index()


def test_document_scores():
    random = np.random.default_rng(3)
    table = pd.DataFrame(
        {
            "kind": ["article"] * 60 + ["post"] * 40,
            "language": ["en"] * 50 + ["ja"] * 10 + ["und"] * 40,
            "score": [*random.uniform(-1, 1, 98), np.nan, np.nan],
            "vader": [*random.uniform(-1, 1, 50), *[np.nan] * 50],
        }
    )
    figure = plots.document_scores(table, threshold=0.35)
    assert drawn(figure) > 4
    news, posts = ([text.get_text() for text in panel.get_legend().get_texts()] for panel in figure.axes)
    assert news == ["English: 50", "Japanese: 10", "English, plain VADER"]
    assert posts[0] == "no language: 38"
    assert drawn(plots.document_scores(table[:3], threshold=0.35)) > 0
    assert drawn(plots.document_scores(table[:0], threshold=0.35)) == 4


def test_daily_sentiment():
    kinds = ["article", "post", "all"]
    table = tones(session_date=DAYS, market=["stocks", "crypto", "all"], kind=kinds, language=["en", "all"])
    figure = plots.daily_sentiment(table)
    assert drawn(figure) > 8
    tone = figure.axes[0]
    shown = tone.lines[1].get_xdata()
    assert len(shown) == plots.DAYS_SHOWN
    assert drawn(plots.daily_sentiment(table[table["kind"] == "post"])) > 0
    assert drawn(plots.daily_sentiment(table[:0])) == 0


def test_the_most_mentioned_instruments_come_first():
    table = tones(symbol=SYMBOLS, session_date=DAYS[:30], kind=["article", "post", "all"])
    table["effective_count"] += table["symbol"].map({symbol: 10 * n for n, symbol in enumerate(SYMBOLS)})
    figure = plots.instrument_sentiment(table)
    heat = figure.axes[0]
    labels = [label.get_text() for label in heat.get_yticklabels()]
    assert labels == SYMBOLS[::-1][: plots.INSTRUMENTS_SHOWN]
    assert heat.images[0].get_array().shape == (plots.INSTRUMENTS_SHOWN, 30)
    assert drawn(plots.instrument_sentiment(table[:3])) > 0
    assert drawn(plots.instrument_sentiment(table[:0])) == 0


@pytest.mark.parametrize("markets", [["stocks", "crypto"], ["crypto"], []])
def test_fear_and_greed(markets):
    table = tones(market=["stocks", "crypto"], session_date=DAYS).assign(
        index_value=50.0, classification="Neutral", component_count=4, vendor_value=np.nan
    )
    table.loc[table["market"] == "crypto", "vendor_value"] = 20.0
    figure = plots.fear_greed_index(table[table["market"].isin(markets)])
    lines = {line.get_label() for axes in figure.axes for line in axes.lines}
    assert lines == {f"own, {market}" for market in markets} | ({"alternative.me"} if "crypto" in markets else set())
    assert drawn(figure) == len(lines)
