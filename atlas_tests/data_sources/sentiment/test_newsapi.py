"""NewsAPI: pages, the plan's depth and quota, withdrawn articles."""

import json
from datetime import UTC, date, datetime

import httpx
import pytest

from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError, QuotaExhausted, TransientError
from atlas_assets.data_sources.sentiment.newsapi import ArticlesQuery, NewsApiArticles, NewsApiSettings

NOW = datetime(2018, 12, 31, 12, tzinfo=UTC)
QUERY = ArticlesQuery(
    start=date(2018, 12, 29), end=date(2018, 12, 29), topic="stocks", text="stocks AND earnings", as_of=NOW
)
DEEP = {"status": "error", "code": "maximumResultsReached", "message": "You have requested too many results."}


def article(number=1, published="2018-12-29T12:00:00Z", **other):
    return {
        "source": {"id": None, "name": "Tick Times"},
        "author": "",
        "title": f"Shares rise {number} - Tick Times",
        "description": None,
        "url": f"https://news.example/{number}",
        "urlToImage": None,
        "publishedAt": published,
        "content": "Shares… [+4656 chars]",
        **other,
    }


def page(*articles, total=None):
    return {"status": "ok", "totalResults": len(articles) if total is None else total, "articles": list(articles)}


def hundred(first, published="2018-12-29T12:00:00Z"):
    return [article(first + number, published) for number in range(100)]


def read(payload):
    return NewsApiArticles.transform(json.dumps(payload).encode(), QUERY)


@pytest.fixture
def make(source_of):
    def source(handler, **settings):
        topics = [{"name": "stocks", "query": "stocks AND earnings"}]
        section = NewsApiSettings(topics=topics, **{"api_key": "canary-key", **settings})
        return source_of(NewsApiArticles, handler, section=section, now=lambda: NOW)

    return source


def test_pages_are_asked_for_until_all_are_there(make, vendor, json_reply):
    server = vendor(
        json_reply(page(*hundred(0), total=201)),
        json_reply(page(*hundred(100), total=201)),
        json_reply(page(article(200), total=201)),
    )
    source = make(server)
    replies = list(source.extract(QUERY))
    assert len(replies) == 3
    assert server.asked[0] == {
        "q": "stocks AND earnings",
        "from": "2018-12-29T00:00:00",
        "to": "2018-12-29T23:59:59",
        "sortBy": "publishedAt",
        "pageSize": "100",
        "language": "en",
        "page": "1",
    }
    assert [asked["page"] for asked in server.asked] == ["1", "2", "3"]
    assert server.requests[0].headers["x-api-key"] == "canary-key"
    assert "canary" not in repr(replies) + str(server.requests[0].url)
    assert source.shortfalls == {}


def test_the_plans_depth_ends_the_pages_and_is_told(make, vendor, json_reply):
    server = vendor(json_reply(page(*hundred(0, "2018-12-29T18:00:00Z"), total=500)), json_reply(DEEP, status=426))
    source = make(server)
    assert len(list(source.extract(QUERY))) == 1
    ((until, reason),) = source.shortfalls.values()
    assert until == date(2018, 12, 29)
    assert "plan" in reason
    list(make(vendor(json_reply(page(article())))).extract(QUERY))


def test_pages_that_run_out_too_early_are_an_error(make, vendor, json_reply):
    server = vendor(json_reply(page(*hundred(0), total=500)), json_reply(page(total=500)))
    with pytest.raises(TransientError, match="page 2 of stocks is empty"):
        list(make(server).extract(QUERY))


def test_there_are_at_most_so_many_pages(make, vendor, json_reply):
    server = vendor(json_reply(page(*hundred(0), total=10**9)))
    list(make(server, quota_calls=1000, rate_limit=1000).extract(QUERY))
    assert len(server.requests) == 100


def test_the_plans_requests_are_not_passed(make, vendor, json_reply):
    server = vendor(json_reply(page(*hundred(0), total=10**9)))
    with pytest.raises(QuotaExhausted, match="2019-01-01 00:00 UTC"):
        list(make(server, quota_calls=3).extract(QUERY))
    assert len(server.requests) == 3


def error(code, message="m"):
    return {"status": "error", "code": code, "message": message}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, error("apiKeyInvalid"), PermanentError),
        (200, error("rateLimited"), TransientError),
        (200, error("unexpectedError"), TransientError),
        (401, error("apiKeyInvalid"), PermanentError),
        (401, error("apiKeyExhausted"), QuotaExhausted),
        (400, error("parameterInvalid"), PermanentError),
        (426, error("parameterInvalid", "too far in the past"), PermanentError),
        (429, error("rateLimited"), TransientError),
        (500, error("unexpectedError"), TransientError),
        (200, {"status": "ok", "totalResults": 1}, MalformedReply),
        (200, {"status": "ok", "totalResults": "1", "articles": []}, MalformedReply),
        (200, page(7), MalformedReply),
        (200, [], MalformedReply),
    ],
)
def test_errors(make, vendor, json_reply, status, body, kind):
    with pytest.raises(kind) as caught:
        list(make(vendor(json_reply(body, status=status))).extract(QUERY))
    assert type(caught.value) is kind


def test_a_cut_page_is_asked_for_again(make, vendor, json_reply):
    cut = httpx.Response(200, content=json.dumps(page(article())).encode()[:-9])
    assert len(list(make(vendor(cut, json_reply(page(article())))).extract(QUERY))) == 1


def test_articles_as_sent():
    parsed = read(page(article(), article(2, "2018-12-30T00:00:00Z"), article(3, "2018-12-29T23:59:59+01:00")))
    assert parsed.rows["url"].to_pylist() == ["https://news.example/1", "https://news.example/3"]
    assert parsed.rows.to_pylist()[0] == {
        "topic": "stocks",
        "url": "https://news.example/1",
        "source_id": None,
        "source_name": "Tick Times",
        "author": "",
        "title": "Shares rise 1 - Tick Times",
        "description": None,
        "content": "Shares… [+4656 chars]",
        "image_url": None,
        "published": "2018-12-29T12:00:00Z",
        "published_at": datetime(2018, 12, 29, 12, tzinfo=UTC),
    }


def test_withdrawn_articles_are_left_out():
    removed = article(2, title="[Removed]", description="[Removed]", url="https://removed.com")
    assert read(page(article(), removed, removed)).rows.num_rows == 1
    assert read(page(removed)).rows.num_rows == 0


def test_only_the_bad_article_is_set_aside():
    undated, bare = article(2, published="2018-12-29T12:00:00"), article(3)
    del bare["source"]
    parsed = read(page(article(1), undated, bare, article(4, source=None)))
    assert parsed.rows["url"].to_pylist() == ["https://news.example/1"]
    assert [row.position for row in parsed.rejected] == [2, 3, 4]


@pytest.mark.recorded
def test_recorded_articles(recorded):
    query = ArticlesQuery(start=date(2026, 1, 1), end=date(2026, 1, 1), topic="us", text="x")
    parsed = NewsApiArticles.transform(recorded("newsapi/top_headlines.json"), query)
    assert (parsed.rows.num_rows, parsed.rejected) == (2, ())
    assert parsed.rows["author"].to_pylist() == [None, ""]
    assert parsed.rows["content"][1].as_py().endswith("… [+3037 chars]")


@pytest.mark.recorded
def test_recorded_limit_is_a_used_up_quota(make, vendor, recorded):
    server = vendor(httpx.Response(429, content=recorded("newsapi/error_429.json")))
    source = make(server)
    for _ in range(2):
        with pytest.raises(QuotaExhausted):
            list(source.extract(QUERY))
    assert len(server.requests) == 1
