"""Daily tone of news."""

# pandas carries no static types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import numpy as np

from atlas_assets.sentiment.analyzer import SentimentAnalyzer

if TYPE_CHECKING:
    import pandas as pd

# The thresholds of Hutto and Gilbert (2014) for a positive and a negative text.
POSITIVE_COMPOUND = 0.05
NEGATIVE_COMPOUND = -0.05

REQUIRED_COLUMNS = ("published_at", "session_date", "title", "body")


def daily_sentiment(documents: pd.DataFrame, *, analyzer: SentimentAnalyzer | None = None) -> pd.DataFrame:
    """Tone of the news of each session, one row per session_date.

    A document's text is its title and body. Texts that are identical within a session after Unicode normalisation,
    case folding and white-space collapsing count once (the earliest stands); documents without text do not count.

    Parameters
    ----------
    documents : frame with published_at (UTC timestamps), session_date, title, body, in any row order
    analyzer : scores the texts; VADER by default

    Returns
    -------
    frame sorted by session_date with document_count, and over the documents' compound scores: sentiment_mean,
    sentiment_std (``ddof=0``), positive_share (score >= 0.05) and negative_share (score <= -0.05). A session whose
    documents have no text has a count of 0 and NaN elsewhere.

    Raises
    ------
    ValueError
        If a column is missing, published_at is not in UTC, or a document has no session_date.
    """
    import pandas as pd

    _validate(documents)
    text = documents["title"].fillna("").str.cat(documents["body"].fillna(""), sep="\n").str.strip()
    scored = (
        documents[["session_date", "published_at"]]
        .assign(text=text, normalised=text.map(_normalised))
        .sort_values(["session_date", "published_at", "text"], kind="stable")
        .drop_duplicates(["session_date", "normalised"])
    )
    compound = (analyzer or SentimentAnalyzer()).score(scored["text"])
    # NaN, not False, where there is no score: a mean then leaves it out.
    positive, negative = (
        np.where(np.isnan(compound), np.nan, toned)
        for toned in (compound >= POSITIVE_COMPOUND, compound <= NEGATIVE_COMPOUND)
    )
    scored = scored.assign(compound=compound, positive=positive, negative=negative)
    by_session = scored.groupby("session_date", sort=True)
    return pd.DataFrame(
        {
            "document_count": by_session["compound"].count(),
            "sentiment_mean": by_session["compound"].mean(),
            "sentiment_std": by_session["compound"].std(ddof=0),
            "positive_share": by_session["positive"].mean(),
            "negative_share": by_session["negative"].mean(),
        }
    ).reset_index()


def _normalised(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _validate(documents: pd.DataFrame) -> None:
    if absent := [name for name in REQUIRED_COLUMNS if name not in documents.columns]:
        raise ValueError(f"The documents lack the columns {absent}.")
    if str(getattr(documents["published_at"].dtype, "tz", None)) != "UTC":
        raise ValueError("The documents' published_at must be timestamps in UTC; convert them with tz_convert.")
    if documents["session_date"].isna().to_numpy().any():
        raise ValueError("Some documents have no session_date; assign each to a session first.")
