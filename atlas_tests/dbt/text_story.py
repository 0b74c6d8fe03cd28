"""What people wrote, in each source's own rows: the loads of a lake in five chapters."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from atlas_tests.dbt.conftest import Workbench
from atlas_tests.dbt.vendor_rows import article, bar, candle, mood

MODELS = ("documents", "document_groups", "instrument_terms", "document_mentions", "fear_greed")
SELECTED = ("--select", "path:models/silver/sentiment", "ticker_history", "instruments")
BUILD = (
    "build",
    "--exclude-resource-type",
    "unit_test",
    "--indirect-selection",
    "cautious",
    *SELECTED,
    "fear_greed_left_out",
)
STORY = "Acme beats estimates as its cloud revenue grows much faster than analysts had expected"
STORY_JA = "アクメ社は第三四半期の決算を発表し、クラウド事業の売上高が市場予想を大きく上回った"


def at(time: str) -> datetime:
    return datetime.fromisoformat(time).replace(tzinfo=UTC)


def reddit(name: str, time: str, title: str, text: str = "", **more: Any) -> dict[str, Any]:
    """A Reddit post."""
    return {
        "subreddit": "stocks", "name": name, "created_utc": at(time).timestamp(), "title": title, "selftext": text,
        "author": "alice", "permalink": f"/r/stocks/{name}", "is_self": True, "over_18": False, "score": 12,
        "num_comments": 3, "is_edited": False, **more,
    }  # fmt: skip


def tweet(number: str, time: str, text: str, **more: Any) -> dict[str, Any]:
    """A post on X."""
    counts = {"retweet_count": 2, "reply_count": 1, "like_count": 5, "quote_count": 1}
    return {"search": "us", "id": number, "text": text, "posted_at": at(time), "lang": "en", **counts, **more}


def newsapi(url: str, time: str, title: str, **more: Any) -> dict[str, Any]:
    """An article of NewsAPI."""
    return {"topic": "us", "url": url, "title": title, "published": time, "published_at": at(time), **more}


def gdelt(url: str, time: str, title: str, **more: Any) -> dict[str, Any]:
    """An article of GDELT."""
    return {
        "topic": "us", "url": url, "seendate": time, "seen_at": at(time), "title": title, "domain": "a.com",
        "language": "English", **more,
    }  # fmt: skip


def gdelt_file(number: int, url: str, time: str, title: str | None, **more: Any) -> dict[str, Any]:
    """A document of GDELT's files."""
    return {
        "gkg_record_id": f"{number}", "topics": "us;crypto", "date": time, "seen_at": at(time), "source_name": "a.com",
        "url": url, "themes": "ECON_STOCKMARKET", "organisations": "", "page_title": title, **more,
    }  # fmt: skip


def fivech(number: int, body: str, **more: Any) -> dict[str, Any]:
    """A post on 5ch."""
    return {
        "board": "stock", "thread": "1543000000", "number": number, "is_sage": False, "body": body, "fields": 4,
        "dated_on": date(2018, 12, 3), "is_deleted": False, **more,
    }  # fmt: skip


def dropped(number: int, **more: Any) -> dict[str, Any]:
    """A row of a dropped file."""
    return {"file_name": "a.csv", "row_number": number, **more}


@dataclass
class Story:
    """What happened, chapter by chapter."""

    bench: Workbench
    after: dict[str, int] = field(default_factory=dict)
    statuses: dict[str, dict[str, str]] = field(default_factory=dict)
    versions: dict[str, dict[str, str]] = field(default_factory=dict)

    def chapter(self, name: str, *arguments: str) -> None:
        """Run dbt and remember the outcome."""
        self.statuses[name] = self.bench.dbt(*(arguments or BUILD))
        self.after[name] = self.bench.lake.current_snapshot()
        self.versions[name] = {model: self.bench.lake.version(f"silver.{model}", recompute=True) for model in MODELS}

    def rows(self, name: str, table: str, where: str = "true", order: str = "1") -> list[dict[str, Any]]:
        """Rows of a silver table as they were after a chapter."""
        query = f"SELECT * FROM lake.silver.{table} WHERE {where} ORDER BY {order}"
        return self.bench.lake.sql(query, as_of=self.after[name]).to_pylist()


