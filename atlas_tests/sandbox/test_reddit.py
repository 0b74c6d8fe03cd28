"""The sandbox's Reddit: token host, listings, limits."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from atlas_assets.sandbox import DEFAULT_KEYS, SandboxTransport

CLOCK = datetime(2018, 12, 31, 12, tzinfo=UTC)
AGENT = {"User-Agent": "python:tests:1.0 (by /u/somebody)"}
NEW = "https://oauth.reddit.com/r/stocks/new"


@pytest.fixture
def client():
    with httpx.Client(transport=SandboxTransport(clock=CLOCK), headers=AGENT) as client:
        yield client


def token(client, key=DEFAULT_KEYS["reddit"], **fields):
    name, _, password = key.partition(":")
    form = {"grant_type": "client_credentials", **fields}
    return client.post("https://www.reddit.com/api/v1/access_token", data=form, auth=(name, password))


def listing(client, url=NEW, **params):
    headers = {"Authorization": f"Bearer {token(client).json()['access_token']}"}
    return client.get(url, params={"raw_json": 1, **params}, headers=headers)


def test_tokens(client):
    issued = token(client)
    assert issued.json() == {
        "access_token": issued.json()["access_token"],
        "token_type": "bearer",
        "expires_in": 86_400,
        "scope": "*",
    }
    assert token(client, "other:secret").json() == {"message": "Unauthorized", "error": 401}
    assert token(client, grant_type="password").json() == {"error": "unsupported_grant_type"}
    assert client.get("https://www.reddit.com/api/v1/access_token").status_code == 404


def test_only_a_token_opens_a_listing(client):
    assert client.get(NEW).status_code == 401
    assert client.get(NEW, headers={"Authorization": "Bearer x"}).json() == {"message": "Unauthorized", "error": 401}


def test_a_listing_pages_by_the_last_fullname(client):
    first = listing(client, limit=30).json()["data"]
    assert first["after"] == first["children"][-1]["data"]["name"]
    second = listing(client, limit=30, after=first["after"]).json()["data"]
    names = [child["data"]["name"] for page in (first, second) for child in page["children"]]
    assert len(names) == len(set(names)) == 60
    whole = [listing(client, limit=500).json()["data"]]
    while whole[-1]["after"]:
        whole.append(listing(client, limit=100, after=whole[-1]["after"]).json()["data"])
    assert [len(page["children"]) for page in whole[:-1]] == [100] * (len(whole) - 1)
    stamps = [child["data"]["created_utc"] for page in whole for child in page["children"]]
    assert stamps == sorted(stamps, reverse=True)
    assert stamps[0] <= CLOCK.timestamp()


def test_after_a_post_that_is_gone_there_is_nothing(client):
    data = listing(client, after="t3_gone").json()["data"]
    assert (data["children"], data["after"]) == ([], None)


def test_fields_have_the_vendors_habits(client):
    posts = [child["data"] for child in listing(client, limit=100).json()["data"]["children"]]
    assert {post["created"] - post["created_utc"] for post in posts} == {28_800}
    assert {type(post["edited"]) for post in posts} == {bool, float}
    assert "[deleted]" in {post["author"] for post in posts}
    escaped = [child["data"] for child in listing(client, raw_json=0, limit=100).json()["data"]["children"]]
    assert any("&amp;lt;" in post["selftext"] or "&lt;" in post["selftext"] for post in escaped)


def test_what_is_not_there(client):
    moved = listing(client, "https://oauth.reddit.com/r/nosuchplace/new")
    assert (moved.status_code, "subreddits/search" in moved.headers["Location"]) == (302, True)
    assert listing(client, "https://oauth.reddit.com/r/stocks/wiki").json()["reason"] == "PAGE_NOT_CREATED"


def test_limits(client):
    reply = listing(client)
    assert reply.headers["x-ratelimit-remaining"] == "999.0"
    assert reply.headers["x-ratelimit-used"] == "1"
    with httpx.Client(transport=SandboxTransport(clock=CLOCK)) as plain:
        for url in (NEW, "https://www.reddit.com/api/v1/access_token"):
            assert plain.get(url).status_code == 429
        assert "whoa there" in plain.get(NEW).text
    few = SandboxTransport(clock=CLOCK, limits={"reddit_requests_per_minute": 0})
    with httpx.Client(transport=few, headers=AGENT) as limited:
        assert listing(limited).headers["retry-after"].isdecimal()


@pytest.mark.recorded
def test_fields_are_among_the_recorded_ones(client, wire):
    real = wire("reddit/r_new_listing.json")
    ours = listing(client).json()
    assert set(real["data"]) <= set(ours["data"])
    read = {"name", "created_utc", "title", "selftext", "author", "permalink", "url", "is_self", "over_18", "score"}
    post, other = (document["data"]["children"][0]["data"] for document in (ours, real))
    assert read | {"num_comments", "edited", "created", "link_flair_text"} <= set(post) & set(other)
    assert {type(post["created_utc"]), type(other["created_utc"])} == {float}
    assert token(client, "bad:key").status_code == 401
    assert wire("reddit/error_401_token.json")["error"] == 401
