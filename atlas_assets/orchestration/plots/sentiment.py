"""Plots of sentiment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from atlas_assets.orchestration.plots.canvas import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    SESSIONS_SHOWN,
    new_figure,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DAYS_SHOWN = 90
INSTRUMENTS_SHOWN = 12
KINDS = (("article", "news", BLUE), ("post", "posts", ORANGE))
LANGUAGES = (("en", "English", BLUE), ("ja", "Japanese", ORANGE), ("und", "no language", GREEN))
SCORE_BINS = 41  # an odd number: no tone at all is the middle one
BANDS = ((0, 25, RED, 0.22), (25, 45, RED, 0.10), (45, 55, GREY, 0.10), (55, 75, GREEN, 0.10), (75, 100, GREEN, 0.22))
VENDOR_NAMES = {"stocks": "CNN", "crypto": "alternative.me"}


def document_scores(table: pd.DataFrame, *, threshold: float) -> Figure:
    """How many documents have which score, of news and of posts; between the dotted lines a document has no tone."""
    figure, axes = new_figure(2, title="Scores of documents")
    for (kind, name, _), panel in zip(KINDS, axes, strict=True):
        rows = table[table["kind"] == kind]
        scores = {language: rows.loc[rows["language"] == language, "score"].dropna() for language, _, _ in LANGUAGES}
        shown = [one for one in LANGUAGES if len(scores[one[0]])]
        if shown:
            panel.hist(
                [scores[language] for language, _, _ in shown],
                bins=SCORE_BINS,
                range=(-1, 1),
                stacked=True,
                color=[colour for _, _, colour in shown],
                label=[f"{language}: {len(scores[code]):,}" for code, language, _ in shown],
            )
            panel.hist(
                rows["vader"].dropna(),
                bins=SCORE_BINS,
                range=(-1, 1),
                histtype="step",
                color=GREY,
                label="English, plain VADER",
            )
            _legend_above(panel)
        for end in (-threshold, threshold):
            panel.axvline(end, color=GREY, lw=0.8, ls=":")
        panel.set(ylabel=f"{name}: documents", xlim=(-1, 1))
    axes[-1].set_xlabel("score")
    return figure


def daily_sentiment(table: pd.DataFrame) -> Figure:
    """Tone of news and of posts by day above how many documents count; the band is the deviation of news."""
    import pandas as pd

    figure, axes = new_figure(4, title="Sentiment of news and posts, and how much there was", ratios=(3, 1, 3, 1))
    whole = table[table["language"] == "all"]
    if table.empty:
        return figure
    last = table["session_date"].max()
    whole = whole[whole["session_date"] > last - pd.Timedelta(days=DAYS_SHOWN)]
    days = pd.date_range(whole["session_date"].min(), last)
    for market, tone, volume in (("stocks", axes[0], axes[1]), ("crypto", axes[2], axes[3])):
        tone.axhline(0, color=GREY, lw=0.8)
        below = np.zeros(len(days))
        for kind, name, colour in KINDS:
            rows = whole[(whole["market"] == market) & (whole["kind"] == kind)].set_index("session_date")
            mean, spread = rows["sentiment_mean"].astype(float), rows["sentiment_std"].astype(float)
            tone.plot(rows.index, mean, color=colour, lw=1.3, marker="o", ms=2.5, label=name)
            if kind == "article" and len(rows):
                tone.fill_between(rows.index, mean - spread, mean + spread, color=colour, alpha=0.10, lw=0)
                tone.plot(rows.index, rows["vader_mean"], color=GREY, lw=0.9, ls="--", label="news, plain VADER")
            count = rows["effective_count"].astype(float).reindex(days, fill_value=0.0).to_numpy()
            volume.fill_between(days, below, below + count, step="mid", color=colour, lw=0)
            below = below + count
        tone.set(ylabel=f"{market}: score", ylim=(-1.05, 1.05))
        volume.set(ylabel="count")
    _few_dates(axes[-1])
    _legend_above(axes[0])
    return figure


def instrument_sentiment(table: pd.DataFrame) -> Figure:
    """Tone of the most mentioned instruments as a heat map, above how much is written of them."""
    import pandas as pd

    figure, (heat, volume) = new_figure(2, title="Sentiment of the most mentioned instruments", ratios=(3, 1))
    if table.empty:
        return figure
    shown = table[table["session_date"] > table["session_date"].max() - pd.Timedelta(days=DAYS_SHOWN)]
    whole = shown[shown["kind"] == "all"]
    days = pd.date_range(shown["session_date"].min(), shown["session_date"].max())
    most = whole.groupby("symbol")["effective_count"].sum().sort_values(ascending=False, kind="stable")
    symbols = list(most.index[:INSTRUMENTS_SHOWN])
    tones = whole.pivot_table(index="symbol", columns="session_date", values="sentiment_mean").reindex(
        index=symbols, columns=days
    )
    shades = heat.imshow(
        tones.to_numpy(dtype=float), aspect="auto", cmap="RdYlGn", vmin=-1, vmax=1, interpolation="nearest"
    )
    heat.set_yticks(range(len(symbols)), symbols)
    figure.colorbar(shades, ax=heat, label="mean score")
    below = np.zeros(len(days))
    for kind, name, colour in KINDS:
        own = shown[(shown["kind"] == kind) & shown["symbol"].isin(symbols)]
        count = own.groupby("session_date")["effective_count"].sum().reindex(days, fill_value=0.0).to_numpy(float)
        volume.bar(range(len(days)), count, bottom=below, color=colour, label=name)
        below = below + count
    places = np.unique(np.linspace(0, len(days) - 1, 6).round().astype(int))
    volume.set_xticks(places, [f"{days[place]:%Y-%m-%d}" for place in places])
    volume.set(ylabel="documents")
    _legend_above(volume)
    return figure


def fear_greed_index(table: pd.DataFrame) -> Figure:
    """Each market's own index over bands of fear and greed, the vendor's beside it."""
    markets = [market for market in ("stocks", "crypto") if (table["market"] == market).any()]
    figure, axes = new_figure(max(len(markets), 1), title="Own fear and greed index", share_x=False)
    for market, panel in zip(markets, axes, strict=False):
        rows = table[table["market"] == market].sort_values("session_date").tail(SESSIONS_SHOWN)
        _bands(panel)
        dates = rows["session_date"]
        panel.plot(dates, rows["index_value"].astype(float), color="black", lw=1.3, label=f"own, {market}")
        if rows["vendor_value"].notna().any():
            vendor = rows["vendor_value"].astype(float)
            panel.plot(dates, vendor, color=BLUE, lw=1, ls="--", label=VENDOR_NAMES[market])
        last = rows.iloc[-1]
        panel.set(ylim=(0, 100), ylabel=market, xlim=(dates.iloc[0], dates.iloc[-1]))
        told = f"{last['session_date']:%Y-%m-%d}: {last['index_value']:.0f}, {last['classification']}"
        told += f", {last['component_count']} components"
        panel.text(0.99, 1.02, told, fontsize=8, ha="right", transform=panel.transAxes)
        _few_dates(panel)
        _legend_above(panel, side="left")
    return figure


def _legend_above(panel: Axes, side: Literal["left", "right"] = "right") -> None:
    loc, x = ("lower left", 0.0) if side == "left" else ("lower right", 1.0)
    panel.legend(loc=loc, bbox_to_anchor=(x, 0.98), ncols=4, fontsize=8, frameon=False)


def _few_dates(axes: Axes) -> None:
    from matplotlib.dates import AutoDateLocator, DateFormatter

    axes.xaxis.set_major_locator(AutoDateLocator(maxticks=7))
    axes.xaxis.set_major_formatter(DateFormatter("%Y-%m-%d"))


def _bands(panel: Axes) -> None:
    for low, high, colour, alpha in BANDS:
        panel.axhspan(low, high, color=colour, alpha=alpha, lw=0)
    panel.set_yticks([0, 25, 45, 55, 75, 100])
