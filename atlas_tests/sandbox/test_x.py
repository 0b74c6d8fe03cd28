"""The sandbox's X: windows, pages, fields, caps."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from atlas_assets.sandbox import DEFAULT_KEYS, SandboxTransport

CLOCK = datetime(2018, 12, 31, 12, tzinfo=UTC)
DAY = {"start_time": "2018-12-30T00:00:00Z", "end_time": "2018-12-31T00:00:00Z"}


@pytest.fixture
def ask():
    clients = []

    def make(key=DEFAULT_KEYS["x"], limits=None):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        client = httpx.Client(transport=SandboxTransport(clock=CLOCK, limits=limits), headers=headers)
        clients.append(client)
        return lambda **params: client.get(
            "https://api.x.com/2/tweets/search/recent",
            params={"query": "bitcoin", **{name.replace("_fields", ".fields"): text for name, text in params.items()}},
        )

    yield make
    for client in clients:
        client.close()


def test_pages(ask):
    search = ask()
    pages = [search(**DAY, max_results=10).json()]
    while token := pages[-1]["meta"].get("next_token"):
        pages.append(search(**DAY, max_results=10, next_token=token).json())
    ids = [int(post["id"]) for page in pages for post in page["data"]]
    assert ids == sorted(set(ids), reverse=True)
    assert [page["meta"]["result_count"] for page in pages[:-1]] == [10] * (len(pages) - 1)
    first = pages[0]
    assert (first["meta"]["newest_id"], first["meta"]["oldest_id"]) == (first["data"][0]["id"], first["data"][-1]["id"])
    assert len(ids) == len(search(**DAY, max_results=100).json()["data"])


def test_no_result_has_no_data(ask):
    reply = ask()(start_time="2018-12-30T00:00:00Z", end_time="2018-12-30T00:00:01Z").json()
    assert reply == {"meta": {"result_count": 0}}


def test_fields_come_when_asked_for(ask):
    bare = ask()(**DAY).json()["data"][0]
    assert set(bare) == {"edit_history_tweet_ids", "id", "text"}
    full = ask()(**DAY, tweet_fields="created_at,lang").json()["data"][0]
    assert set(full) - set(bare) == {"created_at", "lang"}
    milliseconds = (int(full["id"]) >> 22) + 1_288_834_974_657
    assert datetime.fromisoformat(full["created_at"]).timestamp() * 1000 == milliseconds


@pytest.mark.parametrize(
    "params",
    [
        {"max_results": 5},
        {"max_results": 101},
        {"start_time": "2018-12-24T11:59:59Z"},
        {"end_time": "2018-12-31T11:59:55Z"},
        {"end_time": "2018-12-30"},
        {"next_token": "x"},
        {"query": ""},
    ],
)
def test_bad_requests(ask, params):
    reply = ask()(**params)
    assert (reply.status_code, reply.json()["title"]) == (400, "Invalid Request")


def test_refusals(ask):
    for key in ("", "other"):
        reply = ask(key)()
        assert reply.json() == {"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"}
        assert "x-rate-limit-reset" not in reply.headers


def test_limits(ask):
    reply = ask()()
    assert (reply.headers["x-rate-limit-limit"], reply.headers["x-rate-limit-remaining"]) == ("450", "449")
    assert int(reply.headers["x-rate-limit-reset"]) > CLOCK.timestamp()
    search = ask(limits={"x_requests_per_15_minutes": 1})
    search()
    limited = search()
    assert (limited.status_code, limited.headers["x-rate-limit-remaining"]) == (429, "0")
    assert "retry-after" not in limited.headers


def test_the_prepaid_cap(ask):
    search = ask(limits={"x_posts_per_month": 10})
    assert search().status_code == 200
    capped = search()
    assert (capped.status_code, capped.json()["title"]) == (429, "UsageCapExceeded")


def test_some_results_are_partial(ask):
    pages = [ask()(start_time=f"2018-12-{day}T00:00:00Z", max_results=100).json() for day in range(25, 32)]
    partial = [page for page in pages if "errors" in page]
    assert partial
    assert all(page["data"] for page in partial)


@pytest.mark.recorded
def test_shape_is_the_recorded_one(ask, wire):
    real, ours = wire("x/recent_search_1_200.json"), ask()(**DAY).json()
    assert set(ours["meta"]) == set(real["meta"])
    for post, other in zip(ours["data"], real["data"], strict=True):
        assert {name: type(value) for name, value in post.items()} == {n: type(v) for n, v in other.items()}
    refused = ask("")().json()
    assert {name: refused[name] for name in wire("x/error_401.json")} == wire("x/error_401.json")
