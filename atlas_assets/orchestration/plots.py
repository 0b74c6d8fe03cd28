"""One plot for each gold table and for the reconciliation: what a person would look at first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, RED, GREEN, GREY = "#1f5fa8", "#e07b20", "#c0392b", "#2e8b57", "#8a8f98"
SESSIONS_SHOWN = 500


def technical_indicators(table: pd.DataFrame) -> Figure:
    """Price with Bollinger bands above RSI, the longest series, last two years."""
    shown = _longest(table).tail(SESSIONS_SHOWN)
    figure, (price, rsi) = _figure(2, title=f"{shown['symbol'].iloc[0]}: close, Bollinger bands and RSI", ratios=(3, 1))
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
    _legend(price, columns=3)
    rsi.plot(shown["session_date"], shown["rsi_14"], color=GREY, lw=1)
    for level in (30, 70):
        rsi.axhline(level, color=RED, lw=0.7, ls="--")
    rsi.set(ylabel="RSI 14", ylim=(0, 100))
    return figure


def vpin(table: pd.DataFrame) -> Figure:
    """VPIN of each instrument over volume time, drawn against the clock."""
    figure, (axes,) = _figure(1, title="VPIN by volume bucket")
    for colour, (symbol, rows) in zip((BLUE, ORANGE, GREEN, RED), table.groupby("symbol"), strict=False):
        axes.plot(rows["bucket_end"], rows["vpin"], color=colour, lw=1, label=str(symbol))
    axes.set(ylabel="VPIN", ylim=(0, 1.3 * float(table["vpin"].max())))
    _legend(axes)
    return figure


def regimes(table: pd.DataFrame) -> Figure:
    """Cumulative return with turbulent sessions shaded."""
    shown = _longest(table)
    figure, (level, probability) = _figure(2, title=f"{shown['symbol'].iloc[0]}: volatility regimes", ratios=(3, 1))
    dates, cumulative = shown["session_date"], shown["log_return"].cumsum()
    level.plot(dates, cumulative, color=BLUE, lw=1)
    turbulent = shown["regime"].to_numpy() == "turbulent"
    level.fill_between(
        dates, cumulative.min(), cumulative.max(), where=turbulent, color=RED, alpha=0.18, lw=0, label="turbulent"
    )
    level.set(ylabel="cumulative log return")
    _legend(level)
    probability.fill_between(dates, 0, shown["turbulent_probability"], color=RED, alpha=0.6, lw=0)
    probability.set(ylabel="P(turbulent)", ylim=(0, 1))
    return figure


def daily_sentiment(table: pd.DataFrame) -> Figure:
    """Mean tone by day above the number of documents."""
    figure, (tone, volume) = _figure(2, title="News sentiment by day (VADER)", ratios=(3, 1))
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
    _legend(tone)
    volume.bar(dates, table["document_count"].astype(float), color=GREY)
    volume.set(ylabel="documents")
    return figure


def tvp_var_fit(table: pd.DataFrame) -> Figure:
    """Paths of the first lag's own coefficients."""
    figure, (axes,) = _figure(1, title="TVP-VAR: own first-lag coefficients over time")
    own = table[table["parameter"] == "lag1." + table["equation"]]
    for colour, (equation, rows) in zip((BLUE, ORANGE, GREEN, RED), own.groupby("equation"), strict=False):
        axes.plot(rows["session_date"], rows["value"], color=colour, lw=1.2, label=str(equation))
    axes.axhline(0, color=GREY, lw=0.8)
    _legend(axes, columns=4)
    return figure


def tvp_var_forecasts(table: pd.DataFrame) -> Figure:
    """The path ahead of the first variable as a fan, after what came."""
    variable = table["variable"].iloc[0]
    rows = table[table["variable"] == variable]
    past = rows[rows["realised"].notna() & (rows["horizon"] == 1)].tail(60).reset_index(drop=True)
    ahead = rows[rows["origin_date"] == rows["origin_date"].max()].sort_values("horizon")
    figure, (axes,) = _figure(1, title=f"TVP-VAR: {variable}, last 60 sessions and the path ahead")
    axes.plot(past.index - len(past) + 1, past["realised"], color=GREY, lw=1, label="realised")
    axes.plot(past.index - len(past) + 1, past["forecast"], color=BLUE, lw=1, label="one-step forecast")
    axes.plot(ahead["horizon"], ahead["forecast"], color=ORANGE, lw=1.4, marker="o", ms=3, label="forecast ahead")
    for width, alpha in ((1.0, 0.25), (1.645, 0.15)):
        axes.fill_between(
            ahead["horizon"].astype(float),
            ahead["forecast"] - width * ahead["standard_error"],
            ahead["forecast"] + width * ahead["standard_error"],
            color=ORANGE,
            alpha=alpha,
            lw=0,
        )
    axes.set(xlabel="sessions from the last origin", ylabel="log return")
    _legend(axes, columns=3)
    return figure


