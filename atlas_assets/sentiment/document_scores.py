"""Score of each document, which depends on nothing but its text."""

# pandas carries no static types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_assets.sentiment.analyzer import MOST_CHARACTERS, THRESHOLDS, EngineName, SentimentAnalyzer

if TYPE_CHECKING:
    import pandas as pd

ENGINE: EngineName = "ensemble"
THRESHOLD = THRESHOLDS[ENGINE]
"""Score from which on a document is positive, and below minus which it is negative."""

SCORED_LANGUAGES = ("en", "ja", "und")
"""Languages whose texts are scored: no engine has the words of another. What is in none is signs and tickers."""

VADER_LANGUAGE = "en"
KEPT = ("document_id", "session_date", "kind", "language")


def score_documents(
    documents: pd.DataFrame,
    *,
    engine: EngineName = ENGINE,
    model_folder: str | None = None,
    max_characters: int = MOST_CHARACTERS,
) -> pd.DataFrame:
    """What each document's text says.

    Parameters
    ----------
    documents : frame of one row per document: document_id, session_date, kind, language (ISO 639-1), title and body, in
        any row order; those in no language of `SCORED_LANGUAGES` are left out
    engine, model_folder, max_characters : as in `SentimentAnalyzer`

    Returns
    -------
    Frame of ``gold.document_scores`` in the order of the documents: engine, negative_share, neutral_share,
    positive_share and score of the engine, and vader, the score by plain VADER of what is English. A document
    without text has a row without scores.
    """
    scored = documents[documents["language"].isin(SCORED_LANGUAGES)].reset_index(drop=True)
    text = document_text(scored)
    analyzer = SentimentAnalyzer(engine, model_folder=model_folder, max_characters=max_characters)
    told = analyzer.attributed(text)
    english = text.where(scored["language"] == VADER_LANGUAGE, "")
    return scored[list(KEPT)].assign(
        engine=told["engine"],
        negative_share=told["negative"],
        neutral_share=told["neutral"],
        positive_share=told["positive"],
        score=told["compound"],
        vader=SentimentAnalyzer("vader", max_characters=max_characters).score(english),
    )


def document_text(documents: pd.DataFrame) -> pd.Series:
    """Title and, on a line of its own, body."""
    return documents["title"].fillna("").str.cat(documents["body"].fillna(""), sep="\n").str.strip()
