# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
"""The sentiment domain's gold tables of texts from silver frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlas_assets.sentiment.daily import daily_sentiment
from atlas_assets.sentiment.document_scores import THRESHOLD
from atlas_assets.sentiment.instruments import instrument_sentiment
from atlas_assets.sentiment.tone import ALL

if TYPE_CHECKING:
    import pandas as pd

CRYPTO, STOCKS = "crypto", "stocks"
RANKS = ["duplicate_rank", "flood_rank"]


def daily_sentiment_table(
    scores: pd.DataFrame,
    groups: pd.DataFrame,
    mentions: pd.DataFrame,
    instruments: pd.DataFrame,
    *,
    threshold: float = THRESHOLD,
) -> pd.DataFrame:
    """Tone of every day by market, kind and language.

    Parameters
    ----------
    scores, groups, mentions
        ``gold.document_scores``, ``silver.document_groups`` and ``silver.document_mentions``. A document that mentions
        a crypto pair or coin is of the market "crypto", every other one of "stocks".
    instruments
        ``silver.instruments``.
    threshold
        As in `daily_sentiment`.

    Returns
    -------
    Frame of ``gold.daily_sentiment``.
    """
    coins = instruments.loc[instruments["instrument_type"] == "crypto_pair", "instrument_id"]
    of_crypto = mentions.loc[mentions["instrument_id"].isin(coins), "document_id"]
    ranked = _ranked(scores, groups)
    return daily_sentiment(
        ranked.assign(market=np.where(ranked["document_id"].isin(of_crypto), CRYPTO, STOCKS)), threshold=threshold
    )


def instrument_sentiment_table(
    scores: pd.DataFrame, groups: pd.DataFrame, mentions: pd.DataFrame, *, threshold: float = THRESHOLD
) -> pd.DataFrame:
    """Tone of every instrument that is mentioned, by day and kind.

    Parameters
    ----------
    scores, groups, mentions
        ``gold.document_scores``, ``silver.document_groups`` and ``silver.document_mentions``.
    threshold
        As in `instrument_sentiment`.

    Returns
    -------
    Frame of ``gold.instrument_sentiment``.
    """
    mentioned = mentions[["document_id", "instrument_id", "candidates"]]
    table = instrument_sentiment(_ranked(scores, groups).merge(mentioned, on="document_id"), threshold=threshold)
    symbols = mentions.groupby("instrument_id")["symbol"].min()
    return table.assign(symbol=table["instrument_id"].map(symbols))


def _ranked(scores: pd.DataFrame, groups: pd.DataFrame) -> pd.DataFrame:
    """The documents with their ranks; one that has no group yet stands alone."""
    return scores.merge(groups[["document_id", *RANKS]], on="document_id", how="left").fillna(dict.fromkeys(RANKS, 1))


def documents_scored(table: pd.DataFrame) -> int:
    """Documents behind a table of tone, each one counted once (of instruments: once for each)."""
    whole = table
    for name in ("market", "kind", "language"):
        if name in table.columns:
            whole = whole[whole[name] == ALL]
    return int(whole["document_count"].sum())


def means_of_scores(scores: pd.DataFrame) -> dict[str, float]:
    """Mean score, shares of documents without text and without any term that has a tone; nothing of no documents."""
    toneless = (scores[["negative_share", "positive_share", "score"]] == 0).all(axis=1)
    means = {
        "mean_score": scores["score"].mean(),
        "mean_vader": scores["vader"].mean(),
        "share_without_text": scores["score"].isna().mean(),
        "share_without_terms": toneless.mean(),
    }
    return {name: float(value) for name, value in means.items() if not np.isnan(value)}


def mean_of_days(daily: pd.DataFrame) -> dict[str, float]:
    """Mean over the days of the whole's sentiment and, beside it, of plain VADER's; nothing of no days."""
    whole = daily[(daily["market"] == ALL) & (daily["kind"] == ALL) & (daily["language"] == ALL)]
    means = whole[["sentiment_mean", "vader_mean"]].mean().dropna()
    return {str(name): float(value) for name, value in means.items()}


def means_of_instruments(table: pd.DataFrame) -> dict[str, float]:
    """Means over the days of all instruments, kinds together: tone, disagreement, novelty; nothing of no days."""
    whole = table[table["kind"] == ALL]
    names = {"sentiment_mean": "mean_sentiment", "disagreement": "mean_disagreement", "novelty": "mean_novelty"}
    means = whole[[*names]].astype(np.float64).mean().dropna()
    return {names[str(name)]: float(value) for name, value in means.items()}


def by_language(documents: pd.DataFrame) -> dict[str, int]:
    """Documents of each language, scored or not."""
    return {str(language): int(count) for language, count in documents["language"].value_counts().sort_index().items()}
