"""GDELT DOC 2.0: the newswire's articles as seen by a crawler, each in several outlets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cached_property

import httpx

from atlas_assets.sandbox.hashed import number_of, one_in, pick
from atlas_assets.sandbox.newswire import Article, Newswire, feed_about
from atlas_assets.sandbox.replies import Meter, body_reply, http_date, json_reply
from atlas_assets.sandbox.world import World

MOST = 250
GRID = timedelta(minutes=15)
SECONDS_PER_REQUEST = 5.0
MOST_OUTLETS = 40
COUNTRIES = ("United States", "India", "Greece", "United Kingdom", "Canada")

_STAMP = "%Y%m%d%H%M%S"


class GdeltHandler:
    """Answers ``https://api.gdeltproject.org/api/v2/doc/doc``.

    Parameters
    ----------
    world
        The present, the seed and the limits.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._headers = {"Date": http_date(world.clock), "Server": "nginx"}
        # The sandbox's present stands still: whoever asks is taken to have waited as he should.
        limit = world.limit("gdelt_requests_per_minute", 12)
        self._meter = Meter(limit, seconds_per_request=SECONDS_PER_REQUEST)

    def reply(self, request: httpx.Request) -> httpx.Response:
        """The vendor's answer to a GET request."""
        if self._meter.take() is not None:
            return self._text("Please limit requests to one every 5 seconds.\n", status=429)
        if request.url.path != "/api/v2/doc/doc":
            return self._text("Not Found\n", status=404)
        params = request.url.params
        if len(params.get("query", "")) < 3:
            return self._text("The specified phrase is too short.\n")
        if params.get("mode", "").lower() != "artlist" or params.get("format") != "json":
            return self._text("Invalid mode.\n")
        try:
            start, end = (_moment(params[name]) for name in ("startdatetime", "enddatetime"))
        except (KeyError, ValueError):
            return self._text("Invalid/Unsupported date.\n")
        if start > end:
            return self._text("The start date must be before the end date.\n")
        found = self.rows(params["query"], start, end)
        shown = found[: min(int(params.get("maxrecords", "75")), MOST)]
        return json_reply(
            {"articles": shown} if shown else {},
            headers=self._headers,
            content_type="application/json; charset=utf-8",
        )

    def rows(self, query: str, start: datetime, end: datetime) -> list[dict[str, str]]:
        """What was seen from ``start`` to ``end``, newest first."""
        found = [
            _row(article, outlet, seen)
            for article in self._newswire.articles(feed_about(query), since=(start - GRID).date())
            for outlet in range(1 + number_of("outlets", article.guid) % MOST_OUTLETS)
            if start <= (seen := seen_at(article, outlet)) <= min(end, self._world.clock)
        ]
        return sorted(found, key=lambda row: (row["seendate"], row["url"]), reverse=True)

    @cached_property
    def _newswire(self) -> Newswire:
        return Newswire(clock=self._world.clock, seed=self._world.seed)

    def _text(self, text: str, *, status: int = 200) -> httpx.Response:
        """Errors come as text, mostly with a status of success."""
        return body_reply(text, "text/html; charset=utf-8", status=status, headers=self._headers)


def seen_at(article: Article, outlet: int) -> datetime:
    """When an outlet's copy was seen: at a quarter of an hour, up to three hours after it came out."""
    midnight = article.published_at.replace(hour=0, minute=0, second=0)
    slot = (article.published_at - midnight) // GRID + 1 + number_of("seen", article.guid, outlet) % 12
    return midnight + slot * GRID


def _row(article: Article, outlet: int, seen: datetime) -> dict[str, str]:
    domain = f"outlet{outlet:02d}.example"
    port = ":443" if one_in(9, "port", article.guid, outlet) else ""
    debris = "%20title=" if one_in(25, "debris", article.guid, outlet) else ""
    title = article.title.replace(":", " :").replace(",", " ,")
    return {
        "url": f"https://www.{domain}{port}/{article.link.rpartition('/')[2]}{debris}",
        "url_mobile": "",
        "title": title,
        "seendate": f"{seen:%Y%m%dT%H%M%SZ}",
        "socialimage": "",
        "domain": domain,
        "language": "English",
        "sourcecountry": pick(COUNTRIES, "country", outlet),
    }


def _moment(text: str) -> datetime:
    return datetime.strptime(text, _STAMP).replace(tzinfo=UTC)
