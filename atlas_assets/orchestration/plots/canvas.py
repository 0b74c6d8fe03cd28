"""The paper that every plot is drawn on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, RED, GREEN, GREY = "#1f5fa8", "#e07b20", "#c0392b", "#2e8b57", "#8a8f98"
SESSIONS_SHOWN = 500


def new_figure(
    rows: int, *, title: str, ratios: tuple[int, ...] | None = None, share_x: bool = True, height: float = 4.2
) -> tuple[Figure, list[Axes]]:
    """A figure of stacked axes that share their x axis unless told otherwise; ``ratios`` are their heights."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    style: dict[Any, Any] = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    with rc_context(style):
        figure = Figure(figsize=(9, height), layout="constrained")
        axes = figure.subplots(rows, 1, sharex=share_x and rows > 1, squeeze=False, height_ratios=ratios)
    figure.suptitle(title, fontsize=10, x=0.01, ha="left", weight="bold")
    return figure, list(axes[:, 0])


def legend(axes: Axes, *, columns: int = 1) -> None:
    """The legend, upper left."""
    axes.legend(loc="upper left", ncols=columns, fontsize=8, framealpha=0.8, edgecolor="none")


def longest(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the instrument with most of them."""
    return table[table["instrument_id"] == table["instrument_id"].value_counts().sort_index().idxmax()]
