"""Plots of regimes, states and groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlas_assets.orchestration.plots.canvas import BLUE, GREEN, GREY, ORANGE, RED, legend, longest, new_figure

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    from matplotlib.axes import Axes
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
    if (training := dates[shown["in_sample"].to_numpy(dtype=bool)]).size:
        for number, axes in enumerate((level, probability)):
            end = "" if number else "end of the training sample"
            axes.axvline(training.max(), color="black", lw=0.9, ls="--", label=end)
    level.set(ylabel="cumulative log return")
    _legend_above(level)
    probability.fill_between(dates, 0, shown["turbulent_probability"], color=RED, alpha=0.6, lw=0)
    probability.set(ylabel="P(turbulent)", ylim=(0, 1))
    return figure


_SHADES = {"moderate": (ORANGE, 0.1), "unsettled": (ORANGE, 0.25), "turbulent": (RED, 0.3)}


def market_states(table: pd.DataFrame) -> Figure:
    """Cumulative return with states shaded and change points marked, above the probabilities."""
    shown = longest(table)
    figure, (level, probability) = new_figure(
        2, title=f"{shown['symbol'].iloc[0]}: hidden Markov states and change points", ratios=(3, 1)
    )
    dates, cumulative = shown["session_date"], shown["log_return"].cumsum()
    for regime, (colour, alpha) in _SHADES.items():
        inside = shown["regime"].to_numpy() == regime
        if inside.any():
            level.fill_between(
                dates, 0, 1, where=inside, color=colour, alpha=alpha, lw=0, step="mid", label=regime,
                transform=level.get_xaxis_transform(),
            )  # fmt: skip
    level.plot(dates, cumulative, color=BLUE, lw=1, label="return")
    for number, day in enumerate(dates[shown["is_change_point"].to_numpy(dtype=bool)]):
        level.axvline(day, color="black", lw=0.9, ls="--", label="" if number else "change point")
    level.set(ylabel="cumulative log return")
    _legend_above(level)
    probability.fill_between(dates, 0, shown["turbulent_probability"], color=RED, alpha=0.5, lw=0, label="turbulent")
    probability.plot(dates, shown["change_probability"], color="black", lw=0.8, label="recent change")
    probability.set(ylabel="probability", ylim=(0, 1))
    _legend_above(probability)
    return figure


def _legend_above(axes: Axes) -> None:
    """The legend over the axes: what is shaded from top to bottom has no room for one."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=5, fontsize=8, frameon=False, borderaxespad=0.2)


_SIZES = {"small": BLUE, "medium": ORANGE, "large": RED}
_DAYS_SHOWN = 90


def order_flow_features(table: pd.DataFrame) -> Figure:
    """Volume by day and time of day, above each day's imbalance of small, medium and large trades."""
    import pandas as pd

    rows = longest(table)
    day = rows["bucket_start"].dt.floor("D").dt.tz_localize(None)
    recent = day > day.max() - pd.Timedelta(days=_DAYS_SHOWN)
    shown, day = rows[recent], day[recent]
    figure, (volume, imbalance) = new_figure(
        2, title=f"{shown['symbol'].iloc[0]}: order flow by time of day and size of trade", ratios=(1, 1), height=5.0
    )
    hours = pd.crosstab(shown["bucket_start"].dt.hour, day, values=shown["volume"], aggfunc="sum")
    days = pd.date_range(day.min(), day.max())
    drawn = volume.pcolormesh(
        days.union([days[-1] + pd.Timedelta(days=1)]),
        np.arange(25),
        np.log10(hours.reindex(index=range(24), columns=days)),
        cmap="viridis",
    )
    volume.set(ylabel="hour (UTC)", yticks=range(0, 25, 6))
    figure.colorbar(drawn, ax=[volume, imbalance], label="volume an hour, base units, log10", pad=0.01, aspect=40)
    for size, colour in _SIZES.items():
        traded = shown["volume"] * shown[f"volume_share_{size}"]
        daily = (traded * shown[f"imbalance_{size}"]).groupby(day).sum() / traded.groupby(day).sum()
        imbalance.plot(daily.index + pd.Timedelta(hours=12), daily, color=colour, lw=1.2, marker=".", label=size)
    imbalance.axhline(0, color="black", lw=0.6)
    imbalance.set(ylabel="imbalance of the day")
    imbalance.margins(y=0.25)
    imbalance.tick_params(axis="x", labelsize=8)
    legend(imbalance, columns=3)
    return figure


_CLUSTER_COLOURS = (BLUE, ORANGE, GREEN, RED, "#7d5ba6", "#8c6d31", "#17a2b8", "#d36ba6")
_BUCKETS_ON_THE_MAP = 300
_FEATURES = (
    "log_mean_trade_size", "log_volume", "imbalance_small", "imbalance_medium", "imbalance_large", "duration_variation",
)  # fmt: skip


