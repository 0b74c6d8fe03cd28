"""The sandbox's NewsAPI and GDELT."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from atlas_assets.sandbox import DEFAULT_KEYS, SandboxTransport

CLOCK = datetime(2018, 12, 31, 12, tzinfo=UTC)
KEY = {"X-Api-Key": DEFAULT_KEYS["newsapi"]}


@pytest.fixture
def client_of():
    clients = []

    def make(**limits):
        clients.append(httpx.Client(transport=SandboxTransport(clock=CLOCK, limits=limits)))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def news(client_of):
    def ask(headers=KEY, client=None, **params):
        merged = {"q": "stocks", **params}
        return (client or client_of()).get("https://newsapi.org/v2/everything", params=merged, headers=headers)

    return ask


@pytest.fixture
def gdelt(client_of):
    def ask(client=None, **params):
        window = {"startdatetime": "20181230000000", "enddatetime": "20181230235959"}
        merged = {"query": "bitcoin", "mode": "ArtList", "format": "json", "maxrecords": 250, **window, **params}
        return (client or client_of()).get("https://api.gdeltproject.org/api/v2/doc/doc", params=merged)

    return ask


def test_articles_are_a_day_late(news):
    body = news(**{"from": "2018-12-01"}).json()
    stamps = [datetime.fromisoformat(article["publishedAt"]) for article in body["articles"]]
    assert max(stamps) <= CLOCK - timedelta(hours=24)
    assert stamps == sorted(stamps, reverse=True)
    assert (body["status"], len(body["articles"])) == ("ok", 100)
    assert body["totalResults"] > 100
    assert any(article["title"] == "[Removed]" for article in body["articles"])


def test_pages_and_depth(news):
    day = {"from": "2018-12-20T00:00:00", "to": "2018-12-29T23:59:59", "pageSize": 20}
    pages = [news(**day, page=page).json()["articles"] for page in (1, 2)]
    links = [article["url"] for page in pages for article in page if article["title"] != "[Removed]"]
    assert len(links) == len(set(links)) > 30
    deep = news(**day, page=6)
    assert (deep.status_code, deep.json()["code"]) == (426, "maximumResultsReached")


@pytest.mark.parametrize(
    ("params", "headers", "status", "code"),
    [
        ({}, {}, 401, "apiKeyMissing"),
        ({}, {"X-Api-Key": "other"}, 401, "apiKeyInvalid"),
        ({"q": ""}, KEY, 400, "parametersMissing"),
        ({"pageSize": 101}, KEY, 400, "parameterInvalid"),
        ({"from": "yesterday"}, KEY, 400, "parameterInvalid"),
        ({"from": "2018-10-01"}, KEY, 426, "parameterInvalid"),
    ],
)
def test_refusals(news, params, headers, status, code):
    reply = news(headers=headers, **params)
    assert (reply.status_code, reply.json()["status"], reply.json()["code"]) == (status, "error", code)


def test_a_days_requests(news, client_of):
    client = client_of(newsapi_requests_per_day=1)
    assert [news(client=client).status_code for _ in range(3)] == [200, 429, 429]


def test_slices_never_hold_more_than_250(gdelt):
    whole = gdelt().json()["articles"]
    assert len(whole) == 250
    halves = [
        gdelt(startdatetime="20181230000000", enddatetime="20181230115959").json()["articles"],
        gdelt(startdatetime="20181230120000", enddatetime="20181230235959").json()["articles"],
    ]
    assert whole[0] == halves[1][0]
    assert all(row["seendate"][11:13] in ("00", "15", "30", "45") for half in halves for row in half)
    stamps = [row["seendate"] for row in whole]
    assert stamps == sorted(stamps, reverse=True)


def test_a_story_is_in_several_outlets(gdelt):
    rows = gdelt().json()["articles"]
    assert max(Counter(row["title"] for row in rows).values()) > 5
    assert any(":443" in row["url"] for row in rows)
    assert any(row["url"].endswith("%20title=") for row in rows)


def test_nothing_later_than_the_clock(gdelt):
    rows = gdelt(startdatetime="20181231000000", enddatetime="20190101235959").json()["articles"]
    assert max(row["seendate"] for row in rows) <= "20181231T120000Z"
    assert gdelt(startdatetime="20190101000000", enddatetime="20190101235959").json() == {}


@pytest.mark.parametrize(
    "params", [{"query": "x"}, {"mode": "timeline"}, {"startdatetime": "2018"}, {"startdatetime": "20190101000000"}]
)
def test_errors_are_text_with_a_status_of_success(gdelt, params):
    reply = gdelt(**params)
    assert reply.status_code == 200
    assert not reply.text.startswith("{")


def test_who_asks_too_often_is_told_so_as_text(gdelt, client_of):
    client = client_of(gdelt_requests_per_minute=1)
    assert gdelt(client=client).status_code == 200
    limited = gdelt(client=client)
    assert (limited.status_code, "one every 5 seconds" in limited.text) == (429, True)


@pytest.mark.recorded
def test_shapes_are_the_recorded_ones(news, gdelt, wire):
    ours, real = news().json(), wire("newsapi/top_headlines.json")
    assert list(ours) == list(real)
    assert set(ours["articles"][0]) == set(real["articles"][0])
    assert set(gdelt().json()["articles"][0]) == set(wire("gdelt/doc_artlist.json")["articles"][0])
