"""Plot of connectedness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlas_assets.orchestration.plots.canvas import BLUE, ORANGE

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_ARROWS = 30  # of the widest; more of them hide each other
WIDEST = 6.0  # points


def connectedness(table: pd.DataFrame) -> Figure:
    """The network of the last session beside the total of every session."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    last = table[table["session_date"] == table["session_date"].max()]
    with rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(9, 4.2), layout="constrained")
        network, total = figure.subplots(1, 2, width_ratios=(2, 3))
    figure.suptitle(
        f"Connectedness on {last['session_date'].iloc[0]:%Y-%m-%d} and over time",
        fontsize=10, x=0.01, ha="left", weight="bold",
    )  # fmt: skip
    _network(network, last)
    by_session = table.drop_duplicates("session_date")
    total.plot(by_session["session_date"], by_session["total"], color=BLUE, lw=1.2)
    total.set(ylabel="total connectedness, % of error variance", ylim=(0, None))
    total.tick_params(axis="x", rotation=15)
    return figure


def _network(axes: Axes, session: pd.DataFrame) -> None:
    """Variables on a circle; an arrow's width is the share of its head's error variance, a disc's size the net."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import FancyArrowPatch

    pairs = session[session["counterpart"] != "others"].nlargest(MOST_ARROWS, "transmitted").iloc[::-1]
    nodes = session[session["counterpart"] == "others"].set_index("variable")
    angles = np.pi / 2 - 2 * np.pi * np.arange(len(nodes)) / len(nodes)
    places = dict(zip(nodes.index, zip(np.cos(angles), np.sin(angles), strict=True), strict=True))
    colours = {name: BLUE if net >= 0 else ORANGE for name, net in nodes["net"].items()}
    widest = float(pairs["transmitted"].max()) or 1.0
    columns = (pairs[name] for name in ("variable", "counterpart", "transmitted"))
    for variable, counterpart, transmitted in zip(*columns, strict=True):
        width = WIDEST * transmitted / widest
        axes.add_patch(
            FancyArrowPatch(
                places[variable], places[counterpart], connectionstyle="arc3,rad=0.12",
                arrowstyle=f"-|>,head_length={3 + width / 2},head_width={1.5 + width / 3}",
                shrinkA=16, shrinkB=16, lw=max(width, 0.3), color=colours[variable], alpha=0.45,
            )
        )  # fmt: skip
    largest = float(nodes["net"].abs().max()) or 1.0
    for (name, net), place in zip(nodes["net"].items(), places.values(), strict=True):
        axes.scatter(*place, s=150 + 450 * abs(net) / largest, color=colours[name], zorder=3)
        # Beside its disc, whose radius is at most 14 points.
        across = "center" if abs(place[0]) < 0.3 else "left" if place[0] > 0 else "right"
        up = "center" if abs(place[1]) < 0.3 else "bottom" if place[1] > 0 else "top"
        away = (15 * place[0], 15 * place[1])
        axes.annotate(
            f"{name}\n{net:+.1f}", place, xytext=away, textcoords="offset points", ha=across, va=up, zorder=4,
            annotation_clip=False,
        )  # fmt: skip
    dots = [Line2D([], [], marker="o", ls="", color=colour) for colour in (BLUE, ORANGE)]
    axes.legend(
        dots, ["net transmitter", "net receiver"], loc="upper center", bbox_to_anchor=(0.5, 0.0),
        ncols=2, fontsize=8, frameon=False, title="net in % points; arrows: share of error variance",
        title_fontproperties={"size": 8},
    )  # fmt: skip
    axes.set(xlim=(-2.1, 2.1), ylim=(-1.8, 1.8), aspect="equal")
    axes.set_axis_off()