def order_flow_clusters(table: pd.DataFrame) -> Figure:
    """The last buckets on the two axes that tell the clusters best apart, above each day's shares."""
    shown = longest(table)
    figure, (plane, shares) = new_figure(
        2, title=f"{shown['symbol'].iloc[0]}: clusters of order flow", ratios=(3, 1), share_x=False, height=5.6
    )
    last = shown.tail(_BUCKETS_ON_THE_MAP)
    places, (across, up) = _discriminants(last)
    for cluster in sorted(last["cluster"].unique().tolist()):
        colour, inside = _colour(cluster), (last["cluster"] == cluster).to_numpy()
        label = f"{cluster}: {last['behaviour'][inside].iloc[-1]}"
        plane.scatter(*places[inside].T, s=14, color=colour, alpha=0.65, lw=0, label=label)
        plane.plot(*places[inside].mean(axis=0), marker="X", ms=9, color=colour, mec="black")
    plane.set(xlabel=across, ylabel=up.replace("  ", "\n"))
    plane.set_title(
        f"the last {len(last)} buckets, named by the fit of {last['fitted_until'].max():%Y-%m-%d}", fontsize=8
    )
    plane.margins(y=0.3)
    legend(plane, columns=3)
    _shares_by_day(shares, shown)
    return figure


def _discriminants(rows: pd.DataFrame) -> tuple[npt.NDArray[np.float64], tuple[str, str]]:
    """The two directions (Fisher's) that part the clusters most, for each bucket, and what they are made of."""
    features = rows[list(_FEATURES)]
    spread = features.std().where(lambda deviation: deviation > 0, 1.0)
    standardised = (features - features.mean()) / spread
    means = standardised.groupby(rows["cluster"]).transform("mean")
    within = _covariance(standardised - means) + 1e-6 * np.eye(len(_FEATURES))
    # Directions of the between-cluster covariance where the covariance within clusters is a unit sphere.
    sphere = np.linalg.inv(np.linalg.cholesky(within))
    _, directions = np.linalg.eigh(sphere @ _covariance(means) @ sphere.T)
    weights = np.asarray(sphere.T @ directions[:, :-3:-1], dtype=np.float64)
    weights *= np.sign(weights[np.abs(weights).argmax(axis=0), [0, 1]])
    names = [_made_of(weights[:, axis]) for axis in (0, 1)]
    return np.asarray(standardised.to_numpy() @ weights, dtype=np.float64), (names[0], names[1])


def _covariance(rows: pd.DataFrame) -> npt.NDArray[np.float64]:
    values = rows.to_numpy(dtype=np.float64)
    return np.asarray(values.T @ values / len(values), dtype=np.float64)


def _made_of(weights: npt.NDArray[np.float64]) -> str:
    order = np.argsort(-np.abs(weights))[:3]
    parts = [f"{weights[place]:+.1f} {_FEATURES[place].replace('_', ' ')}" for place in order]
    return "  ".join(parts).replace("-", "\N{MINUS SIGN}")


def _shares_by_day(axes: Axes, rows: pd.DataFrame) -> None:
    import pandas as pd

    share = pd.crosstab(rows["bucket_start"].dt.floor("D"), rows["cluster"], normalize="index")
    below = 0.0
    for cluster in share.columns:
        axes.bar(
            share.index, share[cluster], bottom=below, width=0.9, align="edge", color=_colour(int(cluster)), alpha=0.75
        )
        below = below + share[cluster]
    for fit in rows["fitted_until"].unique():
        axes.axvline(fit, color="black", lw=0.9, ls=":")
    axes.set(ylabel="share of the day", ylim=(0, 1), xlabel="dotted: fits")


def _colour(cluster: int) -> str:
    return GREY if cluster < 0 else _CLUSTER_COLOURS[cluster % len(_CLUSTER_COLOURS)]


def behaviour_deviation(table: pd.DataFrame) -> Figure:
    """Price with unusual buckets marked, above the distance and its threshold."""
    shown = longest(table)
    unusual = shown[shown["is_unusual"].astype(bool)]
    title = f"{shown['symbol'].iloc[0]}: unusual order flow, {len(unusual)} of {len(shown)} buckets"
    figure, (price, distance) = new_figure(2, title=title, ratios=(3, 2))
    price.plot(shown["bucket_end"], shown["close"], color=BLUE, lw=0.9)
    price.scatter(unusual["bucket_end"], unusual["close"], s=26, color=RED, zorder=3, label="unusual bucket")
    price.set(ylabel="price")
    legend(price)
    distance.plot(shown["bucket_end"], shown["distance"], color=GREY, lw=0.7, label="robust distance")
    distance.step(shown["bucket_end"], shown["threshold"], color=RED, lw=1, ls="--", where="post", label="threshold")
    distance.scatter(unusual["bucket_end"], unusual["distance"], s=16, color=RED, zorder=3)
    distance.set(ylabel="distance, deviations", ylim=(0, None))
    distance.margins(y=0.2)
    legend(distance, columns=2)
    return figure
