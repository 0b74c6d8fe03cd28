"""Each sentiment source against the sandbox's vendor: exactly the vendor's truth, with and without faults."""

import json
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from atlas_assets.data_sources.parsing import unique_rows
from atlas_assets.data_sources.registry import section_of, source_of
from atlas_assets.sandbox import FaultPlan, SandboxTransport
from atlas_assets.sandbox.fivech import FivechHandler
from atlas_assets.sandbox.fivech import is_removed as is_removed_post
from atlas_assets.sandbox.gdelt import GdeltHandler
from atlas_assets.sandbox.newsapi import is_removed
from atlas_assets.sandbox.newswire import Newswire
from atlas_assets.sandbox.reddit import RedditHandler
from atlas_assets.sandbox.world import World
from atlas_assets.sandbox.x import post_id

NOW = datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC)
FIRST, LAST = date(2018, 12, 29), date(2018, 12, 31)
WORLD = World(NOW, seed=3)
START = datetime(2018, 12, 29, tzinfo=UTC)
TABLES = [
    "raw.reddit_posts",
    "raw.x_posts",
    "raw.newsapi_articles",
    "raw.gdelt_articles",
    "raw.fivech_threads",
    "raw.fivech_posts",
    "raw.rss_articles",
]


@pytest.fixture
def make(settings, fake_time):
    def source(table, *, faults=None, now=NOW, **options):
        kind = source_of(table)
        section = section_of(kind.vendor, settings.data_sources)
        from atlas_assets.data_sources.registry import create

        transport = SandboxTransport(clock=now, seed=3, faults=faults)
        defaults = {"sleep": fake_time.sleep, "clock": fake_time.clock, "now": lambda: now}
        return create(kind, section, transport=transport, **defaults | options)

    return source


def load(source, first=FIRST, last=LAST):
    """All rows of a window, one of each key, and how many replies they took."""
    tables, replies = [], 0
    for query in source.queries(first, last):
        for reply in source.extract(query):
            parsed = source.transform(reply.content, reply.query or query)
            assert parsed.rejected == ()
            tables.append(parsed.rows)
            replies += 1
    return unique_rows(pa.concat_tables(tables), source.table.key), replies


def ordered(rows):
    return sorted(rows.to_pylist(), key=lambda row: json.dumps(row, default=str, sort_keys=True))


def articles(feed, end=NOW):
    found = Newswire(clock=NOW, seed=3).articles(feed, since=FIRST)
    return [article for article in found if START <= article.published_at <= end]


FEEDS = ("market_wire", "crypto_wire")


@pytest.mark.parametrize("table", TABLES)
def test_faults_change_nothing_about_the_rows(make, table):
    true, replies = load(make(table))
    assert (true.num_rows > 0, replies > 0) == (True, True)
    for seed in range(2):
        faulty, _ = load(make(table, faults=FaultPlan(seed=seed, rate=0.3)))
        assert ordered(faulty) == ordered(true)


def test_reddit_posts_are_the_sandboxs(make):
    rows, _ = load(make("raw.reddit_posts"))
    truth = {
        (subreddit, post["name"]): post
        for subreddit in ("stocks", "CryptoCurrency")
        for post in RedditHandler(WORLD).posts(subreddit)
        if post["created_utc"] >= START.timestamp()
    }
    assert {(row["subreddit"], row["name"]) for row in rows.to_pylist()} == set(truth)
    for row in rows.to_pylist():
        post = truth[row["subreddit"], row["name"]]
        assert (row["title"], row["selftext"], row["score"]) == (post["title"], post["selftext"], post["score"])
        assert row["edited_utc"] == (post["edited"] or None)


def test_a_subreddit_is_paged_to_the_windows_start(make):
    rows, replies = load(make("raw.reddit_posts"), first=date(2018, 12, 1))
    assert replies > 4
    assert rows.num_rows == sum(len(Newswire(clock=NOW, seed=3).articles(feed)) for feed in FEEDS)


def test_x_posts_are_the_sandboxs(make):
    rows, _ = load(make("raw.x_posts"))
    # The present is asked for without an end, which the vendor takes for half a minute ago.
    truth = {post_id(article) for feed in FEEDS for article in articles(feed, NOW - timedelta(seconds=31))}
    assert set(rows["id"].to_pylist()) == truth


def test_x_pages_a_week(make):
    rows, replies = load(make("raw.x_posts"), first=date(2018, 12, 25))
    assert replies > 2
    assert len(set(rows["posted_at"].cast(pa.date32()).to_pylist())) == 7


