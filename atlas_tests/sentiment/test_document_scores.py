"""Each document's score depends on its text alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from atlas_assets.contracts.gold import DocumentScores
from atlas_assets.sentiment.analyzer import SentimentAnalyzer
from atlas_assets.sentiment.document_scores import THRESHOLD, document_text, score_documents

JAPANESE = "業績は好調である"
DOCUMENTS = pd.DataFrame(
    [
        ("a", "article", "en", "Great profit", "Shares win."),
        ("b", "post", "en", "Terrible loss", None),
        ("c", "article", "ja", JAPANESE, None),
        ("d", "article", "en", JAPANESE, None),
        ("e", "article", "de", "Great profit", None),  # no engine reads it
        ("f", "post", "und", "$ACME \N{ROCKET}", ""),
        ("g", "post", "en", None, " "),  # without text
        ("h", "article", "ja", "Great profit\nShares win.", None),
    ],
    columns=["document_id", "kind", "language", "title", "body"],
).assign(session_date=pd.Timestamp("2024-01-02").as_unit("us"))


def test_scores_are_those_of_the_engines() -> None:
    found = score_documents(DOCUMENTS)
    DocumentScores.validate(found)
    kept = DOCUMENTS[DOCUMENTS["language"] != "de"]
    assert found["document_id"].tolist() == kept["document_id"].tolist()
    texts = ["Great profit\nShares win.", "Terrible loss", JAPANESE, JAPANESE, "$ACME \N{ROCKET}", None]
    expected = SentimentAnalyzer("ensemble").polarity([*texts, texts[0]])
    names = ["negative_share", "neutral_share", "positive_share", "score"]
    np.testing.assert_array_equal(found[names], expected)
    by = {"a": "vader_finance", "b": "vader_finance", "c": "japanese", "d": "japanese", "f": "vader_finance"}
    assert found.set_index("document_id")["engine"].dropna().to_dict() == by | {"h": "vader_finance"}
    plain = SentimentAnalyzer("vader").score([*texts[:2], None, JAPANESE, None, None, None])
    np.testing.assert_array_equal(found["vader"], plain)


def test_neighbours_and_order_change_nothing() -> None:
    whole = score_documents(DOCUMENTS)
    alone = pd.concat([score_documents(DOCUMENTS[place : place + 1]) for place in (6, 7, 3, 0, 1, 2, 5)])
    alone = alone.sort_values("document_id", ignore_index=True)
    pd.testing.assert_frame_equal(alone, whole, check_exact=True)


def test_no_documents_have_no_scores() -> None:
    nothing = score_documents(DOCUMENTS[:0])
    assert nothing.empty
    assert list(nothing.columns) == list(score_documents(DOCUMENTS).columns)


def test_the_text_is_the_title_and_on_a_line_of_its_own_the_body() -> None:
    assert document_text(DOCUMENTS[:2]).tolist() == ["Great profit\nShares win.", "Terrible loss"]


def test_the_threshold_is_the_engines() -> None:
    assert SentimentAnalyzer("ensemble").threshold == THRESHOLD


def test_only_the_beginning_of_a_text_is_read() -> None:
    documents = DOCUMENTS[:1].assign(title="The table", body="Profit rose")
    assert score_documents(documents)["score"].item() > 0
    cut = score_documents(documents, max_characters=9)
    assert (cut["score"].item(), cut["vader"].item()) == (0, 0)
    with pytest.raises(ValueError, match="needs a model_folder"):
        score_documents(documents, engine="transformer")
