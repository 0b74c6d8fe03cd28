import numpy as np
import pandas as pd
import pytest

from atlas_assets.sentiment.analyzer import SentimentAnalyzer
from atlas_assets.sentiment.news import daily_sentiment

DOCUMENTS = pd.DataFrame(
    [
        ("2024-01-02T09:00Z", "2024-01-02", "Great profit", "Shares win."),
        ("2024-01-02T11:00Z", "2024-01-02", "GREAT  profit", "shares WIN."),  # the first one again
        ("2024-01-02T10:00Z", "2024-01-02", "Terrible loss", None),
        ("2024-01-02T12:00Z", "2024-01-02", "Results due Thursday", ""),
        ("2024-01-03T09:00Z", "2024-01-03", "Great profit", "Shares win."),
        ("2024-01-04T09:00Z", "2024-01-04", None, " "),
    ],
    columns=["published_at", "session_date", "title", "body"],
).assign(
    published_at=lambda frame: pd.to_datetime(frame["published_at"]),
    session_date=lambda frame: pd.to_datetime(frame["session_date"]),
)


def test_each_session_with_duplicates_once():
    result = daily_sentiment(DOCUMENTS).set_index("session_date")
    scores = SentimentAnalyzer().score(["Great profit\nShares win.", "Terrible loss", "Results due Thursday"])
    assert scores[2] == 0
    first = result.loc["2024-01-02"]
    assert first["document_count"] == 3
    np.testing.assert_allclose(first["sentiment_mean"], scores.mean())
    np.testing.assert_allclose(first["sentiment_std"], scores.std(ddof=0))
    np.testing.assert_allclose(first[["positive_share", "negative_share"]].astype(float), 1 / 3)
    assert list(result.loc["2024-01-03", ["document_count", "sentiment_mean", "sentiment_std"]]) == [1, scores[0], 0]


def test_a_session_without_text_has_no_tone():
    last = daily_sentiment(DOCUMENTS).iloc[-1]
    assert last["document_count"] == 0
    assert last.drop(["session_date", "document_count"]).isna().all()


def test_row_order_and_other_sessions_change_nothing():
    expected = daily_sentiment(DOCUMENTS)
    pd.testing.assert_frame_equal(daily_sentiment(DOCUMENTS.sample(frac=1, random_state=1)), expected)
    pd.testing.assert_frame_equal(daily_sentiment(DOCUMENTS[:4]), expected[:1])


def test_the_thresholds_are_inclusive():
    class Fixed(SentimentAnalyzer):
        def score(self, texts):
            return np.array([0.05, -0.05, 0.049])[: len(list(texts))]

    row = daily_sentiment(DOCUMENTS[:4], analyzer=Fixed()).iloc[0]
    np.testing.assert_allclose([row["positive_share"], row["negative_share"]], 1 / 3)


def test_no_documents_give_an_empty_frame():
    result = daily_sentiment(DOCUMENTS[:0])
    assert len(result) == 0
    assert list(result.columns) == [
        "session_date",
        "document_count",
        "sentiment_mean",
        "sentiment_std",
        "positive_share",
        "negative_share",
    ]


def test_unusable_documents_are_refused():
    with pytest.raises(ValueError, match="lack the columns"):
        daily_sentiment(DOCUMENTS.drop(columns="body"))
    with pytest.raises(ValueError, match="UTC"):
        daily_sentiment(DOCUMENTS.assign(published_at=DOCUMENTS["published_at"].dt.tz_localize(None)))
    with pytest.raises(ValueError, match="no session_date"):
        daily_sentiment(DOCUMENTS.assign(session_date=pd.NaT))
