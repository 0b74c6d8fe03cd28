"""News feeds in RSS and Atom."""

from datetime import UTC, date, datetime

import httpx
import pytest

from atlas_assets.data_sources.client.disk_state import DiskState
from atlas_assets.data_sources.client.errors import CircuitOpen, MalformedReply, TransientError
from atlas_assets.data_sources.client.state import MemoryState
from atlas_assets.data_sources.sentiment.rss import ArticlesQuery, RssArticles

DECEMBER = {"start": date(2018, 12, 1), "end": date(2018, 12, 31)}
FEED = ArticlesQuery(**DECEMBER, feed="market_wire", url="https://news.example/market-wire.rss")


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
    assert source.transform(reply.content, queries[0]).rows.num_rows == 1


def test_articles_are_kept_as_sent_with_their_time_in_utc():
    parsed = RssArticles.transform(rss(item()), FEED)
    assert parsed.rows.to_pylist() == [
        {
            "feed": "market_wire",
            "entry_id": "id-1",
            "link": "https://news.example/1",
            "title": "Shares <b>rise</b> 1",
            "summary": "d",
            "author": None,
            "published": "Mon, 03 Dec 2018 14:30:00 +0100",
            "published_at": datetime(2018, 12, 3, 13, 30, tzinfo=UTC),
            "dated_on": date(2018, 12, 3),
            "language": "en",
        }
    ]
    assert parsed.days.to_pylist() == [date(2018, 12, 3)]


