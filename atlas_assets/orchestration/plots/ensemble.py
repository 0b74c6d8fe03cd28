"""Plot of combined forecasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_assets.orchestration.plots.canvas import BLUE, GREEN, GREY, ORANGE, RED, legend, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SHOWN = 250


def ensemble_forecasts(table: pd.DataFrame, *, coverage: float) -> Figure:
    """The last combined forecasts with their interval and what came, the forecasters' weights under them."""
    dates = table["origin_date"].drop_duplicates().tail(SHOWN)
    shown = table[table["origin_date"].isin(dates)]
    ensemble = shown[shown["forecaster"] == "ensemble"]
    wide = shown.pivot_table(index="origin_date", columns="forecaster", values="weight", observed=True)
    weights = wide[wide.mean().sort_values(ascending=False).index]
    figure, (forecast, shares) = new_figure(
        2, title=f"Ensemble: next return of {ensemble['variable'].iloc[0]}, last {len(ensemble)} origins", ratios=(2, 1)
    )
    forecast.fill_between(
        ensemble["origin_date"],
        ensemble["lower"],
        ensemble["upper"],
        color=BLUE,
        alpha=0.18,
        lw=0,
        label=f"{coverage:.0%} interval",
    )
    forecast.plot(ensemble["origin_date"], ensemble["realised"], color=GREY, lw=0.9, label="realised")
    forecast.plot(ensemble["origin_date"], ensemble["forecast"], color=BLUE, lw=1.2, label="forecast")
    outside = ensemble[(ensemble["realised"] < ensemble["lower"]) | (ensemble["realised"] > ensemble["upper"])]
    forecast.scatter(outside["origin_date"], outside["realised"], color=RED, s=9, zorder=3, label="outside")
    told = ", ".join(f"{name} {error:.4g}" for name, error in _errors(table).items())
    forecast.text(1, 1.02, f"RMSE of all origins: {told}", fontsize=8, ha="right", transform=forecast.transAxes)
    forecast.set(ylabel="log return")
    legend(forecast, columns=4)
    shares.stackplot(
        weights.index, weights.to_numpy().T, labels=weights.columns, colors=(GREY, BLUE, ORANGE, GREEN), alpha=0.75
    )
    shares.set(ylabel="weight", ylim=(0, 1))
    shares.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, frameon=False)
    return figure


def _errors(table: pd.DataFrame) -> dict[str, float]:
    """Root mean squared error of the ensemble and of the benchmark zero."""
    squared = (table["realised"] - table["forecast"]) ** 2
    means = squared.groupby(table["forecaster"], observed=True).mean()
    return {name: float(means[name] ** 0.5) for name in ("ensemble", "zero")}
