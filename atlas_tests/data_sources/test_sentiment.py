"""Fear & Greed index and news feeds."""

import json
from datetime import UTC, date, datetime

import httpx
import pytest

from atlas_assets.data_sources.errors import MalformedReply, PermanentError, TransientError
from atlas_assets.data_sources.sentiment import AlternativeMeFearGreed, ArticlesQuery, FearGreedQuery, RssArticles

DECEMBER = {"start": date(2018, 12, 1), "end": date(2018, 12, 31)}
INDEX = FearGreedQuery(**DECEMBER, limit=0)
FEED = ArticlesQuery(**DECEMBER, feed="market_wire", url="https://news.example/market-wire.rss")


def value(stamp, number="40", label="Fear"):
    return {"value": number, "value_classification": label, "timestamp": stamp}


def index(*values, **other):
    return {"name": "Fear and Greed Index", "data": list(values), "metadata": {"error": None}, **other}


def read(payload):
    return AlternativeMeFearGreed.transform(json.dumps(payload).encode(), INDEX)


@pytest.mark.parametrize(
    ("start", "limit"),
    [(date(2018, 2, 1), "0"), (date(2017, 1, 1), "0"), (date(2018, 12, 31), "2"), (date(2018, 12, 1), "32")],
)
def test_the_index_is_asked_for_enough_days(source_of, vendor, json_reply, start, limit):
    server = vendor(json_reply(index()))
    source = source_of(AlternativeMeFearGreed, server)
    (query,) = source.queries(start, date(2018, 12, 31))
    list(source.extract(query))
    assert server.asked == [{"limit": limit, "format": "json"}]
    assert server.requests[0].url.path == "/fng/"


def test_index_values_stay_text_whatever_their_hour():
    at_five, at_midnight, after = "1543640400", "1546214400", "1546300800"
    rows = read(
        index({**value(at_midnight), "time_until_update": "68499"}, value(at_five), value(after), value("1543622399"))
    )
    assert rows.to_pylist() == [value(at_midnight), value(at_five)]
    assert AlternativeMeFearGreed.row_dates(rows).to_pylist() == [date(2018, 12, 31), date(2018, 12, 1)]


@pytest.mark.parametrize(
    "payload",
    [
        index(value(1546214400)),
        index(value("12-31-2018")),
        index(value("")),
        index(value("9" * 18)),
        index(value("1546214400", number=40)),
        index({"value": "40"}),
        index(metadata={"error": "Invalid parameter"}),
        {"name": "Fear and Greed Index"},
        [],
    ],
)
def test_other_indices_are_errors(payload):
    with pytest.raises(MalformedReply, match="alternative_me fear_greed"):
        read(payload)


def test_an_error_sent_as_success_is_seen(source_of, vendor, json_reply):
    with pytest.raises(PermanentError, match="Invalid parameter"):
        list(
            source_of(
                AlternativeMeFearGreed, vendor(json_reply(index(metadata={"error": "Invalid parameter"})))
            ).extract(INDEX)
        )


def item(number=1, published="Mon, 03 Dec 2018 14:30:00 +0100", guid=True):
    identity = f"<guid>id-{number}</guid>" if guid else ""
    date_of = f"<pubDate>{published}</pubDate>" if published else ""
    link = f"<link>https://news.example/{number}</link>"
    title = f"<title>Shares &lt;b&gt;rise&lt;/b&gt; {number}</title>"
    return f"<item>{title}{link}{identity}{date_of}<description>d</description></item>"


def rss(*items, title="<title>Wire</title>"):
    head = f"<?xml version='1.0'?><rss version='2.0'><channel>{title}<language>en</language>"
    return f"{head}{''.join(items)}</channel></rss>".encode()


def test_each_feed_is_asked_once(source_of, vendor):
    server = vendor(httpx.Response(200, content=rss(item())))
    source = source_of(RssArticles, server)
    queries = list(source.queries(**DECEMBER))
    assert [query.feed for query in queries] == ["market_wire", "crypto_wire"]
    (reply,) = source.extract(queries[0])
    assert server.requests[0].url == "https://news.example/market-wire.rss"
    assert source.transform(reply.content, queries[0]).num_rows == 1


def test_articles_are_kept_as_sent_with_their_time_in_utc():
    rows = RssArticles.transform(rss(item()), FEED)
    assert rows.to_pylist() == [
        {
            "feed": "market_wire",
            "entry_id": "id-1",
            "link": "https://news.example/1",
            "title": "Shares <b>rise</b> 1",
            "summary": "d",
            "author": None,
            "published": "Mon, 03 Dec 2018 14:30:00 +0100",
            "published_at": datetime(2018, 12, 3, 13, 30, tzinfo=UTC),
            "language": "en",
        }
    ]
    assert RssArticles.row_dates(rows).to_pylist() == [date(2018, 12, 3)]


