"""Plots of value at risk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlas_assets.orchestration.plots.canvas import BLUE, GREY, ORANGE, RED, SESSIONS_SHOWN, legend, longest, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def value_at_risk(table: pd.DataFrame) -> Figure:
    """Returns, the strictest value at risk of both methods, and the breaches."""
    shown = longest(table)
    shown = shown[shown["tail_probability"] == shown["tail_probability"].min()]
    probability = shown["tail_probability"].iloc[0]
    figure, (axes,) = new_figure(1, title=f"{shown['symbol'].iloc[0]}: one-day value at risk, {probability:.0%} tail")
    for colour, (method, rows) in zip((ORANGE, BLUE), shown.groupby("method"), strict=False):
        recent = rows.tail(2 * SESSIONS_SHOWN)
        axes.plot(recent["session_date"], recent["value_at_risk"], color=colour, lw=1.2, label=f"{method} VaR")
        if method == "historical":
            axes.plot(recent["session_date"], recent["log_return"], color=GREY, lw=0.5, label="log return")
            breaches = recent[recent["is_breach"].astype(bool)]
            axes.scatter(breaches["session_date"], breaches["log_return"], color=RED, s=12, zorder=3, label="breach")
    axes.set(ylabel="log return")
    legend(axes, columns=4)
    return figure


def var_backtests(table: pd.DataFrame) -> Figure:
    """Breaches seen beside breaches expected."""
    figure, (axes,) = new_figure(1, title="Value at risk: breaches seen and expected (Kupiec p-value on top)")
    described = zip(table["symbol"], table["method"], table["tail_probability"], strict=True)
    names = [f"{symbol} {method} {probability:.0%}" for symbol, method, probability in described]
    places = range(len(table))
    seen, expected = table["breaches"].astype(float), table["expected_breaches"].astype(float)
    axes.bar([place - 0.2 for place in places], seen, 0.4, color=BLUE, label="seen")
    axes.bar([place + 0.2 for place in places], expected, 0.4, color=GREY, label="expected")
    for place, height, p_value in zip(places, np.maximum(seen, expected), table["kupiec_p_value"], strict=True):
        axes.text(place, height, f"{p_value:.2g}", ha="center", va="bottom")
    axes.set_xticks(list(places), names, rotation=15, ha="right")
    legend(axes)
    return figure
