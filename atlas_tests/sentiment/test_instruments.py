"""Tone by instrument and day: weights of copies and floods, disagreement and novelty, against loops by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from atlas_assets.sentiment.analyzer import SentimentAnalyzer
from atlas_assets.sentiment.document_scores import document_text
from atlas_assets.sentiment.instruments import instrument_sentiment

COLUMNS = [
    "document_id", "instrument_id", "session_date", "kind", "title", "body",
    "duplicate_rank", "flood_rank", "candidates",
]  # fmt: skip
NAMES = ["document_count", "effective_count", "sentiment_mean", "sentiment_std", "disagreement", "novelty"]
ROWS = [
    ("a", "ins_1", "2024-01-02", "article", "Shares fell", None, 1, 1, 1),
    ("a", "ins_1", "2024-01-02", "article", "Shares fell", None, 1, 1, 2),  # a second, less certain mention
    ("b", "ins_1", "2024-01-02", "post", "Profit rose", "", 1, 1, 1),
    ("c", "ins_1", "2024-01-02", "post", "Profit rose", "", 2, 3, 1),
    ("d", "ins_1", "2024-01-02", "post", "The table", "", 1, 4, 1),
    ("b", "ins_2", "2024-01-02", "post", "Profit rose", "", 1, 1, 4),
    ("e", "ins_2", "2024-01-03", "post", None, " ", 1, 1, 1),  # without text
    ("f", "ins_2", "2024-01-04", "post", "The table", None, 1, 1, 1),
    ("g", "ins_2", "2024-01-04", "article", "\u696d\u7e3e\u306f\u597d\u8abf\u3067\u3042\u308b", None, 1, 1, 1),
]


def frame(rows: list[tuple]) -> pd.DataFrame:
    """The mentions with the scores of their documents."""
    mentions = pd.DataFrame(rows, columns=COLUMNS)
    return mentions.assign(score=SentimentAnalyzer("ensemble").score(document_text(mentions)))


def by_hand(rows: list[tuple]) -> dict[tuple[str, str, str], tuple[float, ...]]:
    """The same in plain loops."""
    analyzer = SentimentAnalyzer("ensemble")
    kept: dict[tuple[str, str], tuple] = {}
    for row in rows:
        if f"{row[4] or ''}{row[5] or ''}".strip() and row[8] <= kept.get((row[0], row[1]), row)[8]:
            kept[row[0], row[1]] = row
    groups: dict[tuple[str, str, str], list[tuple]] = {}
    for row in kept.values():
        for kind in (row[3], "all"):
            groups.setdefault((row[1], row[2], kind), []).append(row)
    found = {}
    for key, documents in groups.items():
        scores = [analyzer.score([f"{row[4] or ''}\n{row[5] or ''}"])[0] for row in documents]
        weights = [1 / (max(row[6], row[7]) * row[8]) for row in documents]
        total = sum(weights)
        mean = sum(w * s for w, s in zip(weights, scores, strict=True)) / total
        spread = math.sqrt(sum(w * (s - mean) ** 2 for w, s in zip(weights, scores, strict=True)) / total)
        up = sum(w for w, s in zip(weights, scores, strict=True) if s >= analyzer.threshold)
        down = sum(w for w, s in zip(weights, scores, strict=True) if s <= -analyzer.threshold)
        apart = math.sqrt(1 - ((up - down) / (up + down)) ** 2) if up + down else math.nan
        novelty = sum(row[6] == 1 for row in documents) / len(documents)
        found[key] = (len(documents), total, mean, spread, apart, novelty)
    return found


def test_as_by_hand_in_any_order() -> None:
    expected = by_hand(ROWS)
    for rows in (ROWS, ROWS[::-1]):
        result = instrument_sentiment(frame(rows))
        keys = list(result[["instrument_id", "session_date", "kind"]].itertuples(index=False, name=None))
        assert keys == sorted(expected)
        np.testing.assert_allclose(result[NAMES].to_numpy(float), [expected[key] for key in keys], atol=1e-12)


def test_a_thousand_copies_hardly_outweigh_others() -> None:
    copies = [(str(n), "ins_1", "2024-01-02", "post", "Shares rose", None, n, n, 1) for n in range(1, 1_001)]
    others = [(f"x{n}", "ins_1", "2024-01-02", "post", "Shares fell", None, 1, 1, 1) for n in range(8)]
    result = instrument_sentiment(frame(copies + others)).query("kind == 'all'").iloc[0]
    assert result["document_count"] == 1_008
    assert result["effective_count"] == pytest.approx(sum(1 / n for n in range(1, 1_001)) + 8)
    assert result["sentiment_mean"] < 0
    assert result["disagreement"] > 0.99
    assert result["novelty"] == pytest.approx(9 / 1_008)


def test_the_future_changes_nothing() -> None:
    early = [row for row in ROWS if row[2] < "2024-01-03"]
    whole = instrument_sentiment(frame(ROWS)).query("session_date < '2024-01-03'").reset_index(drop=True)
    pd.testing.assert_frame_equal(whole, instrument_sentiment(frame(early)), check_exact=True)


def test_nothing_gives_nothing() -> None:
    assert instrument_sentiment(frame(ROWS[:0])).empty
    assert list(instrument_sentiment(frame(ROWS[6:7])).columns) == list(instrument_sentiment(frame(ROWS)).columns)


def test_usage_errors_are_sentences() -> None:
    with pytest.raises(ValueError, match=r"lack the columns \['candidates'\]"):
        instrument_sentiment(frame(ROWS).drop(columns="candidates"))
    with pytest.raises(ValueError, match="leave them out"):
        instrument_sentiment(frame(ROWS).assign(kind=None))
    with pytest.raises(ValueError, match="begin at 1"):
        instrument_sentiment(frame(ROWS).assign(flood_rank=0))