def test_markup_is_left_for_later():
    body = "&lt;script&gt;alert(1)&lt;/script&gt;&lt;a href='/x'&gt;x&lt;/a&gt;"
    content = rss(item()).replace(b"<description>d", f"<description>{body}".encode())
    assert RssArticles.transform(content, FEED)["summary"].to_pylist() == [
        "<script>alert(1)</script><a href='/x'>x</a>"
    ]


def test_articles_outside_the_window_are_dropped_and_undated_ones_belong_to_its_end():
    content = rss(
        item(1, "Fri, 30 Nov 2018 23:59:59 GMT"),
        item(2, "Mon, 31 Dec 2018 23:59:59 GMT"),
        item(3, "Mon, 31 Dec 2018 23:59:59 -0100"),
        item(4, "yesterday"),
        item(5, None),
        item(6, "Mon, 31 Dec 99999 23:59:59 GMT"),
    )
    rows = RssArticles.transform(content, FEED)
    assert rows["entry_id"].to_pylist()[:3] == ["id-2", "id-4", "id-5"]
    assert rows["published"].to_pylist()[:3] == ["Mon, 31 Dec 2018 23:59:59 GMT", "yesterday", None]
    assert RssArticles.row_dates(rows).to_pylist()[:3] == [FEED.end] * 3


def test_an_article_is_named_by_guid_else_link_else_content():
    bare = "<item><title>only a title</title></item>"
    rows = RssArticles.transform(rss(item(1), item(2, guid=False), bare, bare), FEED)
    names = rows["entry_id"].to_pylist()
    assert names[:2] == ["id-1", "https://news.example/2"]
    assert names[2] == names[3]
    assert names[2].startswith("sha256:")


def test_atom_feeds_are_read_too():
    content = b"""<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en"><title>t</title><entry><id>urn:1</id>
      <title>a</title><updated>2018-12-05T01:00:00+02:00</updated><author><name>A. Writer</name></author>
      <content type="html">full text</content><link href="https://news.example/a"/></entry></feed>"""
    (row,) = RssArticles.transform(content, FEED).to_pylist()
    assert row["published_at"] == datetime(2018, 12, 4, 23, tzinfo=UTC)
    assert (row["entry_id"], row["author"], row["summary"]) == ("urn:1", "A. Writer", "full text")


def test_broken_xml_with_entries_is_read():
    assert RssArticles.transform(b"\n" + rss(item(1), item(2)), FEED).num_rows == 2
    assert RssArticles.transform(rss(item(1), item(2))[:-60], FEED).num_rows >= 1
    assert RssArticles.transform(rss(item(1)).replace(b"rise", b"\xff\xfe & rise"), FEED).num_rows == 1
    assert RssArticles.transform(rss(), FEED).num_rows == 0


@pytest.mark.parametrize(
    "content",
    [b"", b"<", b"\x00\x01", b"{}", b"<html><title>Are you human?</title></html>", b"/etc/passwd", rss(title="")[:40]],
)
def test_what_is_no_feed_is_an_error(source_of, vendor, content):
    with pytest.raises(MalformedReply, match="rss articles"):
        RssArticles.transform(content, FEED)
    server = vendor(httpx.Response(200, content=content), httpx.Response(200, content=rss(item())))
    (reply,) = source_of(RssArticles, server).extract(FEED)
    assert reply.content == rss(item())
    with pytest.raises(TransientError, match="feed"):
        list(source_of(RssArticles, vendor(httpx.Response(200, content=content))).extract(FEED))


def test_halves_of_characters_are_refused():
    with pytest.raises(MalformedReply, match="stops the parser"):
        RssArticles.transform(rss(item()).replace(b"rise", b"&#xD800;rise"), FEED)


def test_a_bomb_of_entities_is_harmless():
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    head = f'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a0 "lol">{entities}]>'
    content = head.encode() + rss(item()).partition(b"?>")[2].replace(b"rise", b"&a9;")
    try:
        rows = RssArticles.transform(content, FEED)
    except MalformedReply:
        return
    assert rows.nbytes < 100_000


@pytest.mark.recorded
def test_recorded_index(recorded):
    query = FearGreedQuery(start=date(2019, 2, 1), end=date(2019, 2, 28), limit=2)
    rows = AlternativeMeFearGreed.transform(recorded("alternative_me/fng_docs.json"), query)
    assert rows.to_pylist() == [value("1551157200"), value("1551070800", "47", "Neutral")]
    assert AlternativeMeFearGreed.row_dates(rows).to_pylist() == [date(2019, 2, 26), date(2019, 2, 25)]


@pytest.mark.recorded
@pytest.mark.parametrize("name", ["HuffPostCanada", "TechCrunch", "youtube_atom"])
def test_recorded_feeds(recorded, name):
    query = ArticlesQuery(start=date(1990, 1, 1), end=date(2030, 1, 1), feed="wire", url="https://news.example/x")
    rows = RssArticles.transform(recorded(f"news_rss/{name}.xml"), query)
    assert rows.num_rows > 0
    assert rows["published_at"].null_count == 0
    assert rows["title"].null_count == rows["link"].null_count == 0
    assert len(set(rows["entry_id"].to_pylist())) == rows.num_rows