def dma_fit(table: pd.DataFrame) -> Figure:
    """Inclusion probabilities as a heat map, regressors over sessions."""
    inclusion = table[table["parameter"].str.startswith("inclusion.")]
    wide = inclusion.pivot_table(index="parameter", columns="origin_date", values="value", sort=False)
    figure, (axes,) = _figure(1, title="DMA: probability that a regressor is in")
    shades = axes.imshow(wide.to_numpy(), aspect="auto", cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    axes.set_yticks(range(len(wide)), [str(name).removeprefix("inclusion.") for name in wide.index])
    places = [round(place * (wide.shape[1] - 1) / 4) for place in range(5)]
    axes.set_xticks(places, [f"{wide.columns[place]:%Y-%m-%d}" for place in places])
    figure.colorbar(shades, ax=axes)
    return figure


def dma_forecasts(table: pd.DataFrame) -> Figure:
    """The last forecasts with a band of 90 %, beside what came."""
    rows = table.tail(120).reset_index(drop=True)
    figure, (axes,) = _figure(1, title=f"DMA: next return of {rows['variable'].iloc[0]}, last {len(rows)} origins")
    dates, band = rows["origin_date"], 1.645 * rows["standard_error"]
    axes.plot(dates, rows["realised"], color=GREY, lw=1, label="realised")
    axes.plot(dates, rows["forecast"], color=BLUE, lw=1.2, label="forecast")
    axes.fill_between(dates, rows["forecast"] - band, rows["forecast"] + band, color=BLUE, alpha=0.15, lw=0)
    axes.set(ylabel="log return")
    _legend(axes, columns=2)
    return figure


def value_at_risk(table: pd.DataFrame) -> Figure:
    """Returns, the strictest value at risk of both methods, and the breaches."""
    shown = _longest(table)
    shown = shown[shown["tail_probability"] == shown["tail_probability"].min()]
    probability = shown["tail_probability"].iloc[0]
    figure, (axes,) = _figure(1, title=f"{shown['symbol'].iloc[0]}: one-day value at risk, {probability:.0%} tail")
    for colour, (method, rows) in zip((ORANGE, BLUE), shown.groupby("method"), strict=False):
        recent = rows.tail(2 * SESSIONS_SHOWN)
        axes.plot(recent["session_date"], recent["value_at_risk"], color=colour, lw=1.2, label=f"{method} VaR")
        if method == "historical":
            axes.plot(recent["session_date"], recent["log_return"], color=GREY, lw=0.5, label="log return")
            breaches = recent[recent["is_breach"].astype(bool)]
            axes.scatter(breaches["session_date"], breaches["log_return"], color=RED, s=12, zorder=3, label="breach")
    axes.set(ylabel="log return")
    _legend(axes, columns=4)
    return figure


def var_backtests(table: pd.DataFrame) -> Figure:
    """Breaches seen beside breaches expected."""
    figure, (axes,) = _figure(1, title="Value at risk: breaches seen and expected (Kupiec p-value on top)")
    described = zip(table["symbol"], table["method"], table["tail_probability"], strict=True)
    names = [f"{symbol} {method} {probability:.0%}" for symbol, method, probability in described]
    places = range(len(table))
    seen, expected = table["breaches"].astype(float), table["expected_breaches"].astype(float)
    axes.bar([place - 0.2 for place in places], seen, 0.4, color=BLUE, label="seen")
    axes.bar([place + 0.2 for place in places], expected, 0.4, color=GREY, label="expected")
    for place, height, p_value in zip(places, np.maximum(seen, expected), table["kupiec_p_value"], strict=True):
        axes.text(place, height, f"{p_value:.2g}", ha="center", va="bottom")
    axes.set_xticks(list(places), names, rotation=15, ha="right")
    _legend(axes)
    return figure


def reconciliation(table: pd.DataFrame) -> Figure:
    """Bars a session that each source brought, above those that something was wrong with, by month."""
    days = table.groupby(["source", "session_date"]).sum(numeric_only=True).reset_index()
    by_month = days.assign(month=days["session_date"].dt.to_period("M").dt.to_timestamp()).groupby(["source", "month"])
    figure, (came, wrong) = _figure(2, title="Daily bars a session: received, expected (dotted), and what was wrong")
    for colour, (source, rows) in zip((BLUE, ORANGE, GREEN, RED), by_month.mean(True).groupby("source"), strict=False):
        months = rows.index.get_level_values("month")
        came.plot(months, rows["received"], color=colour, lw=1.2, label=str(source))
        came.plot(months, rows["expected"], color=colour, lw=1, ls=":")
    came.set(ylabel="bars a session", ylim=(0, 1.3 * float(days["expected"].max())))
    _legend(came, columns=4)
    counted = by_month.sum(True).groupby("month").sum()
    faults = {"missing": GREY, "quarantined": RED, "different": ORANGE, "suspected": BLUE}
    for name, colour in faults.items():
        wrong.plot(counted.index, counted[name], color=colour, lw=1, marker=".", ms=3, label=name)
    wrong.set(ylabel="bars a month", ylim=(0, max(1.0, 1.3 * float(counted[list(faults)].to_numpy().max()))))
    _legend(wrong, columns=4)
    return figure


def _figure(rows: int, *, title: str, ratios: tuple[int, ...] | None = None) -> tuple[Figure, list[Axes]]:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    style: dict[Any, Any] = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    with rc_context(style):
        figure = Figure(figsize=(9, 4.2), layout="constrained")
        axes = figure.subplots(rows, 1, sharex=rows > 1, squeeze=False, height_ratios=ratios)
    figure.suptitle(title, fontsize=10, x=0.01, ha="left", weight="bold")
    return figure, list(axes[:, 0])


def _legend(axes: Axes, *, columns: int = 1) -> None:
    axes.legend(loc="upper left", ncols=columns, fontsize=8, framealpha=0.8, edgecolor="none")


def _longest(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the instrument with most of them."""
    return table[table["instrument_id"] == table["instrument_id"].value_counts().sort_index().idxmax()]
