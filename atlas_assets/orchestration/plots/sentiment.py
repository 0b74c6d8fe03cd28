"""Plots of sentiment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_assets.orchestration.plots.canvas import BLUE, GREY, legend, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def daily_sentiment(table: pd.DataFrame) -> Figure:
    """Mean tone by day above the number of documents."""
    figure, (tone, volume) = new_figure(2, title="News sentiment by day (VADER)", ratios=(3, 1))
    dates = table["session_date"]
    tone.axhline(0, color=GREY, lw=0.8)
    tone.plot(dates, table["sentiment_mean"], color=BLUE, lw=1.4, marker="o", ms=3)
    tone.fill_between(
        dates,
        table["sentiment_mean"] - table["sentiment_std"],
        table["sentiment_mean"] + table["sentiment_std"],
        color=BLUE,
        alpha=0.12,
        label="± 1 standard deviation",
    )
    tone.set(ylabel="mean compound score")
    legend(tone)
    volume.bar(dates, table["document_count"].astype(float), color=GREY)
    volume.set(ylabel="documents")
    return figure
