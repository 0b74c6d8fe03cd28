"""X API v2: recent search over posts written by the newswire."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import httpx

from atlas_assets.sandbox.hashed import base36, number_of, one_in
from atlas_assets.sandbox.newswire import Article, Newswire, feed_about
from atlas_assets.sandbox.replies import Meter, http_date, json_reply
from atlas_assets.sandbox.world import World

SEARCHED = timedelta(days=7)
LATEST_END = timedelta(seconds=10)
DEFAULT_END = timedelta(seconds=30)
_EPOCH_MILLISECONDS = 1_288_834_974_657
_WINDOW = 900
_LEFT = 120
"""Seconds until the window's end, as the headers say: the sandbox's present stands still."""
_PAGES = "b26v89c19zqg8o3f"


class XHandler:
    """Answers ``https://api.x.com/2/tweets/search/recent``.

    Parameters
    ----------
    world
        The present, the seed, the accepted bearer token and the limits.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._headers = {"Date": http_date(world.clock), "api-version": "2.161", "x-access-level": "read"}
        self._meter = Meter(world.limit("x_requests_per_15_minutes", 450), window=_WINDOW)
        self._cap = world.limit("x_posts_per_month", 10_000)
        self._read: set[str] = set()

    def reply(self, request: httpx.Request) -> httpx.Response:
        """The vendor's answer to a GET request."""
        if request.headers.get("Authorization") != f"Bearer {self._world.key('x')}":
            return self._error(401, "Unauthorized", "Unauthorized")
        wait = self._meter.take()
        if wait is not None:
            return self._error(429, "Too Many Requests", "Too Many Requests", self._rate_headers(wait))
        if request.url.path != "/2/tweets/search/recent":
            return self._error(404, "Not Found", "Not Found")
        if len(self._read) >= self._cap:
            return self._capped()
        try:
            return self._search(request.url.params)
        except ValueError as error:
            problem = {"parameters": {}, "message": str(error)}
            body = {"errors": [problem], "title": "Invalid Request", "detail": str(error), "type": _INVALID}
            return json_reply(body, status=400, headers=self._headers | self._rate_headers())

    def posts(self, query: str, start: datetime, end: datetime) -> list[Article]:
        """The articles that a query finds from ``start`` to before ``end``, newest first."""
        articles = self._newswire.articles(feed_about(query), since=start.date())
        return [article for article in articles if start <= article.published_at < end]

    @cached_property
    def _newswire(self) -> Newswire:
        return Newswire(clock=self._world.clock, seed=self._world.seed)

    def _search(self, params: Mapping[str, str]) -> httpx.Response:
        now = self._world.clock
        start = _moment(params, "start_time", now - SEARCHED)
        end = _moment(params, "end_time", now - DEFAULT_END)
        size = int(params.get("max_results", "10"))
        if not params.get("query"):
            raise ValueError("Missing required parameter: query")
        if not 10 <= size <= 100:
            raise ValueError(f"The `max_results` query parameter value [{size}] is not between 10 and 100")
        if start < now - SEARCHED:
            raise ValueError("Invalid 'start_time': must be on or after 7 days ago")
        if end > now - LATEST_END or end <= start:
            raise ValueError("Invalid 'end_time': must be a minimum of 10 seconds prior to the request time")
        found = self.posts(params["query"], start, end)
        token = params.get("next_token", f"{_PAGES}0")
        if not re.fullmatch(f"{_PAGES}[0-9]+", token):
            raise ValueError("Invalid 'next_token'")
        first = int(token.removeprefix(_PAGES))
        page = found[first : first + size]
        fields = set(params.get("tweet.fields", "").split(","))
        data = [post(article, fields) for article in page]
        self._read |= {one["id"] for one in data}
        meta: dict[str, Any] = {"result_count": len(page)}
        if page:
            meta = {"newest_id": data[0]["id"], "oldest_id": data[-1]["id"], **meta}
        if first + size < len(found):
            meta["next_token"] = f"{_PAGES}{first + size}"
        body: dict[str, Any] = {"data": data, "meta": meta} if page else {"meta": meta}
        if any(one_in(20, "withheld", article.guid) for article in page):
            body["errors"] = [_MISSING]
        return json_reply(body, headers=self._headers | self._rate_headers())

    def _rate_headers(self, wait: int | None = None) -> dict[str, str]:
        reset = int(self._world.clock.timestamp()) + (_LEFT if wait is None else wait)
        return {
            "x-rate-limit-limit": str(self._meter.limit),
            "x-rate-limit-remaining": str(self._meter.remaining),
            "x-rate-limit-reset": str(reset),
        }

    def _capped(self) -> httpx.Response:
        body = {
            "account_id": 1,
            "product_name": "standard-basic",
            "title": "UsageCapExceeded",
            "period": "Monthly",
            "scope": "Product",
            "detail": "Usage cap exceeded: Monthly product cap",
            "type": "https://api.twitter.com/2/problems/usage-capped",
        }
        return json_reply(body, status=429, headers=self._headers)

    def _error(self, status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        body = {"title": title, "type": "about:blank", "status": status, "detail": detail}
        return json_reply(body, status=status, headers=self._headers | dict(headers or {}))


_INVALID = "https://api.twitter.com/2/problems/invalid-request"
_MISSING = {
    "resource_id": "1",
    "resource_type": "tweet",
    "title": "Not Found Error",
    "detail": "Could not find tweet with referenced_tweets.id: [1].",
    "type": "https://api.twitter.com/2/problems/resource-not-found",
}


def post_id(article: Article) -> str:
    """The id of an article's post, which holds its moment."""
    milliseconds = int(article.published_at.timestamp() * 1000) - _EPOCH_MILLISECONDS
    return str((milliseconds << 22) | number_of("x", article.guid) % 2**22)


def post(article: Article, fields: set[str]) -> dict[str, Any]:
    """An article as a post with the fields that are asked for; the text of one that repeats another is cut."""
    identity = post_id(article)
    text = f"{article.title} https://t.co/{base36(number_of('link', article.guid))[:10]}"
    if article.duplicate_of:
        text = f"RT @desk: {text}"[:60] + "…"
    likes = number_of("likes", article.guid) % 500
    more = {
        "author_id": str(10**17 + number_of("author", article.author) % 10**17),
        "conversation_id": identity,
        "created_at": f"{article.published_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z",
        "lang": "en",
        "public_metrics": {
            "retweet_count": likes // 5,
            "reply_count": likes // 9,
            "like_count": likes,
            "quote_count": likes // 40,
            "bookmark_count": 0,
            "impression_count": likes * 50,
        },
    }
    asked = {name: value for name, value in more.items() if name in fields}
    return {"edit_history_tweet_ids": [identity], "id": identity, "text": text, **asked}


def _moment(params: Mapping[str, str], name: str, otherwise: datetime) -> datetime:
    text = params.get(name)
    if text is None:
        return otherwise
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3})?Z", text):
        raise ValueError(f"Invalid '{name}':'{text}'")
    return datetime.fromisoformat(text)