def first_load(bench: Workbench) -> None:
    load = bench.load
    load("raw.eodhd_eod", "2018-12-05", [bar("ACME.US", "2018-12-03", 10.0), bar("7203.TSE", "2018-12-03", 7.0)],
         received="2018-12-05")  # fmt: skip
    load("raw.binance_klines", "2018-12-03", [candle("BTCUSDT", "2018-12-03T00:00", "4000")], received="2018-12-04")
    load(
        "raw.eodhd_symbols",
        "2018-12-03",
        [
            {"exchange": "US", "snapshot_date": date(2018, 12, 3), "code": "ACME ", "is_delisted": False,
             "name": "Acme Holdings Inc"},
        ],
        received="2018-12-04",
    )  # fmt: skip
    load(
        "raw.rss_articles",
        "2018-12-03",
        [
            article("1", "Up &amp; away", f"<p>{STORY}&nbsp;<b>today</b></p>", published_at=at("2018-12-03T10:00"),
                    author="Jane Doe"),
            article("2", "ﾄﾖﾀ\uff087203\uff09", "株価は<br>続伸した", published_at=at("2018-12-03T11:00"),
                    language=None),
        ],
        received="2018-12-04",
    )  # fmt: skip
    load(
        "raw.reddit_posts",
        "2018-12-03",
        [
            *(reddit(f"t3_{n}", f"2018-12-03T12:0{n}:00", f"Thought of mine, part {word}") for n, word in
              enumerate(("one", "two", "three", "four", "five"))),
            reddit("t3_gone", "2018-12-03T15:00:00", "A question", "[deleted]", author="[deleted]"),
        ],
        received="2018-12-04",
    )  # fmt: skip
    load(
        "raw.x_posts",
        "2018-12-03",
        [
            tweet("1", "2018-12-03T13:00:00", "$ACME and #BTC, not the 2018 ATH", author_id="77"),
            tweet("1", "2018-12-03T13:00:00", "$ACME and #BTC, not the 2018 ATH", author_id="77", search="crypto"),
            tweet("2", "2018-12-03T14:00:00", STORY_JA, lang="und"),
        ],
        received="2018-12-04",
    )
    load(
        "raw.newsapi_articles",
        "2018-12-03",
        [newsapi("https://a.com/1", "2018-12-03T20:00:00", f"{STORY} today - Wire", author="Jane Doe")],
        received="2018-12-04",
    )
    load(
        "raw.gdelt_articles",
        "2018-12-03",
        [
            gdelt("https://b.com/1", "2018-12-03T12:15:00", "Acme Holdings is here"),
            gdelt("https://b.com/1", "2018-12-03T18:00:00", "Acme Holdings is here"),
        ],
        received="2018-12-04",
    )
    load(
        "raw.gdelt_files_documents",
        "2018-12-03",
        [
            gdelt_file(1, "https://b.com/1", "2018-12-03T12:00:00", "Acme Holdings is here"),
            gdelt_file(2, "https://b.com/2", "2018-12-03T19:00:00", "Nobody&#x2019;s choir sings"),
            gdelt_file(3, "https://b.com/3", "2018-12-03T19:00:00", None),
            gdelt_file(4, "10.1000/182", "2018-12-03T19:00:00", "A paper, not a page"),
        ],
        received="2018-12-04",
    )
    load(
        "raw.fivech_posts",
        "2018-12-03",
        [
            fivech(1, "ビットコイン<br>&gt;&gt;2", id_hash="h1", posted_at=at("2018-12-03T01:00:00"), title="株"),
            fivech(2, "あぼーん", is_deleted=True),
            fivech(3, STORY_JA + "。", posted_at=at("2018-12-03T16:00:00"), id_hash="h2"),
        ],
        received="2018-12-05",
    )
    load(
        "raw.landing_documents",
        "2018-12-03",
        [
            dropped(1, document_id="1", published_at=at("2018-12-08T00:00:00"), body=f"rt @x: {STORY} TODAY!"),
            dropped(
                2, document_id="2", published_at=at("2018-12-08T00:00:00"), body="Posted", kind="post", like_count=3
            ),
        ],
        received="2018-12-09",
    )
    moods(bench)


