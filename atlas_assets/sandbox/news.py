"""The newswire as feeds: `market_wire` as RSS 2.0, `crypto_wire` as Atom, with conditional requests."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import format_datetime
from hashlib import sha256
from xml.sax.saxutils import escape, quoteattr

import httpx

from atlas_assets.sandbox.newswire import Article, Newswire
from atlas_assets.sandbox.replies import body_reply, http_date
from atlas_assets.sandbox.world import World

SHOWN_DAYS = 45
"""A feed shows the articles of this many days."""

_SITE = "https://news.example"


class NewsHandler:
    """Answers ``https://news.example/market-wire.rss`` and ``/crypto-wire.atom``.

    Parameters
    ----------
    world
        The present, the seed, the accepted key and the limits.
    """

    def __init__(self, world: World) -> None:
        self._clock = world.clock
        self._newswire = Newswire(clock=world.clock, seed=world.seed)
        self._bodies: dict[str, tuple[bytes, str]] = {}

    def reply(self, request: httpx.Request) -> httpx.Response:
        """The feed, 304 when the client has it already, or 404."""
        path, date = request.url.path, {"Date": http_date(self._clock), "Server": "nginx"}
        if path not in ("/market-wire.rss", "/crypto-wire.atom"):
            return body_reply("<html><body><h1>404 Not Found</h1></body></html>", "text/html", status=404, headers=date)
        if path not in self._bodies:
            self._bodies[path] = self._render(path)
        body, modified = self._bodies[path]
        headers = date | {"ETag": f'"{sha256(body).hexdigest()[:32]}"', "Last-Modified": modified}
        asked_tag, asked_date = (request.headers.get(name) for name in ("If-None-Match", "If-Modified-Since"))
        if asked_tag == headers["ETag"] or (asked_tag is None and asked_date == modified):
            return httpx.Response(304, headers=headers)
        kind = "rss" if path.endswith(".rss") else "atom"
        return body_reply(body, f"application/{kind}+xml; charset=UTF-8", headers=headers)

    def _render(self, path: str) -> tuple[bytes, str]:
        """The document and the moment of its newest article."""
        oldest = self._clock - timedelta(days=SHOWN_DAYS)
        is_rss = path.endswith(".rss")
        feed = "market_wire" if is_rss else "crypto_wire"
        shown = [item for item in self._newswire.articles(feed, since=oldest.date()) if item.published_at >= oldest]
        newest = shown[0].published_at if shown else oldest
        document = _rss(shown, newest) if is_rss else _atom(shown, newest)
        return document.encode(), http_date(newest)


def _rss(articles: list[Article], newest: datetime) -> str:
    items = "".join(
        "    <item>\n"
        f"      <title>{escape(item.title)}</title>\n"
        f"      <link>{escape(item.link)}</link>\n"
        f'      <guid isPermaLink="false">{escape(item.guid)}</guid>\n'
        f"      <pubDate>{format_datetime(item.published_at)}</pubDate>\n"
        f"      <dc:creator>{escape(item.author)}</dc:creator>\n"
        f"      <description>{escape(item.summary)}</description>\n"
        "    </item>\n"
        for item in articles
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom">\n'
        "  <channel>\n"
        "    <title>Market Wire</title>\n"
        f"    <link>{_SITE}/market-wire</link>\n"
        f'    <atom:link href="{_SITE}/market-wire.rss" rel="self" type="application/rss+xml"/>\n'
        "    <description>Synthetic market news of the sandbox</description>\n"
        "    <language>en-us</language>\n"
        f"    <lastBuildDate>{format_datetime(newest)}</lastBuildDate>\n"
        f"{items}"
        "  </channel>\n"
        "</rss>\n"
    )


def _atom(articles: list[Article], newest: datetime) -> str:
    entries = "".join(
        "  <entry>\n"
        f"    <id>{escape(item.guid)}</id>\n"
        f"    <title>{escape(item.title)}</title>\n"
        f'    <link rel="alternate" href={quoteattr(item.link)}/>\n'
        f"    <author><name>{escape(item.author)}</name></author>\n"
        f"    <published>{item.published_at.isoformat()}</published>\n"
        f"    <updated>{item.published_at.isoformat()}</updated>\n"
        f'    <summary type="html">{escape(item.summary)}</summary>\n'
        "  </entry>\n"
        for item in articles
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">\n'
        f"  <id>{_SITE}/crypto-wire</id>\n"
        "  <title>Crypto Wire</title>\n"
        f'  <link rel="self" href="{_SITE}/crypto-wire.atom"/>\n'
        f'  <link rel="alternate" href="{_SITE}/crypto-wire"/>\n'
        f"  <updated>{newest.isoformat()}</updated>\n"
        f"{entries}"
        "</feed>\n"
    )
