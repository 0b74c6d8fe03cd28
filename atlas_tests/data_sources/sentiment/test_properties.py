"""Whatever a sentiment vendor sends is read into the table's rows or refused by a SourceError."""

import io
import json
import zipfile
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_assets.data_sources.registry import sources
from atlas_assets.data_sources.sentiment import (
    alternative_me,
    cnn,
    fivech,
    fivech_posts,
    gdelt,
    gdelt_files,
    newsapi,
    reddit,
    rss,
    x,
)
from atlas_tests.data_sources import fuzzing
from atlas_tests.data_sources.fuzzing import FAST

DAYS = {"start": date(2018, 12, 1), "end": date(2018, 12, 31), "as_of": datetime(2019, 1, 1, tzinfo=UTC)}
NOON = 1_543_665_600
POST = {
    "name": "t3_1",
    "created_utc": float(NOON),
    "title": "t",
    "selftext": "",
    "author": "a",
    "permalink": "/r/",
    "url": "u",
    "is_self": True,
    "over_18": False,
    "score": 1,
    "num_comments": 0,
    "edited": False,
}
TWEET = {"id": "1", "text": "t", "created_at": "2018-12-03T12:00:00.000Z", "public_metrics": {"like_count": 1}}
NEWS = {
    "source": {"id": None, "name": "n"},
    "author": None,
    "title": "t",
    "description": "d",
    "url": "u",
    "urlToImage": None,
    "publishedAt": "2018-12-03T12:00:00Z",
    "content": "c",
}
SEEN = {"url": "u", "title": "t", "seendate": "20181203T120000Z", "domain": "d", "language": "English"}
POINT = {"x": NOON * 1000.0, "y": 31.0, "rating": "fear"}
VALUE = {"value": "40", "value_classification": "Fear", "timestamp": str(NOON)}


def listing(rows):
    return {"kind": "Listing", "data": {"after": None, "children": [{"kind": "t3", "data": row} for row in rows]}}


# For each source that sends JSON a query, an example row, and how rows are wrapped.
JSON_CASES = {
    reddit.RedditPosts: (reddit.PostsQuery(**DAYS, subreddit="stocks"), POST, listing),
    x.XPosts: (
        x.PostsQuery(**DAYS, search="s", text="t"),
        TWEET,
        lambda rows: {"data": rows, "meta": {"result_count": len(rows)}},
    ),
    newsapi.NewsApiArticles: (
        newsapi.ArticlesQuery(**DAYS, topic="s", text="t"),
        NEWS,
        lambda rows: {"status": "ok", "totalResults": len(rows), "articles": rows},
    ),
    gdelt.GdeltArticles: (gdelt.ArticlesQuery(**DAYS, topic="s", text="t"), SEEN, lambda rows: {"articles": rows}),
    cnn.CnnFearGreed: (
        cnn.FearGreedQuery(**DAYS),
        POINT,
        lambda rows: {"fear_and_greed_historical": {"data": rows}, "vix": {"data": []}},
    ),
    alternative_me.AlternativeMeFearGreed: (
        alternative_me.FearGreedQuery(**DAYS, limit=0),
        VALUE,
        lambda rows: {"data": rows},
    ),
}
BOARD = {**DAYS, "board": "stock"}
VALUES = {
    0: "20181203120000-1",
    1: "20181203120000",
    3: "a.example",
    4: "u",
    7: "ECON_STOCKMARKET",
    15: "1,2,3,4,5,6,7",
}
LINE = [VALUES.get(place, "") for place in range(gdelt_files.FIELDS)]


def packed(text):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.csv", text)
    return content.getvalue()


OTHER_CASES = {
    gdelt_files.GdeltDocuments: (
        gdelt_files.DocumentsQuery(
            **DAYS, topics=(gdelt_files.FileTopic(name="s", themes=("ECON_STOCKMARKET",), words=("shares",)),)
        ),
        packed("\t".join(LINE)),
    ),
    fivech.FivechThreads: (
        fivech.ThreadsQuery(**BOARD | {"as_of": datetime(2018, 12, 31, tzinfo=UTC)}),
        "1543665600.dat<>市況 (2)\n9240118151.dat<>n (3)\n".encode("cp932"),
    ),
    fivech_posts.FivechPosts: (
        fivech_posts.PostsQuery(**BOARD, thread=str(NOON)),
        "名無し<>sage<>2018/12/03(月) 12:00:00.00 ID:abc<> x <br> <>t\na<><>18/12/03 1:00<>b<>\n".encode("cp932"),
    ),
    rss.RssArticles: (
        rss.ArticlesQuery(**DAYS, feed="wire", url="https://news.example/x"),
        b"<?xml version='1.0'?><rss version='2.0'><channel><title>t</title><item><title>a</title><guid>1</guid>"
        b"<pubDate>Mon, 03 Dec 2018 14:30:00 GMT</pubDate><description><![CDATA[<p>x</p>]]></description>"
        b"</item></channel></rss>",
    ),
}
QUERIES = {kind: case[0] for kind, case in (JSON_CASES | OTHER_CASES).items()}

