"""Plots of data quality."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_assets.orchestration.plots.canvas import BLUE, GREEN, GREY, ORANGE, RED, legend, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def reconciliation(table: pd.DataFrame) -> Figure:
    """Bars a session that each source brought, above those that something was wrong with, by month."""
    days = table.groupby(["source", "session_date"]).sum(numeric_only=True).reset_index()
    by_month = days.assign(month=days["session_date"].dt.to_period("M").dt.to_timestamp()).groupby(["source", "month"])
    figure, (came, wrong) = new_figure(2, title="Daily bars a session: received, expected (dotted), and what was wrong")
    for colour, (source, rows) in zip((BLUE, ORANGE, GREEN, RED), by_month.mean(True).groupby("source"), strict=False):
        months = rows.index.get_level_values("month")
        came.plot(months, rows["received"], color=colour, lw=1.2, label=str(source))
        came.plot(months, rows["expected"], color=colour, lw=1, ls=":")
    came.set(ylabel="bars a session", ylim=(0, 1.3 * float(days["expected"].max())))
    legend(came, columns=4)
    counted = by_month.sum(True).groupby("month").sum()
    faults = {"missing": GREY, "quarantined": RED, "different": ORANGE, "suspected": BLUE}
    for name, colour in faults.items():
        wrong.plot(counted.index, counted[name], color=colour, lw=1, marker=".", ms=3, label=name)
    wrong.set(ylabel="bars a month", ylim=(0, max(1.0, 1.3 * float(counted[list(faults)].to_numpy().max()))))
    legend(wrong, columns=4)
    return figure