def test_newsapi_articles_are_the_sandboxs(make):
    rows, _ = load(make("raw.newsapi_articles"))
    found = [article for feed in FEEDS for article in articles(feed, NOW - timedelta(hours=24))]
    assert set(rows["url"].to_pylist()) == {article.link for article in found if not is_removed(article)}
    assert max(rows["published_at"].to_pylist()) <= NOW - timedelta(hours=24)


def test_gdelt_articles_are_the_sandboxs(make):
    rows, replies = load(make("raw.gdelt_articles"))
    handler = GdeltHandler(WORLD)
    truth = {
        (topic, row["url"], row["seendate"])
        for topic, query in (("stocks", "stock market"), ("bitcoin", "bitcoin"))
        for row in handler.rows(query, START, NOW)
    }
    assert {(row["topic"], row["url"], row["seendate"]) for row in rows.to_pylist()} == truth
    assert len(truth) > 1000
    assert replies > 4


def test_gdelts_files_hold_what_its_search_finds(make):
    rows, replies = load(make("raw.gdelt_files_documents"))
    found, _ = load(make("raw.gdelt_articles"))

    def plain(url):
        return url.replace(":443", "").replace("%20title=", "")

    truth = {(row["topic"], plain(row["url"]), row["seen_at"]) for row in found.to_pylist()}
    assert {(row["topics"], row["url"], row["seen_at"]) for row in rows.to_pylist()} == truth
    assert replies == 3 * 96
    assert len(set(rows["tone"].to_pylist())) == 3
    # So many requests that more faults would use up what may be tried again.
    faulty, _ = load(make("raw.gdelt_files_documents", faults=FaultPlan(seed=1, rate=0.08)))
    assert ordered(faulty) == ordered(rows)


def test_5ch_threads_and_posts_are_the_sandboxs(make):
    handler = FivechHandler(WORLD)
    threads, _ = load(make("raw.fivech_threads"))
    listed = [line for board in ("livemarket1", "cryptocoin") for line in handler.subject(board).splitlines()]
    assert threads.num_rows == len(listed)
    assert threads["is_system"].to_pylist().count(True) == 2
    posts, _ = load(make("raw.fivech_posts"))
    for board in ("livemarket1", "cryptocoin"):
        for day in (FIRST, FIRST + timedelta(days=1), LAST):
            content, _ = handler.thread(board, day)
            key = handler.key(board, day)
            mine = [row for row in posts.to_pylist() if (row["board"], row["thread"]) == (board, key)]
            assert sorted(row["number"] for row in mine) == list(range(1, content.count(b"\n") + 1))
    rows = posts.to_pylist()
    assert any(row["is_deleted"] for row in rows)
    removed = [
        article
        for feed in FEEDS
        for article in articles(feed, NOW - timedelta(hours=6))
        if is_removed_post(article) and article.published_at.date() >= FIRST
    ]
    assert 0 < sum(row["is_deleted"] for row in rows) <= len(removed)


def test_5ch_polled_through_a_day_is_the_day_read_at_its_end(make, fake_time):
    """A poll an hour takes what is new, and takes threads again from which a post was removed."""
    from atlas_assets.data_sources.client.state import MemoryState

    state, kept, statuses = MemoryState(clock=fake_time.clock), {}, []
    for hour in range(0, 24, 2):
        now = datetime(2018, 12, 31, hour, 59, 59, tzinfo=UTC)
        source = make("raw.fivech_posts", now=now, state=state)
        for query in source.queries(LAST, LAST):
            for reply in source.extract(query):
                statuses.append(reply.status)
                rows = source.transform(reply.content, reply.query or query).rows.to_pylist()
                kept |= {(row["board"], row["thread"], row["number"]): row for row in rows}
        source.committed()
    whole, _ = load(make("raw.fivech_posts", now=now), first=LAST)
    assert sorted(kept) == sorted((row["board"], row["thread"], row["number"]) for row in whole.to_pylist())
    assert [kept[row["board"], row["thread"], row["number"]] for row in whole.to_pylist()] == whole.to_pylist()
    assert statuses.count(206) > 5


def test_a_board_on_its_old_host_is_found_on_the_new_one(settings, make):
    from atlas_assets.data_sources.registry import create

    kind = source_of("raw.fivech_threads")
    boards = [{"name": "livemarket1", "host": "old.5ch.net"}]
    section = kind.vendor.settings(boards=boards, hosts=["egg.5ch.net"], spacing_seconds=0)
    source = create(kind, section, transport=SandboxTransport(clock=NOW, seed=3), now=lambda: NOW)
    assert load(source)[0].num_rows == 7
