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
    legend(price, columns=3)
    rsi.plot(shown["session_date"], shown["rsi_14"], color=GREY, lw=1)
    for level in (30, 70):
        rsi.axhline(level, color=RED, lw=0.7, ls="--")
    rsi.set(ylabel="RSI 14", ylim=(0, 100))
    return figure


def vpin(table: pd.DataFrame) -> Figure:
    """VPIN of each instrument over volume time, drawn against the clock."""
    figure, (axes,) = new_figure(1, title="VPIN by volume bucket")
    for colour, (symbol, rows) in zip((BLUE, ORANGE, GREEN, RED), table.groupby("symbol"), strict=False):
        axes.plot(rows["bucket_end"], rows["vpin"], color=colour, lw=1, label=str(symbol))
    axes.set(ylabel="VPIN", ylim=(0, 1.3 * float(table["vpin"].max())))
    legend(axes)
    return figure
