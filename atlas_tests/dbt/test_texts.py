"""Documents of every source, their groups and mentions, and indices with revisions: a lake in five chapters."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from atlas_assets.lake import Lake, LakeConfig
from atlas_tests.dbt.conftest import Workbench, dbt_environment
from atlas_tests.dbt.text_story import SELECTED, STORY, Story, at, first_load, second_load, third_load

pytestmark = pytest.mark.xdist_group("dbt_texts")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Five chapters of one lake."""
    folder = tmp_path_factory.mktemp("texts")
    lake = Lake(LakeConfig(root=folder / "lake"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in dbt_environment(lake, run_id="test-run").items():
            patch.setenv(name, value)
        told = Story(Workbench(lake, folder / "target"))
        first_load(told.bench)
        told.chapter("first")
        told.chapter("nothing new", "run", *SELECTED)
        second_load(told.bench)
        told.chapter("second")
        third_load(told.bench)
        told.chapter("third", "run", *SELECTED)
        told.chapter("rebuilt", "run", "--full-refresh", *SELECTED)
        yield told


def _document(story: Story, source: str, name: str, chapter: str = "first") -> dict[str, Any]:
    (row,) = story.rows(chapter, "documents", f"document_id = md5('{source}|{name}')")
    return row


def test_every_test_passes_but_what_is_left_out(story: Story) -> None:
    for chapter in ("first", "second"):
        odd = {name: status for name, status in story.statuses[chapter].items() if status not in ("success", "pass")}
        assert odd == {"fear_greed_left_out": "warn"}


def test_documents_of_each_source(story: Story) -> None:
    counts = {}
    for row in story.rows("first", "documents"):
        counts[row["source"]] = counts.get(row["source"], 0) + 1
    assert counts == {"rss": 2, "reddit": 6, "x": 2, "newsapi": 1, "gdelt": 2, "fivech": 3, "landing": 2}

    entry = _document(story, "wire", "1")
    assert (entry["title"], entry["title_raw"]) == ("Up & away", "Up &amp; away")
    assert entry["body"] == f"{STORY} today"
    assert entry["body_raw"].startswith("<p>")
    assert (entry["kind"], entry["language"], entry["language_method"]) == ("article", "en", "sent")

    post = _document(story, "reddit", "t3_0")
    assert (post["kind"], post["score"], post["comment_count"], post["like_count"]) == ("post", 12, 3, None)
    assert post["url"] == "https://www.reddit.com/r/stocks/t3_0"
    assert (post["language"], post["language_method"]) == ("en", "detected")

    tweeted = _document(story, "x", "1")
    assert (tweeted["like_count"], tweeted["comment_count"], tweeted["repost_count"]) == (5, 1, 3)
    assert (tweeted["title"], tweeted["feed"]) == ("", "us")
    assert _document(story, "x", "2")["language"] == "ja"

    seen = _document(story, "gdelt", "https://b.com/1")
    assert seen["published_at"] == at("2018-12-03T12:00:00"), "in a file, before the search found it"
    in_file = _document(story, "gdelt", "https://b.com/2")
    assert (in_file["title"], in_file["feed"]) == ("Nobody\u2019s choir sings", "us")
    assert (in_file["language"], in_file["language_method"]) == ("en", "sent")

    opened = _document(story, "fivech", "stock|1543000000|1")
    assert (opened["title"], opened["body"], opened["language"]) == ("株", "ビットコイン >>2", "ja")
    # Without a readable time: from the next day on.
    assert _document(story, "fivech", "stock|1543000000|2")["published_at"] == at("2018-12-04T00:00:00")

    landed = _document(story, "landing", "2")
    assert (landed["kind"], landed["feed"], landed["like_count"]) == ("post", "a.csv", 3)


def test_text_is_normalised(story: Story) -> None:
    entry = _document(story, "wire", "2")
    assert (entry["title"], entry["body"]) == ("トヨタ(7203)", "株価は 続伸した")
    assert (entry["language"], entry["language_method"]) == ("ja", "detected")


def test_what_was_withdrawn_has_no_text(story: Story) -> None:
    gone, deleted = _document(story, "reddit", "t3_gone"), _document(story, "fivech", "stock|1543000000|2")
    assert (gone["is_withdrawn"], gone["title"], gone["body"], gone["author_hash"]) == (True, "A question", None, None)
    assert (deleted["is_withdrawn"], deleted["title"], deleted["body"], deleted["body_raw"]) == (True, "", None, None)


def test_authors_are_hashes(story: Story) -> None:
    rows = story.rows("first", "documents")
    by_source = {row["source"]: row["author_hash"] for row in rows if row["author_hash"]}
    assert {len(value) for value in by_source.values()} == {64}
    # The same name in two sources is not the same author.
    assert by_source["rss"] != by_source["newsapi"]
    everything = str([{k: v for k, v in row.items() if k not in ("title_raw", "body_raw")} for row in rows])
    assert "alice" not in everything
    assert "Jane Doe" not in everything


def test_copies_of_any_source_are_one_group(story: Story) -> None:
    rss, newsapi_, landed = (
        story.rows("first", "document_groups", f"document_id = md5('{name}')")[0]
        for name in ("wire|1", "newsapi|https://a.com/1", "landing|1")
    )
    # "Up & away" and the story, the story and its publisher, the story alone: near copies.
    assert newsapi_["duplicate_group"] == landed["duplicate_group"]
    assert rss["duplicate_rank"] == 1
    japanese = story.rows(
        "first", "document_groups", "duplicate_size > 1 AND source IN ('x', 'fivech')", "published_at"
    )
    assert [(row["source"], row["duplicate_rank"], row["duplicate_size"]) for row in japanese] == [
        ("x", 1, 2),
        ("fivech", 2, 2),
    ]


def test_floods_have_ranks_and_sizes(story: Story) -> None:
    flood = story.rows("first", "document_groups", "source = 'reddit' AND flood_size > 1", "flood_rank")
    assert [row["flood_rank"] for row in flood] == [1, 2, 3, 4, 5]
    assert {row["flood_size"] for row in flood} == {5}
    assert len({row["flood_group"] for row in flood}) == 1
    assert {row["flood_size"] for row in story.rows("second", "document_groups", "source = 'reddit'")} == {3}


def test_mentions_carry_their_evidence(story: Story) -> None:
    mentions = {
        (row["source"], row["symbol"], row["method"], row["evidence"]): row
        for row in story.rows("first", "document_mentions")
    }
    assert set(mentions) == {
        ("x", "ACME", "cashtag", "$ACME"),
        ("x", "BTCUSDT", "ticker", "BTC"),
        ("rss", "ACME", "name", "Acme"),
        ("rss", "7203", "code", "(7203)"),
        ("newsapi", "ACME", "name", "Acme"),
        ("gdelt", "ACME", "name", "Acme Holdings"),
        ("fivech", "BTCUSDT", "name", "ビットコイン"),
        ("landing", "ACME", "name", "Acme"),
    }
    for row in mentions.values():
        (document,) = story.rows("first", "documents", f"document_id = '{row['document_id']}'")
        text = "\n".join(part for part in (document["title"], document["body"]) if part)
        assert text[row["position"] - 1 :].startswith(row["evidence"])
        assert row["candidates"] == 1
    instruments = {row["symbol"]: row["instrument_id"] for row in story.rows("first", "instruments")}
    assert {row["instrument_id"] for row in mentions.values()} == set(instruments.values())


def test_a_new_instrument_finds_its_mentions_in_old_documents(story: Story) -> None:
    def found(chapter: str) -> set[tuple[str, str]]:
        rows = story.rows(chapter, "document_mentions", "symbol = 'GLOBX'")
        return {(row["method"], row["evidence"]) for row in rows}

    assert found("first") == set()
    assert found("second") == {("ticker", "GLOBX")}
    assert found("third") == {("ticker", "GLOBX"), ("name", "Jane")}
    assert not story.rows("third", "document_mentions", "symbol = 'BTCUSDT'")


def test_a_late_document_leads_those_after_it(story: Story) -> None:
    (landed,) = story.rows("second", "document_groups", "document_id = md5('landing|3')")
    copies = story.rows("second", "document_groups", f"duplicate_group = '{landed['document_id']}'", "duplicate_rank")
    assert [row["duplicate_rank"] for row in copies] == list(range(1, len(copies) + 1))
    assert {row["source"] for row in copies} >= {"landing", "newsapi"}


def _values(story: Story, chapter: str, where: str) -> list[tuple[Any, ...]]:
    rows = story.rows(chapter, "fear_greed", where, "session_date, known_from")
    return [(str(row["session_date"]), row["value"], row["known_from"], row["is_current"]) for row in rows]


def test_indices_and_when_their_values_were_known(story: Story) -> None:
    assert _values(story, "first", "index_name = 'alternative_me'") == [
        ("2018-12-03", 20.0, at("2018-12-03T00:00"), False),
        ("2018-12-03", 21.0, at("2018-12-03T06:00"), True),
    ]
    # The day's value of CNN is known on the next morning; a moment's value at once.
    assert _values(story, "first", "source = 'cnn'") == [
        ("2018-12-03", 31.5, at("2018-12-04T02:00"), True),
    ]
    assert _values(story, "first", "index_name = 'put_call'") == [("2018-11-01", 0.9, at("2018-11-02T13:30"), True)]
    assert _values(story, "first", "index_name = 'aaii'") == [
        ("2018-11-01", -3.0, at("2018-11-09T14:30"), False),
        ("2018-11-01", -4.0, at("2018-11-16T14:30"), True),
    ]


def test_a_different_value_is_a_revision_and_the_same_one_is_none(story: Story) -> None:
    assert _values(story, "second", "index_name = 'put_call'") == [
        ("2018-11-01", 0.9, at("2018-11-02T13:30"), False),
        ("2018-11-01", 0.8, at("2018-12-05T12:00"), True),
    ]
    (before, after) = story.rows("second", "fear_greed", "index_name = 'put_call'", "known_from")
    assert before["known_to"] == after["known_from"] == after["published_at"]
    assert after["known_to"] == datetime(9999, 12, 31, tzinfo=UTC)
    assert _values(story, "second", "index_name = 'cnn' AND source = 'landing'") == [
        ("2018-11-01", 40.0, at("2018-11-02T13:30"), True)
    ]


def test_a_run_without_news_changes_nothing(story: Story) -> None:
    assert story.versions["nothing new"] == story.versions["first"]
    assert story.after["nothing new"] == story.after["first"]


def test_increments_end_where_a_rebuild_ends(story: Story) -> None:
    assert story.versions["second"] != story.versions["third"]
    assert story.versions["third"] == story.versions["rebuilt"]


def test_a_week_later_is_another_group(story: Story) -> None:
    rows = story.rows("second", "document_groups", "duplicate_size > 1", "published_at")
    leaders = {row["document_id"]: row["published_at"] for row in story.rows("second", "document_groups")}
    for row in rows:
        assert row["published_at"] - leaders[row["duplicate_group"]] <= timedelta(days=7)
