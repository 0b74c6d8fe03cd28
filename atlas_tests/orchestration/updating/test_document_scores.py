"""Scores of documents through a lake: each text is scored once, and what follows from the scores is what it was."""

from __future__ import annotations

from datetime import date
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from atlas_assets.contracts.gold import DocumentScores
from atlas_assets.contracts.silver import DocumentGroups, DocumentMentions, Documents, Instruments
from atlas_assets.defs.sentiment import assets
from atlas_assets.orchestration.plots import sentiment as plots
from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.resources import LakeResource, configured_lake, configured_settings
from atlas_assets.orchestration.updating import document_scores as adapter
from atlas_assets.sentiment import tables
from atlas_assets.sentiment.analyzer import SentimentAnalyzer
from atlas_assets.sentiment.finance import FinanceVaderEngine
from atlas_assets.sentiment.tone import document_weights, weighted_tone, with_totals
from atlas_tests.orchestration.rows import put

JAPANESE = "業績は好調である"
TEXTS = {
    "a": ("article", "en", "Profit rose", "Shares win."),
    "b": ("post", "en", "Shares fell on weak earnings", None),
    "c": ("post", "en", "Shares fell on weak earnings", None),
    "d": ("article", "de", "Die Aktie steigt", None),  # no engine reads it
    "e": ("post", "und", "$BTC 🚀🚀", None),
    "f": ("article", "ja", JAPANESE, None),
    "g": ("post", "en", "", None),  # without text
    "h": ("article", "en", JAPANESE, None),  # its source calls it English
}
DAYS = {name: date(2024, 1, 2 + place // 3) for place, name in enumerate(TEXTS)}
GROUPS = [
    {"document_id": name, "duplicate_rank": 1 + place % 3, "flood_rank": 1 + place % 2}
    for place, name in enumerate("abcdef")
]
MENTIONS = [
    {"document_id": name, "position": 1, "instrument_id": instrument, "symbol": symbol, "candidates": candidates}
    for name, instrument, symbol, candidates in (
        ("a", "ins_btc", "BTCUSDT", 1), ("a", "ins_acme", "ACME", 2), ("b", "ins_acme", "ACME", 1),
        ("c", "ins_acme", "ACME", 3), ("e", "ins_btc", "BTCUSDT", 1), ("g", "ins_acme", "ACME", 1),
    )
]  # fmt: skip
INSTRUMENTS = [
    {"instrument_id": "ins_btc", "symbol": "BTCUSDT", "instrument_type": "crypto_pair"},
    {"instrument_id": "ins_acme", "symbol": "ACME", "instrument_type": "equity"},
]


class Desk:
    """A lake with documents, and the texts that the engine of English got."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def put(self, documents: dict[str, tuple[str, str, str, str | None]]) -> None:
        rows = [
            {"document_id": name, "session_date": DAYS[name], "kind": kind, "language": language, "title": title,
             "body": body}
            for name, (kind, language, title, body) in documents.items()
        ]  # fmt: skip
        put("silver.documents", Documents, rows)

    def run(self, asset: dg.AssetsDefinition = assets.document_scores) -> dict[str, Any]:
        """Materialise; what the run said."""
        self.texts.clear()
        result = dg.materialize([asset], resources={"lake": LakeResource()})
        (made,) = result.asset_materializations_for_node(asset.key.to_python_identifier())
        return {name: value.value for name, value in made.metadata.items()}

    def scores(self) -> pd.DataFrame:
        return configured_lake().read("gold.document_scores").set_index("document_id").sort_index()


@pytest.fixture
def desk(atlas_home, monkeypatch) -> Desk:
    desk, score = Desk(), FinanceVaderEngine.score

    def counted(engine, texts):
        desk.texts += texts
        return score(engine, texts)

    monkeypatch.setattr(FinanceVaderEngine, "score", counted)
    for name in ("document_scores", "daily_sentiment", "instrument_sentiment"):
        monkeypatch.setattr(plots, name, lambda _, **__: None)
    desk.put(TEXTS)
    return desk


def test_each_document_has_the_score_of_its_text(desk):
    told = desk.run()
    found = DocumentScores.validate(desk.scores().reset_index()).set_index("document_id")
    assert list(found.index) == [*"abcefgh"]
    ensemble, vader = SentimentAnalyzer("ensemble"), SentimentAnalyzer("vader")
    assert found["score"]["a"] == ensemble.score(["Profit rose\nShares win."])[0] > 0
    assert found["vader"]["b"] == vader.score(["Shares fell on weak earnings"])[0]
    assert found["engine"].dropna().to_dict() == {
        "a": "vader_finance", "b": "vader_finance", "c": "vader_finance", "e": "vader_finance", "f": "japanese",
        "h": "japanese",
    }  # fmt: skip
    assert found["score"].isna().to_dict() == {name: name == "g" for name in "abcefgh"}
    assert [*found.index[found["vader"].isna()]] == ["e", "f", "g"]
    assert (told["documents"], told["documents_scored_now"]) == (8, 7)
    assert told["documents_by_language"] == {"de": 1, "en": 5, "ja": 1, "und": 1}
    assert told["share_without_text"] == 1 / 7


def test_a_run_reads_what_is_new_or_changed(desk):
    desk.put({name: TEXTS[name] for name in "abceg"})
    first = desk.run()
    before, snapshot = desk.scores(), configured_lake().current_snapshot()
    told = desk.run()
    assert (told["changed"], told["mean_score"], told["preview"]) == (False, first["mean_score"], first["preview"])
    assert (desk.texts, configured_lake().current_snapshot()) == ([], snapshot)

    desk.put({name: TEXTS[name] for name in "abcegh"})
    told = desk.run()
    assert desk.texts == []  # "h" went to the Japanese engine
    assert (told["documents_scored_now"], told["rows_added"], told["rows_removed"]) == (1, 1, 0)

    # "a" is gone, "b" another text, "g" has one now, "e" is called German.
    edited = {"b": ("post", "en", "Profit rose", None), "g": ("post", "en", "The table", None)}
    desk.put({name: TEXTS[name] for name in "ch"} | edited | {"e": ("post", "de", *TEXTS["e"][2:])})
    assert desk.run()["documents_scored_now"] == 2
    assert sorted(desk.texts) == ["Profit rose", "The table"]
    after = desk.scores()
    assert [*after.index] == ["b", "c", "g", "h"]
    assert after["score"]["b"] > 0 > before["score"]["b"]
    pd.testing.assert_series_equal(after.loc["c"], before.loc["c"], check_exact=True)
    whole = scored_at_once()
    pd.testing.assert_frame_equal(after[["score", "vader"]], whole[["score", "vader"]], check_exact=True)


def test_new_code_scores_all_anew(desk, monkeypatch):
    desk.run()
    rows, snapshot = desk.scores(), configured_lake().current_snapshot()
    monkeypatch.setattr(AssetRun, "code_version", "another")
    monkeypatch.setattr(adapter, "MOST_DOCUMENTS", 2)
    told = desk.run()
    assert told["documents_scored_now"] == 7
    assert len(desk.texts) == 4  # of "a", "b", "c", "e": in parts of two, copies in two parts are two texts
    pd.testing.assert_frame_equal(desk.scores(), rows, check_exact=True)
    assert configured_lake().current_snapshot() == snapshot


def test_the_settings_decide_what_is_read_and_who_is_positive(desk, monkeypatch):
    long = "The table. " * 20
    desk.put({"a": ("article", "en", long, "Profit rose"), "b": TEXTS["b"]})
    assert desk.run()["documents_scored_now"] == 2
    assert desk.scores()["score"]["a"] > 0

    monkeypatch.setenv("ATLAS_MODELS__DOCUMENT_SCORES__MAX_CHARACTERS", "100")
    monkeypatch.setenv("ATLAS_MODELS__SENTIMENT__THRESHOLD", "0.9")
    configured_settings.cache_clear()
    monkeypatch.setattr(AssetRun, "code_version", "another")  # as its digest of the parameters would be
    desk.run()
    assert desk.scores()["score"]["a"] == 0
    assert desk.scores()["score"]["b"] < -0.35

    put("silver.document_groups", DocumentGroups, GROUPS)
    put("silver.document_mentions", DocumentMentions, MENTIONS)
    put("silver.instruments", Instruments, INSTRUMENTS)
    for asset in (assets.daily_sentiment, assets.instrument_sentiment):
        assert desk.run(asset)["threshold"] == 0.9
        table = configured_lake().read(f"gold.{asset.key.path[-1]}")
        assert (table["negative_share"] == 0).all()
        assert (table["sentiment_mean"] <= 0).all()


def test_no_documents_have_no_scores(desk):
    desk.put({})
    assert desk.run()["documents_scored_now"] == 0
    assert desk.scores().empty


def scored_at_once() -> pd.DataFrame:
    """Every document of a scored language with the scores of one pass over all texts."""
    rows = (
        configured_lake().read("silver.documents").query("language in ('en', 'ja', 'und')").sort_values("document_id")
    )
    texts = [f"{row.title or ''}\n{row.body or ''}".strip() for row in rows.itertuples()]
    plain = [text if language == "en" else None for text, language in zip(texts, rows["language"], strict=True)]
    return rows.set_index("document_id").assign(
        score=SentimentAnalyzer("ensemble").score(texts), vader=SentimentAnalyzer("vader").score(plain)
    )


def test_tables_from_scores_are_those_from_texts(desk):
    """To the last bit, by the steps that they were made by from texts."""
    lake = configured_lake()
    put("silver.document_groups", DocumentGroups, GROUPS)
    put("silver.document_mentions", DocumentMentions, MENTIONS)
    put("silver.instruments", Instruments, INSTRUMENTS)
    for asset in (assets.document_scores, assets.daily_sentiment, assets.instrument_sentiment):
        desk.run(asset)

    threshold = SentimentAnalyzer("ensemble").threshold
    ranks = pd.DataFrame(GROUPS).set_index("document_id")
    documents = scored_at_once()[["session_date", "kind", "language", "score", "vader"]].join(ranks)
    documents = documents.fillna({"duplicate_rank": 1, "flood_rank": 1}).dropna(subset="score").reset_index()
    market = documents["document_id"].isin(["a", "e"]).map({True: "crypto", False: "stocks"})
    weight = document_weights(documents["duplicate_rank"], documents["flood_rank"], 1.0)
    toned = with_totals(documents.assign(market=market, weight=weight), "market", "kind", "language")
    keys = ["session_date", "market", "kind", "language"]
    expected = weighted_tone(toned, keys=keys, threshold=threshold)
    found = lake.read("gold.daily_sentiment").sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(found[expected.columns], expected, check_exact=True)
    english = toned.dropna(subset="vader")
    sums = english.assign(weighted=english["weight"] * english["vader"]).groupby(keys)[["weighted", "weight"]].sum()
    plain = found.set_index(keys)["vader_mean"].dropna()
    pd.testing.assert_series_equal(plain, sums["weighted"] / sums["weight"], check_exact=True, check_names=False)

    mentioned = documents.merge(pd.DataFrame(MENTIONS), on="document_id")
    weight = document_weights(mentioned["duplicate_rank"], mentioned["flood_rank"], mentioned["candidates"])
    keys = ["instrument_id", "session_date", "kind"]
    expected = weighted_tone(with_totals(mentioned.assign(weight=weight), "kind"), keys=keys, threshold=threshold)
    found = lake.read("gold.instrument_sentiment").sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(found[expected.columns], expected, check_exact=True)
    assert tables.documents_scored(lake.read("gold.daily_sentiment")) == len(documents)
