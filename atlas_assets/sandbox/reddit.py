"""Reddit: the token server and the newest posts of two subreddits, written by the newswire."""

from __future__ import annotations

import base64
import binascii
import html
from collections.abc import Mapping
from functools import cached_property
from hashlib import sha256
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs

import httpx

from atlas_assets.sandbox.hashed import base36, number_of, one_in, pick
from atlas_assets.sandbox.newswire import Article, Newswire
from atlas_assets.sandbox.replies import Meter, body_reply, http_date, json_reply
from atlas_assets.sandbox.world import World

SUBREDDITS: Mapping[str, str] = MappingProxyType({"stocks": "market_wire", "cryptocurrency": "crypto_wire"})
"""Feed of the newswire by subreddit, in lower case."""

LISTED = 1000
TOKEN_SECONDS = 86_400
AUTHORS = ("bull_of_wall_st", "hodl_ling", "quiet_quant", "tape_reader", "vol_surfer", "index_andy", "theta_gang_7")

_UTC_OFFSET = 28_800
_WINDOW = 600
_THROTTLED = (
    "<!doctype html><html><head><title>Too Many Requests</title></head>"
    "<body><h1>whoa there, pardner!</h1></body></html>"
)


class RedditHandler:
    """Answers ``https://www.reddit.com/api/v1/access_token`` and ``https://oauth.reddit.com/r/<name>/new``.

    Parameters
    ----------
    world
        The present, the seed, the accepted ``id:secret`` and the limits.
    """

    methods = ("GET", "POST")

    def __init__(self, world: World) -> None:
        self._world = world
        self._headers = {"Date": http_date(world.clock), "Server": "snooserv"}
        self._meter = Meter(10 * world.limit("reddit_requests_per_minute", 100), window=_WINDOW)
        account = f"{world.seed}|{world.key('reddit')}"
        self._token = f"sandbox-{sha256(account.encode()).hexdigest()[:32]}"

    def reply(self, request: httpx.Request) -> httpx.Response:
        """The vendor's answer."""
        is_token_host = request.url.host == "www.reddit.com"
        if "(by /u/" not in request.headers.get("User-Agent", ""):
            return self._throttled(is_token_host, None)
        if is_token_host:
            return self._issue(request)
        if request.headers.get("Authorization") != f"Bearer {self._token}":
            return self._error(401, "Unauthorized")
        wait = self._meter.take()
        if wait is not None:
            return self._throttled(False, wait)
        return self._listing(request)

    def posts(self, subreddit: str) -> list[dict[str, Any]]:
        """The posts of a subreddit as listed, newest first."""
        articles = self._newswire.articles(SUBREDDITS[subreddit.lower()])
        return [_post(article, subreddit) for article in articles[:LISTED]]

    @cached_property
    def _newswire(self) -> Newswire:
        return Newswire(clock=self._world.clock, seed=self._world.seed)

    def _issue(self, request: httpx.Request) -> httpx.Response:
        """A token for the app's id and secret."""
        if request.method != "POST" or request.url.path != "/api/v1/access_token":
            return self._error(404, "Not Found")
        if _basic(request.headers.get("Authorization", "")) != self._world.key("reddit"):
            return self._error(401, "Unauthorized")
        if parse_qs(request.content.decode()).get("grant_type") != ["client_credentials"]:
            return json_reply({"error": "unsupported_grant_type"}, headers=self._headers)
        token = {"access_token": self._token, "token_type": "bearer", "expires_in": TOKEN_SECONDS, "scope": "*"}
        return json_reply(token, headers=self._headers)

    def _listing(self, request: httpx.Request) -> httpx.Response:
        parts = request.url.path.strip("/").split("/")
        if request.method != "GET" or len(parts) != 3 or parts[0] != "r" or parts[2] != "new":
            return self._error(404, "Not Found", reason="PAGE_NOT_CREATED")
        if parts[1].lower() not in SUBREDDITS:
            place = f"https://oauth.reddit.com/subreddits/search?q={parts[1]}"
            return httpx.Response(302, headers={**self._headers, "Location": place})
        params = request.url.params
        limit = min(max(int(params.get("limit", "25")), 1), 100)
        posts = self.posts(parts[1])
        after = params.get("after")
        names = [post["name"] for post in posts]
        # The page after a post that is not there any more is empty.
        first = 0 if not after else names.index(after) + 1 if after in names else len(names)
        page = posts[first : first + limit]
        if params.get("raw_json") != "1":
            page = [{name: html.escape(v, quote=False) if name in _TEXTS else v for name, v in p.items()} for p in page]
        more = page and first + limit < len(posts)
        data = {
            "after": page[-1]["name"] if more else None,
            "dist": len(page),
            "modhash": None,
            "geo_filter": "",
            "children": [{"kind": "t3", "data": post} for post in page],
            "before": None,
        }
        return json_reply(
            {"kind": "Listing", "data": data},
            headers=self._headers | self._rate_headers(),
            content_type="application/json; charset=UTF-8",
        )

    def _rate_headers(self) -> dict[str, str]:
        return {
            "x-ratelimit-used": str(self._meter.used),
            "x-ratelimit-remaining": f"{float(self._meter.remaining)}",
            "x-ratelimit-reset": str(_WINDOW // 2),
        }

    def _throttled(self, is_token_host: bool, wait: int | None) -> httpx.Response:
        """JSON without Retry-After on the token host, a web page elsewhere."""
        if is_token_host:
            return self._error(429, "Too Many Requests")
        headers = self._headers | ({} if wait is None else {"retry-after": str(wait)})
        return body_reply(_THROTTLED, "text/html; charset=UTF-8", status=429, headers=headers)

    def _error(self, status: int, message: str, **more: str) -> httpx.Response:
        return json_reply({**more, "message": message, "error": status}, status=status, headers=self._headers)


_TEXTS = ("title", "selftext")


def _post(article: Article, subreddit: str) -> dict[str, Any]:
    """An article as a post, in the keys that the vendor sends."""
    identity = base36(10**11 + number_of("reddit", article.guid) % 10**11)
    created = article.published_at.timestamp()
    path = f"/r/{subreddit}/comments/{identity}/sandbox/"
    votes = number_of("votes", article.guid) % 3000
    is_link = one_in(5, "link", article.guid)
    return {
        "approved_at_utc": None,
        "subreddit": subreddit,
        "selftext": "" if is_link else article.summary,
        "title": article.title,
        "downs": 0,
        "hide_score": False,
        "name": f"t3_{identity}",
        "quarantine": False,
        "link_flair_text": pick((None, "News", "Discussion"), "flair", article.guid),
        "upvote_ratio": round(0.5 + votes / 6000, 2),
        "subreddit_type": "public",
        "ups": votes,
        "score": votes,
        "edited": created + 900 if one_in(10, "edited", article.guid) else False,
        "created": created + _UTC_OFFSET,
        "domain": "news.example" if is_link else f"self.{subreddit}",
        "is_self": not is_link,
        "over_18": False,
        "stickied": False,
        "locked": False,
        "id": identity,
        "author": "[deleted]" if one_in(17, "gone", article.guid) else pick(AUTHORS, "author", article.guid),
        "num_comments": votes // 7,
        "permalink": path,
        "url": article.link if is_link else f"https://www.reddit.com{path}",
        "created_utc": created,
        "num_crossposts": 0,
        "media": None,
        "is_video": False,
    }


def _basic(header: str) -> str:
    """Name and password of HTTP Basic."""
    scheme, _, encoded = header.partition(" ")
    try:
        return base64.b64decode(encoded, validate=True).decode() if scheme == "Basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        return ""
