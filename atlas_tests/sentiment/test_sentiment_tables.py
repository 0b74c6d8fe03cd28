"""Gold tables of texts from silver frames."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from atlas_assets.contracts.gold import DailySentiment, InstrumentSentiment
from atlas_assets.sentiment import tables
from atlas_assets.sentiment.analyzer import SentimentAnalyzer
from atlas_assets.sentiment.document_scores import score_documents

DAY = pd.Timestamp("2024-01-02").as_unit("ns")
DOCUMENTS = pd.DataFrame(
    [
        ("a", "article", "en", "Bitcoin rallies to a record", "Profit rose"),
        ("b", "post", "en", "Shares fell on weak earnings", None),
        ("c", "post", "en", "Shares fell on weak earnings", None),
        ("d", "article", "de", "Die Aktie steigt", None),  # no engine reads it
        ("e", "post", "und", "$BTC 🚀🚀", None),
    ],
    columns=["document_id", "kind", "language", "title", "body"],
).assign(session_date=DAY)
SCORES = score_documents(DOCUMENTS)
# "e" has no group yet.
GROUPS = pd.DataFrame({"document_id": list("abcd"), "duplicate_rank": [1, 1, 2, 1], "flood_rank": [1, 1, 3, 1]})
MENTIONS = pd.DataFrame(
    [("a", "ins_btc", "BTCUSDT", 1), ("a", "ins_acme", "ACME", 2), ("e", "ins_btc", "BTCUSDT", 1),
     ("b", "ins_acme", "ACME", 1), ("d", "ins_acme", "ACME", 1)],
    columns=["document_id", "instrument_id", "symbol", "candidates"],
)  # fmt: skip
INSTRUMENTS = pd.DataFrame({"instrument_id": ["ins_btc", "ins_acme"], "instrument_type": ["crypto_pair", "equity"]})


def daily() -> pd.DataFrame:
    return tables.daily_sentiment_table(SCORES, GROUPS, MENTIONS, INSTRUMENTS)


def test_who_is_of_which_market_and_what_is_scored() -> None:
    table = DailySentiment.validate(daily()).set_index(["market", "kind", "language"])
    counts = table["document_count"].to_dict()
    assert counts["crypto", "all", "all"] == 2
    assert counts["crypto", "post", "und"] == 1
    assert counts["stocks", "post", "en"] == 2
    assert counts["all", "all", "all"] == 4
    assert ("all", "all", "de") not in counts
    assert table["effective_count"]["stocks", "post", "en"] == pytest.approx(1 + 1 / 3)
    score = SentimentAnalyzer("ensemble").score(["Shares fell on weak earnings"])[0]
    assert table["sentiment_mean"]["stocks", "post", "en"] == pytest.approx(score)
    plain = SentimentAnalyzer("vader").score(["Shares fell on weak earnings"])[0]
    assert table["vader_mean"]["stocks", "post", "en"] == pytest.approx(plain)
    assert score < -0.35 < plain


def test_means_of_instruments_are_of_all_kinds_together() -> None:
    table = tables.instrument_sentiment_table(SCORES, GROUPS, MENTIONS)
    whole = table[table["kind"] == "all"]
    found = tables.means_of_instruments(table)
    assert found["mean_sentiment"] == pytest.approx(whole["sentiment_mean"].mean())
    assert found["mean_novelty"] == 1
    assert tables.means_of_instruments(table[:0]) == {}


def test_instruments() -> None:
    table = InstrumentSentiment.validate(tables.instrument_sentiment_table(SCORES, GROUPS, MENTIONS))
    found = table.set_index(["symbol", "kind"])
    assert found["document_count"].to_dict() == {
        ("BTCUSDT", "all"): 2, ("BTCUSDT", "article"): 1, ("BTCUSDT", "post"): 1,
        ("ACME", "all"): 2, ("ACME", "article"): 1, ("ACME", "post"): 1,
    }  # fmt: skip
    assert found["effective_count"]["ACME", "article"] == pytest.approx(1 / 2)
    positive, negative = SentimentAnalyzer("ensemble").score(
        ["Bitcoin rallies to a record\nProfit rose", "Shares fell on weak earnings"]
    )
    assert found["sentiment_mean"]["ACME", "all"] == pytest.approx((positive / 2 + negative) / 1.5)


def test_what_the_assets_tell() -> None:
    table = daily()
    assert tables.documents_scored(table) == 4
    assert tables.documents_scored(tables.instrument_sentiment_table(SCORES, GROUPS, MENTIONS)) == 4
    whole = table.query("market == 'all' and kind == 'all' and language == 'all'")
    assert tables.mean_of_days(table) == {
        "sentiment_mean": whole["sentiment_mean"].item(),
        "vader_mean": whole["vader_mean"].item(),
    }
    assert tables.by_language(DOCUMENTS) == {"de": 1, "en": 3, "und": 1}


def test_what_the_scores_tell() -> None:
    more = {"title": ["The table", "", "Die Aktie"], "body": None, "language": ["en", "en", "de"], "kind": "post"}
    documents = pd.concat([DOCUMENTS, pd.DataFrame({**more, "document_id": ["f", "g", "h"], "session_date": DAY})])
    scores = score_documents(documents)
    told = tables.means_of_scores(scores)
    assert (told["share_without_text"], told["share_without_terms"]) == (1 / 6, 1 / 6)
    assert told["mean_score"] == pytest.approx(np.nanmean(scores["score"]))
    assert told["mean_vader"] == pytest.approx(np.nanmean(scores["vader"]))
    assert set(tables.means_of_scores(scores[scores["document_id"] == "g"])) == {
        "share_without_text",
        "share_without_terms",
    }
    assert tables.means_of_scores(scores[:0]) == {}


def test_nothing_gives_nothing() -> None:
    table = tables.daily_sentiment_table(SCORES[:0], GROUPS[:0], MENTIONS[:0], INSTRUMENTS)
    assert table.empty
    assert tables.documents_scored(table) == 0
    assert tables.mean_of_days(table) == {}
    assert tables.instrument_sentiment_table(SCORES, GROUPS, MENTIONS[:0]).empty


def test_later_documents_change_no_day_before() -> None:
    later = SCORES.assign(document_id="0" + SCORES["document_id"], session_date=DAY + pd.Timedelta(days=1))
    groups = GROUPS.assign(document_id=[f"0{name}" for name in "abcd"], duplicate_rank=7)
    mentions = MENTIONS.assign(document_id="0" + MENTIONS["document_id"])
    scores, ranks = pd.concat([later, SCORES]), pd.concat([groups, GROUPS])
    both = tables.daily_sentiment_table(scores, ranks, pd.concat([mentions, MENTIONS]), INSTRUMENTS)
    early = daily()
    pd.testing.assert_frame_equal(both[: len(early)], early, check_exact=True)
    named = tables.instrument_sentiment_table(scores, ranks, pd.concat([mentions, MENTIONS]))
    pd.testing.assert_frame_equal(
        named[named["session_date"] == DAY].reset_index(drop=True),
        tables.instrument_sentiment_table(SCORES, GROUPS, MENTIONS),
        check_exact=True,
    )
    assert np.isfinite(both["sentiment_mean"]).all()
