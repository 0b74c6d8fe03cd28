"""NewsAPI: ``everything`` over the newswire's articles, on a developer's plan."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import httpx

from atlas_assets.sandbox.hashed import number_of, one_in, pick
from atlas_assets.sandbox.newswire import Article, Newswire, feed_about
from atlas_assets.sandbox.replies import http_date, json_reply
from atlas_assets.sandbox.world import World

DELAY = timedelta(hours=24)
HISTORY = timedelta(days=31)
SOURCES = ((None, "Harbour Ledger"), ("tick-times", "Tick Times"), (None, "Meridian.example"))
SHOWN_CHARACTERS = 200
REMOVED = "[Removed]"


class NewsApiHandler:
    """Answers ``https://newsapi.org/v2/everything``.

    Parameters
    ----------
    world
        The present, the seed, the accepted key and the limits.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._headers = {"Date": http_date(world.clock), "Server": "cloudflare"}
        self._requests = 0
        self._allowed = world.limit("newsapi_requests_per_day", 100)
        self._depth = world.limit("newsapi_results", 100)

    def reply(self, request: httpx.Request) -> httpx.Response:
        """The vendor's answer to a GET request."""
        key = request.headers.get("X-Api-Key") or request.url.params.get("apiKey")
        if not key:
            return self._error(401, "apiKeyMissing", "Your API key is missing.")
        if key != self._world.key("newsapi"):
            return self._error(401, "apiKeyInvalid", "Your API key is invalid or incorrect.")
        self._requests += 1
        if self._requests > self._allowed:
            return self._error(429, "rateLimited", _LIMITED)
        if request.url.path != "/v2/everything":
            return self._error(404, "endpointNotFound", "No such endpoint.")
        try:
            return self._everything(request.url.params)
        except ValueError as error:
            return self._error(400, "parameterInvalid", str(error))

    def articles(self, query: str, start: datetime, end: datetime) -> list[Article]:
        """The articles that a query finds from ``start`` to ``end``, newest first; the last day's are held back."""
        end = min(end, self._world.clock - DELAY)
        found = self._newswire.articles(feed_about(query), since=start.date())
        return [article for article in found if start <= article.published_at <= end]

    @cached_property
    def _newswire(self) -> Newswire:
        return Newswire(clock=self._world.clock, seed=self._world.seed)

    def _everything(self, params: Mapping[str, str]) -> httpx.Response:
        now = self._world.clock
        if not params.get("q"):
            return self._error(400, "parametersMissing", "Required parameters are missing: q.")
        size, page = int(params.get("pageSize", "100")), int(params.get("page", "1"))
        start = _moment(params.get("from"), now - HISTORY)
        if not 1 <= size <= 100 or page < 1:
            raise ValueError("pageSize must be from 1 to 100 and page 1 or more.")
        if start.date() < (now - HISTORY).date():
            return self._error(426, "parameterInvalid", _TOO_OLD)
        if (page - 1) * size >= self._depth:
            return self._error(426, "maximumResultsReached", _TOO_DEEP)
        found = self.articles(params["q"], start, _moment(params.get("to"), now))
        shown = [_row(article) for article in found[(page - 1) * size : page * size]]
        return json_reply({"status": "ok", "totalResults": len(found), "articles": shown}, headers=self._headers)

    def _error(self, status: int, code: str, message: str) -> httpx.Response:
        body = {"status": "error", "code": code, "message": message}
        return json_reply(body, status=status, headers=self._headers)


_LIMITED = (
    "You have made too many requests recently. Developer accounts are limited to 100 requests over a 24 hour period "
    "(50 requests available every 12 hours). Please upgrade to a paid plan if you need more requests."
)
_TOO_DEEP = "You have requested too many results. Developer accounts are limited to a max of 100 results."
_TOO_OLD = "You are trying to request results too far in the past. Your plan permits you to request a month."


def is_removed(article: Article) -> bool:
    """Whether an article was withdrawn."""
    return one_in(40, "removed", article.guid)


def _row(article: Article) -> dict[str, Any]:
    published = f"{article.published_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"
    identity, name = pick(SOURCES, "source", article.guid)
    if is_removed(article):
        return {
            "source": {"id": None, "name": REMOVED},
            **dict.fromkeys(("author", "urlToImage")),
            **dict.fromkeys(("title", "description", "content"), REMOVED),
            "url": "https://removed.com",
            "publishedAt": published,
        }
    text = f"{article.title}. " + re.sub(r"<[^>]*>", "", article.summary)
    left = 500 + number_of("length", article.guid) % 5000
    return {
        "source": {"id": identity, "name": name},
        "author": pick((None, "", article.author), "author", article.guid),
        "title": f"{article.title} - {name}",
        "description": text[:120],
        "url": article.link,
        "urlToImage": None,
        "publishedAt": published,
        "content": f"{text[:SHOWN_CHARACTERS]}… [+{left} chars]",
    }


def _moment(text: str | None, otherwise: datetime) -> datetime:
    if text is None:
        return otherwise
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
