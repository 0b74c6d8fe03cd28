"""Plots of regimes and groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_assets.orchestration.plots.canvas import BLUE, RED, legend, longest, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def regimes(table: pd.DataFrame) -> Figure:
    """Cumulative return with turbulent sessions shaded."""
    shown = longest(table)
    figure, (level, probability) = new_figure(2, title=f"{shown['symbol'].iloc[0]}: volatility regimes", ratios=(3, 1))
    dates, cumulative = shown["session_date"], shown["log_return"].cumsum()
    level.plot(dates, cumulative, color=BLUE, lw=1)
    turbulent = shown["regime"].to_numpy() == "turbulent"
    level.fill_between(
        dates, cumulative.min(), cumulative.max(), where=turbulent, color=RED, alpha=0.18, lw=0, label="turbulent"
    )
    level.set(ylabel="cumulative log return")
    legend(level)
    probability.fill_between(dates, 0, shown["turbulent_probability"], color=RED, alpha=0.6, lw=0)
    probability.set(ylabel="P(turbulent)", ylim=(0, 1))
    return figure
