"""Plots of fitted models and forecasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_assets.orchestration.plots.canvas import BLUE, GREEN, GREY, ORANGE, RED, legend, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def tvp_var_fit(table: pd.DataFrame) -> Figure:
    """Paths of the first lag's own coefficients, and of the forgetting factor where it adapts."""
    adapts = table[table["parameter"] == "forgetting"].drop_duplicates("session_date")
    figure, (axes, *below) = new_figure(
        1 if adapts.empty else 2,
        title="TVP-VAR: own first-lag coefficients over time",
        ratios=None if adapts.empty else (3, 1),
    )
    own = table[table["parameter"] == "lag1." + table["equation"]]
    for colour, (equation, rows) in zip((BLUE, ORANGE, GREEN, RED), own.groupby("equation"), strict=False):
        axes.plot(rows["session_date"], rows["value"], color=colour, lw=1.2, label=str(equation))
    axes.axhline(0, color=GREY, lw=0.8)
    axes.set(ylabel="coefficient")
    for factor in below:
        factor.plot(adapts["session_date"], adapts["value"], color=GREY, lw=1)
        factor.set(ylabel="mean λ")
    legend(axes, columns=4)
    return figure


def tvp_var_forecasts(table: pd.DataFrame) -> Figure:
    """The path ahead of the first variable as a fan, after what came."""
    variable = table["variable"].iloc[0]
    rows = table[table["variable"] == variable]
    past = rows[rows["realised"].notna() & (rows["horizon"] == 1)].tail(60).reset_index(drop=True)
    ahead = rows[rows["origin_date"] == rows["origin_date"].max()].sort_values("horizon")
    figure, (axes,) = new_figure(1, title=f"TVP-VAR: {variable}, last 60 sessions and the path ahead")
    axes.plot(past.index - len(past) + 1, past["realised"], color=GREY, lw=1, label="realised")
    axes.plot(past.index - len(past) + 1, past["forecast"], color=BLUE, lw=1, label="one-step forecast")
    axes.plot(ahead["horizon"], ahead["forecast"], color=ORANGE, lw=1.4, marker="o", ms=3, label="forecast ahead")
    for width, alpha, covered in ((1.0, 0.25, "68 %"), (1.645, 0.15, "90 %")):
        axes.fill_between(
            ahead["horizon"].astype(float),
            ahead["forecast"] - width * ahead["standard_error"],
            ahead["forecast"] + width * ahead["standard_error"],
            color=ORANGE,
            alpha=alpha,
            lw=0,
            label=covered,
        )
    axes.set(xlabel="sessions from the last origin", ylabel="log return")
    legend(axes, columns=5)
    return figure


def dma_fit(table: pd.DataFrame) -> Figure:
    """Inclusion probabilities as a heat map, regressors over sessions."""
    inclusion = table[table["parameter"].str.startswith("inclusion.")]
    wide = inclusion.pivot_table(index="parameter", columns="origin_date", values="value")
    figure, (axes,) = new_figure(1, title="DMA: probability that a regressor is in")
    shades = axes.imshow(wide.to_numpy(), aspect="auto", cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    axes.set_yticks(range(len(wide)), [str(name).removeprefix("inclusion.") for name in wide.index])
    places = [round(place * (wide.shape[1] - 1) / 4) for place in range(5)]
    axes.set_xticks(places, [f"{wide.columns[place]:%Y-%m-%d}" for place in places])
    axes.set(xlabel="last session known")
    figure.colorbar(shades, ax=axes, label="inclusion probability")
    return figure


def dma_forecasts(table: pd.DataFrame) -> Figure:
    """The last forecasts with a band of 90 %, beside what came."""
    rows = table.tail(120).reset_index(drop=True)
    figure, (axes,) = new_figure(1, title=f"DMA: next return of {rows['variable'].iloc[0]}, last {len(rows)} origins")
    dates, band = rows["origin_date"], 1.645 * rows["standard_error"]
    axes.plot(dates, rows["realised"], color=GREY, lw=1, label="realised")
    axes.plot(dates, rows["forecast"], color=BLUE, lw=1.2, label="forecast")
    axes.fill_between(
        dates, rows["forecast"] - band, rows["forecast"] + band, color=BLUE, alpha=0.15, lw=0, label="90 %"
    )
    axes.set(xlabel="last session known", ylabel="log return of the next session")
    legend(axes, columns=3)
    return figure