SCALARS = fuzzing.scalars("9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", str(NOON), NOON)
JSON = fuzzing.documents(SCALARS)
named = pytest.mark.parametrize


def read_or_refuse(kind, content, query=None):
    return fuzzing.read_or_refuse(kind, content, query or QUERIES[kind])


def test_every_source_of_the_domain_is_here():
    assert set(QUERIES) == {source for source in sources() if source.vendor.domain == "sentiment"}


@named("kind", QUERIES, ids=lambda kind: kind.__name__)
@FAST
@given(content=st.binary(max_size=200))
def test_any_bytes(kind, content):
    read_or_refuse(kind, content)


@named("kind", JSON_CASES, ids=lambda kind: kind.__name__)
@FAST
@given(payload=JSON)
def test_any_json(kind, payload):
    read_or_refuse(kind, json.dumps(payload).encode())
    wrap = JSON_CASES[kind][2]
    read_or_refuse(kind, json.dumps(wrap([payload])).encode())


@named("kind", JSON_CASES, ids=lambda kind: kind.__name__)
@FAST
@given(data=st.data())
def test_rows_with_changed_values(kind, data):
    _, example, wrap = JSON_CASES[kind]
    rows = fuzzing.changed_rows(data, example, SCALARS | JSON)
    read_or_refuse(kind, json.dumps(wrap(rows)).encode())


@named("kind", JSON_CASES, ids=lambda kind: kind.__name__)
@FAST
@given(data=st.data())
def test_documents_with_changed_envelopes(kind, data):
    _, example, wrap = JSON_CASES[kind]
    document = wrap([example])
    place = document["data"] if kind is reddit.RedditPosts and data.draw(st.booleans()) else document
    place[data.draw(st.sampled_from(list(place)))] = data.draw(JSON)
    read_or_refuse(kind, json.dumps(document).encode())


@named("kind", OTHER_CASES, ids=lambda kind: kind.__name__)
@FAST
@given(data=st.data())
def test_files_with_changed_bytes(kind, data):
    content = OTHER_CASES[kind][1]
    cut, rest = data.draw(st.integers(0, len(content))), data.draw(st.integers(0, len(content)))
    junk = data.draw(
        st.binary(max_size=30) | st.sampled_from([b"<>", b"\n", b"\x81", b"<>\n<>", b" 9999/12/31 23:59:59"])
    )
    read_or_refuse(kind, content[:cut] + junk + content[rest:])


@FAST
@given(content=st.binary(max_size=200), value=st.binary(max_size=20), place=st.integers(0, len(LINE) - 1))
def test_lines_of_gdelts_files_with_changed_values(content, value, place):
    kind, good = gdelt_files.GdeltDocuments, "\t".join(LINE).encode()
    values = [one.encode() for one in LINE]
    values[place] = value
    read_or_refuse(kind, packed(content))
    read_or_refuse(kind, packed(good + b"\n" + b"\t".join(values) + b"\n" + content))


@FAST
@given(content=st.binary(max_size=100), first=st.integers(1, 5))
def test_parts_of_threads(content, first):
    kind = fivech_posts.FivechPosts
    query = QUERIES[kind].model_copy(update={"first": first})
    read_or_refuse(kind, b"\n" + content, query)


@named("kind", QUERIES, ids=lambda kind: kind.__name__)
def test_the_examples_are_read(kind):
    query, *rest = (JSON_CASES | OTHER_CASES)[kind]
    content = rest[0] if kind in OTHER_CASES else json.dumps(rest[1]([rest[0]])).encode()
    parsed = kind.transform(content, query)
    assert (parsed.rows.num_rows >= 1, parsed.rejected) == (True, ())


@named("unit", [b"(", b" ", b"\t", b"<>", b"1", b"a/1 ", b"\\", b"2018/1/1 ", b"ID:", b"\\u12"])
def test_long_input_takes_no_long_time(unit):
    """Patterns must not backtrack: what is long is read or refused as fast as it is read at all."""
    junk = unit * (200_000 // len(unit))
    stock = b"1543665600.dat<>a" + junk
    for content in (stock, stock + b"x (2)", stock + b" (2)" + junk):
        read_or_refuse(fivech.FivechThreads, content + b"\n")
    for content in (b"a<>b<>" + junk + b"<>c<>\n", b"a<>b<>2018/12/03" + junk + b"x<>c<>\n", junk + b"\n"):
        read_or_refuse(fivech_posts.FivechPosts, content)
    for kind, (_, example, wrap) in JSON_CASES.items():
        key = next(iter(example))
        text = json.dumps(wrap([example | {key: "LONG"}])).encode().replace(b"LONG", junk)
        read_or_refuse(kind, text)