def test_markup_is_left_for_later():
    body = "&lt;script&gt;alert(1)&lt;/script&gt;&lt;a href='/x'&gt;x&lt;/a&gt;"
    content = rss(item()).replace(b"<description>d", f"<description>{body}".encode())
    assert RssArticles.transform(content, FEED).rows["summary"].to_pylist() == [
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
    parsed = RssArticles.transform(content, FEED)
    rows = parsed.rows
    assert rows["entry_id"].to_pylist()[:3] == ["id-2", "id-4", "id-5"]
    assert rows["published"].to_pylist()[:3] == ["Mon, 31 Dec 2018 23:59:59 GMT", "yesterday", None]
    assert parsed.days.to_pylist()[:3] == [FEED.end] * 3


def test_an_article_is_named_by_guid_else_link_else_content():
    bare = "<item><title>only a title</title></item>"
    rows = RssArticles.transform(rss(item(1), item(2, guid=False), bare, bare), FEED).rows
    names = rows["entry_id"].to_pylist()
    assert names[:2] == ["id-1", "https://news.example/2"]
    assert names[2] == names[3]
    assert names[2].startswith("sha256:")


def test_atom_feeds_are_read_too():
    content = b"""<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en"><title>t</title><entry><id>urn:1</id>
      <title>a</title><updated>2018-12-05T01:00:00+02:00</updated><author><name>A. Writer</name></author>
      <content type="html">full text</content><link href="https://news.example/a"/></entry></feed>"""
    (row,) = RssArticles.transform(content, FEED).rows.to_pylist()
    assert row["published_at"] == datetime(2018, 12, 4, 23, tzinfo=UTC)
    assert (row["entry_id"], row["author"], row["summary"]) == ("urn:1", "A. Writer", "full text")


def test_broken_xml_with_entries_is_read():
    assert RssArticles.transform(b"\n" + rss(item(1), item(2)), FEED).rows.num_rows == 2
    assert RssArticles.transform(rss(item(1), item(2))[:-60], FEED).rows.num_rows >= 1
    assert RssArticles.transform(rss(item(1)).replace(b"rise", b"\xff\xfe & rise"), FEED).rows.num_rows == 1
    assert RssArticles.transform(rss(), FEED).rows.num_rows == 0


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
        rows = RssArticles.transform(content, FEED).rows
    except MalformedReply:
        return
    assert rows.nbytes < 100_000


@pytest.mark.recorded
@pytest.mark.parametrize("name", ["HuffPostCanada", "TechCrunch", "youtube_atom"])
def test_recorded_feeds(recorded, name):
    query = ArticlesQuery(start=date(1990, 1, 1), end=date(2030, 1, 1), feed="wire", url="https://news.example/x")
    rows = RssArticles.transform(recorded(f"news_rss/{name}.xml"), query).rows
    assert rows.num_rows > 0
    assert rows["published_at"].null_count == 0
    assert rows["title"].null_count == rows["link"].null_count == 0
    assert len(set(rows["entry_id"].to_pylist())) == rows.num_rows


def feed_server(body, tag='"v1"'):
    """Answers 304 to those who name the tag."""

    def answer(request):
        if request.headers.get("if-none-match") == tag:
            return httpx.Response(304)
        return httpx.Response(
            200, content=body, headers={"etag": tag, "last-modified": "Mon, 31 Dec 2018 12:00:00 GMT"}
        )

    return answer


def test_an_unchanged_feed_is_not_sent_again_once_its_rows_are_in_the_lake(source_of, vendor):
    server, state = vendor(feed_server(rss(item()))), MemoryState()
    source = source_of(RssArticles, server, state=state)
    assert len(list(source.extract(FEED))) == 1
    # Not committed: a killed run asks for everything again.
    assert len(list(source_of(RssArticles, server, state=state).extract(FEED))) == 1
    source.committed()
    again = source_of(RssArticles, server, state=state)
    assert list(again.extract(FEED)) == []
    assert list(again.extract(FEED.model_copy(update={"start": date(2018, 12, 31)}))) == []
    assert server.requests[-1].headers["if-modified-since"] == "Mon, 31 Dec 2018 12:00:00 GMT"


def test_a_feed_of_which_the_lake_has_nothing_is_sent_again(source_of, vendor):
    server = vendor(feed_server(rss(item())))
    source = source_of(RssArticles, server)
    list(source.extract(FEED))
    source.committed()
    source.forget(FEED.model_copy(update={"feed": "another"}))
    assert list(source.extract(FEED)) == []
    source.forget(FEED)
    assert len(list(source.extract(FEED))) == 1
    assert "if-none-match" not in server.requests[-1].headers


@pytest.mark.parametrize(
    "other", [{"end": date(2019, 1, 1)}, {"start": date(2018, 11, 30)}, {"url": "https://news.example/other.rss"}]
)
def test_days_that_were_not_asked_for_before_need_the_whole_feed(source_of, vendor, other):
    server = vendor(feed_server(rss(item())))
    source = source_of(RssArticles, server)
    list(source.extract(FEED))
    source.committed()
    assert len(list(source.extract(FEED.model_copy(update=other)))) == 1
    assert "if-none-match" not in server.requests[-1].headers


def test_what_is_remembered_of_a_feed_does_not_say_a_key_in_its_address(source_of, vendor, tmp_path):
    query = FEED.model_copy(update={"url": "https://news.example/feed?token=canary-in-address"})
    with DiskState(tmp_path / "state") as state:
        source = source_of(RssArticles, vendor(feed_server(rss(item()))), state=state)
        replies = list(source.extract(query))
        source.committed()
        assert list(source.extract(query)) == []
    assert "canary" not in repr(replies)
    written = [file.read_bytes() for file in (tmp_path / "state").iterdir()]
    assert written
    assert not any(b"canary" in content for content in written)


def test_a_feed_without_its_end_is_asked_for_again_and_believed_in_the_end(source_of, vendor):
    cut = httpx.Response(200, content=rss(item(1), item(2))[:-90])
    server = vendor(cut, httpx.Response(200, content=rss(item(1), item(2))))
    (reply,) = source_of(RssArticles, server).extract(FEED)
    assert reply.content.endswith(b"</rss>")
    always = vendor(cut)
    assert len(list(source_of(RssArticles, always).extract(FEED))) == 1
    assert len(always.requests) == 5


@pytest.mark.parametrize("root", ["rss", "feed", "rdf:RDF", "utf-16"])
def test_every_kind_of_feed_has_an_end(source_of, vendor, root):
    content = {
        "rss": rss(item()) + b"\n<!-- served from a cache -->\n",
        "utf-16": rss(item()).decode().replace("'1.0'", "'1.0' encoding='utf-16'").encode("utf-16"),
        "feed": b'<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title></feed>',
        "rdf:RDF": b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">'
        b"<channel><title>t</title></channel></rdf:RDF>",
    }[root]
    server = vendor(httpx.Response(200, content=content))
    list(source_of(RssArticles, server).extract(FEED))
    assert len(server.requests) == 1


def test_a_broken_publisher_does_not_block_the_others(source_of):
    def server(request):
        if request.url.host == "broken.example":
            return httpx.Response(503)
        return httpx.Response(200, content=rss(item()))

    source = source_of(RssArticles, server)
    broken = FEED.model_copy(update={"feed": "broken", "url": "https://broken.example/feed.xml"})
    for _ in range(6):
        with pytest.raises(TransientError) as caught:
            list(source.extract(broken))
    assert isinstance(caught.value, CircuitOpen)
    assert len(list(source.extract(FEED))) == 1