def moods(bench: Workbench) -> None:
    bench.load(
        "raw.alternative_me_fear_greed",
        "2018-12-03",
        [mood("2018-12-03T00:00", "20"), mood("2018-12-03T06:00", "21"), mood("2018-12-04T00:00", "many")],
        received="2018-12-04",
    )
    midnight = at("2018-12-03T00:00").timestamp() * 1000
    point = {"component": "fear_and_greed_historical", "rating": "fear"}
    bench.load(
        "raw.cnn_fear_greed",
        "2018-12-03",
        [
            {**point, "x": midnight, "y": 30.0},
            {**point, "x": midnight + 86_400_000 + 2 * 3_600_000, "y": 31.5},  # 21:00 of the 3rd in New York
            {**point, "x": midnight, "y": 5000.0, "component": "market_momentum_sp500"},
        ],
        received="2018-12-04",
    )
    values = [
        dropped(1, index_name="cnn", date=date(2018, 11, 1), value=40.0, classification="fear"),
        dropped(2, index_name="put_call", date=date(2018, 11, 1), value=0.9),
        dropped(3, index_name="cnn", date=date(2018, 11, 2), value=400.0),
        dropped(4, index_name="aaii", date=date(2018, 11, 1), value=-3.0, known_from=date(2018, 11, 8)),
        dropped(5, index_name="aaii", date=date(2018, 11, 1), value=-4.0, known_from=date(2018, 11, 15)),
    ]
    bench.load("raw.landing_index_values", "2018-12-03", values, received="2018-12-03")


def second_load(bench: Workbench) -> None:
    """Late, corrected and vanished documents, a new instrument, a revised index; what is sent again changes nothing."""
    load = bench.load
    # Before everything else: the first of what then are copies.
    load("raw.landing_documents", "2018-12-02", [
        dropped(1, file_name="b.csv", document_id="3", published_at=at("2018-12-02T00:00:00"), body=f"{STORY} today"),
    ], received="2018-12-10", object_id="b")  # fmt: skip
    load("raw.reddit_posts", "2018-12-03", [
        reddit(f"t3_{n}", f"2018-12-03T12:0{n}:00", f"Thought of mine, part {word}") for n, word in
        enumerate(("one", "two", "three"))
    ], received="2018-12-06", object_id="b")  # fmt: skip
    load("raw.x_posts", "2018-12-06", [tweet("9", "2018-12-06T10:00:00", "GLOBX is new, says Jane", lang=None)],
         received="2018-12-06")  # fmt: skip
    load("raw.eodhd_eod", "2018-12-06", [bar("GLOBX.US", "2018-12-06", 10.0)], received="2018-12-06")
    again = [
        dropped(1, file_name="c.csv", index_name="cnn", date=date(2018, 11, 1), value=40.0, classification="fear"),
        dropped(2, file_name="c.csv", index_name="put_call", date=date(2018, 11, 1), value=0.8),
    ]
    load("raw.landing_index_values", "2018-12-05", again, received="2018-12-05", object_id="b")


def third_load(bench: Workbench) -> None:
    """An instrument whose name is known only now, and one that vanishes."""
    bench.load("raw.eodhd_symbols", "2018-12-10", [
        {"exchange": "US", "snapshot_date": date(2018, 12, 10), "code": "GLOBX", "is_delisted": False,
         "name": "Jane Corp"},
    ], received="2018-12-11")  # fmt: skip
    bench.load("raw.binance_klines", "2018-12-03", [], received="2018-12-11")
