"""Plots of indicators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_assets.orchestration.plots.canvas import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    SESSIONS_SHOWN,
    legend,
    longest,
    new_figure,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

INSTRUMENTS_SHOWN = 3


def technical_indicators(table: pd.DataFrame) -> Figure:
    """Price with Bollinger bands above RSI, the longest series, last two years."""
    shown = longest(table).tail(SESSIONS_SHOWN)
    figure, (price, rsi) = new_figure(
        2, title=f"{shown['symbol'].iloc[0]}: close, Bollinger bands and RSI", ratios=(3, 1)
    )
    price.plot(shown["session_date"], shown["close_split_adj"], color=BLUE, lw=1.2, label="close")
    price.plot(shown["session_date"], shown["sma_50"], color=ORANGE, lw=1, label="SMA 50")
    price.fill_between(
        shown["session_date"],
        shown["bollinger_lower_20"],
        shown["bollinger_upper_20"],
        color=BLUE,
        alpha=0.12,
        label="Bollinger 20",
    )
    price.set(ylabel="price, split-adjusted")
    legend(price, columns=3)
    rsi.plot(shown["session_date"], shown["rsi_14"], color=GREY, lw=1)
    for level in (30, 70):
        rsi.axhline(level, color=RED, lw=0.7, ls="--")
    rsi.set(ylabel="RSI 14", ylim=(0, 100))
    return figure


def vpin(table: pd.DataFrame, *, toxic_percentile: float) -> Figure:
    """VPIN of the instruments with most buckets above its trailing percentile, toxic episodes shaded."""
    from matplotlib.dates import AutoDateLocator

    figure, (level, rank) = new_figure(
        2, title="VPIN by volume bucket and its trailing percentile, toxic episodes shaded", ratios=(3, 2)
    )
    shown = table["symbol"].value_counts().sort_index().nlargest(INSTRUMENTS_SHOWN, keep="first").index
    for colour, symbol in zip((BLUE, ORANGE, GREEN), shown, strict=False):
        rows = table[table["symbol"] == symbol]
        ends = rows["bucket_end"]
        level.plot(ends, rows["vpin"], color=colour, lw=1, label=str(symbol))
        rank.plot(ends, rows["vpin_percentile"], color=colour, lw=0.8)
        for _, episode in rows[rows["toxic_episode"] > 0].groupby("toxic_episode"):
            for axes in (level, rank):
                axes.axvspan(episode["bucket_end"].iloc[0], episode["bucket_end"].iloc[-1], color=colour, alpha=0.25)
    rank.axhline(toxic_percentile, color=RED, lw=0.8, ls="--")
    # Room for the legend; the first buckets of all have no VPIN yet, and one of balanced volumes is 0.
    highest = 1.3 * float(table["vpin"].max())
    level.set(ylabel="VPIN", ylim=(0, highest if highest > 0 else 1.0))
    rank.set(ylabel="percentile", ylim=(0, 1.02))
    # A label of each month's first day besides would lie over its neighbour.
    rank.xaxis.set_major_locator(AutoDateLocator(interval_multiples=False))
    legend(level, columns=3)
    return figure
