"""Tone of each day by market, kind and language, against loops by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from atlas_assets.sentiment.analyzer import SentimentAnalyzer
from atlas_assets.sentiment.daily import daily_sentiment
from atlas_assets.sentiment.document_scores import score_documents

COLUMNS = [
    "document_id", "session_date", "market", "kind", "language", "title", "body", "duplicate_rank", "flood_rank",
]  # fmt: skip
JAPANESE = "業績は好調である"
ROWS = [
    ("a", "2024-01-02", "stocks", "article", "en", "Great profit", "Shares win.", 1, 1),
    ("b", "2024-01-02", "stocks", "article", "en", "Great profit", "Shares win.", 2, 1),
    ("c", "2024-01-02", "stocks", "post", "en", "Terrible loss", None, 1, 3),
    ("d", "2024-01-02", "crypto", "post", "en", "Results due Thursday", "", 1, 1),
    ("e", "2024-01-02", "stocks", "article", "ja", JAPANESE, None, 1, 1),
    ("f", "2024-01-03", "stocks", "article", "en", "Profit warning", "Shares fell", 1, 1),
    ("g", "2024-01-04", "stocks", "post", "en", None, " ", 1, 1),  # without text
]


def frame(rows: list[tuple]) -> pd.DataFrame:
    """The documents with their scores."""
    documents = pd.DataFrame(rows, columns=COLUMNS)
    documents["session_date"] = pd.to_datetime(documents["session_date"])
    return documents.merge(score_documents(documents)[["document_id", "score", "vader"]], on="document_id")


def by_hand(rows: list[tuple]) -> dict[tuple[str, ...], tuple[float, ...]]:
    """Count, weight, mean, mean of plain VADER over the English, and shares, in plain loops."""
    ensemble, vader = SentimentAnalyzer("ensemble"), SentimentAnalyzer("vader")
    groups: dict[tuple[str, ...], list[tuple]] = {}
    for row in rows:
        if f"{row[5] or ''}{row[6] or ''}".strip():
            for market, kind, language in itertools.product(*((row[place], "all") for place in (2, 3, 4))):
                groups.setdefault((row[1], market, kind, language), []).append(row)
    found = {}
    for key, documents in groups.items():
        texts = [f"{row[5] or ''}\n{row[6] or ''}" for row in documents]
        weights = np.array([1 / max(row[7], row[8]) for row in documents])
        scores = ensemble.score(texts)
        english = np.array([row[4] == "en" for row in documents])
        plain = np.average(vader.score(texts)[english], weights=weights[english]) if english.any() else np.nan
        found[key] = (
            len(documents),
            weights.sum(),
            np.average(scores, weights=weights),
            plain,
            weights[scores >= 0.35].sum() / weights.sum(),
            weights[scores <= -0.35].sum() / weights.sum(),
        )
    return found


def test_as_by_hand_in_any_order() -> None:
    expected = by_hand(ROWS)
    for rows in (ROWS, ROWS[::-1]):
        table = daily_sentiment(frame(rows))
        keys = [
            (f"{row.session_date:%Y-%m-%d}", row.market, row.kind, row.language)
            for row in table.itertuples(index=False)
        ]
        assert keys == sorted(expected)
        names = ["document_count", "effective_count", "sentiment_mean", "vader_mean", "positive_share"]
        np.testing.assert_allclose(
            table[[*names, "negative_share"]].to_numpy(float), [expected[key] for key in keys], atol=1e-12
        )


def test_a_day_without_text_has_no_row() -> None:
    assert daily_sentiment(frame(ROWS))["session_date"].max() == pd.Timestamp("2024-01-03")


def test_other_days_change_nothing() -> None:
    whole = daily_sentiment(frame(ROWS))
    early = daily_sentiment(frame(ROWS[:5]))
    pd.testing.assert_frame_equal(whole[: len(early)], early, check_exact=True)


def test_the_engines_threshold_is_inclusive() -> None:
    assert SentimentAnalyzer("ensemble").threshold == 0.35
    scored = frame(ROWS[:5]).assign(score=[0.35, -0.35, 0.349, -0.349, 0.0])
    row = daily_sentiment(scored).query("market == 'all' and kind == 'all' and language == 'all'")
    total = 1 + 1 / 2 + 1 / 3 + 1 + 1
    assert row["positive_share"].item() == pytest.approx(1 / total)
    assert row["negative_share"].item() == pytest.approx(1 / 2 / total)


def test_no_documents_give_an_empty_frame() -> None:
    nothing = daily_sentiment(frame(ROWS)[:0])
    assert nothing.empty
    assert list(nothing.columns) == list(daily_sentiment(frame(ROWS)).columns)


def test_unusable_documents_are_refused() -> None:
    with pytest.raises(ValueError, match=r"lack the columns \['score'\]"):
        daily_sentiment(frame(ROWS).drop(columns="score"))
    with pytest.raises(ValueError, match="leave them out"):
        daily_sentiment(frame(ROWS).assign(session_date=pd.NaT))
    with pytest.raises(ValueError, match="begin at 1"):
        daily_sentiment(frame(ROWS).assign(flood_rank=0))
