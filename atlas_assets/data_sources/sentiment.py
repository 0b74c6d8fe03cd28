"""Moods and news: the crypto Fear & Greed index of alternative.me, and news feeds."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported)

from __future__ import annotations

import calendar
import hashlib
import io
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, cast

import feedparser
import pyarrow as pa
import pyarrow.compute as pc

from atlas_assets.data_sources.base import BaseDataSource, Query, by_name, days_since_epoch, window_end
from atlas_assets.data_sources.http import Reply, TransientError, validate_json
from atlas_assets.data_sources.reply import json_rows
from atlas_assets.settings import AlternativeMeSettings, RssSettings

DAY_SECONDS = 86_400
INDEX_COLUMNS = {name: name for name in ("timestamp", "value", "value_classification")}


class FearGreedQuery(Query):
    """Index values; ``limit`` is the number of newest ones to ask for, 0 for all."""

    limit: int


class AlternativeMeFearGreed(BaseDataSource[AlternativeMeSettings, FearGreedQuery]):
    """Crypto Fear & Greed index, newest value first."""

    source = "alternative_me"
    dataset = "fear_greed"
    table = "raw.alternative_me_fear_greed"
    settings_key = "alternative_me"
    media_suffix = "json"
    default_base_url = "https://api.alternative.me"

    def queries(self, start: date, end: date) -> Iterator[FearGreedQuery]:
        """One query that reaches back to ``start``, with days to spare for different clocks."""
        days = (self.client.now().date() - start).days + 2
        yield FearGreedQuery(start=start, end=end, limit=0 if start <= self.settings.history_from else max(days, 1))

    def extract(self, query: FearGreedQuery) -> Iterator[Reply]:
        """One reply. ``date_format`` is not sent: it would change what ``timestamp`` means."""
        yield self.client.get(f"{self.base_url}/fng/", params={"limit": query.limit, "format": "json"}, check=_index)

    @classmethod
    def read(cls, content: bytes, query: FearGreedQuery) -> Mapping[str, Any]:
        """Index values as columns, all of them text."""
        return by_name(json_rows(content, "data"), INDEX_COLUMNS)

    @classmethod
    def row_dates(cls, rows: pa.Table) -> pa.Array:
        """The UTC day; the hour of publication has changed over the years."""
        return days_since_epoch(pc.divide(rows["timestamp"].cast(pa.int64()), DAY_SECONDS))


def _index(reply: Reply) -> object:
    return validate_json(reply, "data")


class ArticlesQuery(Query):
    """The entries of one feed."""

    feed: str
    url: str


class RssArticles(BaseDataSource[RssSettings, ArticlesQuery]):
    """Entries of RSS and Atom feeds. A feed holds only its newest entries; the past cannot be asked for."""

    source = "rss"
    dataset = "articles"
    table = "raw.rss_articles"
    settings_key = "rss"
    media_suffix = "xml"

    def queries(self, start: date, end: date) -> Iterator[ArticlesQuery]:
        """One query for each feed of the settings."""
        for feed in self.settings.feeds:
            yield ArticlesQuery(start=start, end=end, feed=feed.name, url=feed.url)

    def extract(self, query: ArticlesQuery) -> Iterator[Reply]:
        """The feed as it is now."""
        yield self.client.get(query.url, check=_feed)

    @classmethod
    def read(cls, content: bytes, query: ArticlesQuery) -> Mapping[str, Any]:
        """Entries as columns, markup untouched."""
        feed = _parsed(content)
        language = _text(feed["feed"].get("language"))
        articles = [_article(entry) for entry in feed["entries"]]
        columns = {name: [article[name] for article in articles] for name in _ARTICLE_COLUMNS}
        published_at = pa.array(columns.pop("published_at"), pa.timestamp("us", "UTC"))
        count = len(articles)
        return {**columns, "published_at": published_at, "feed": [query.feed] * count, "language": [language] * count}

    @classmethod
    def row_dates(cls, rows: pa.Table) -> pa.Array:
        """The UTC day of publication, the window's last day where there is none."""
        return pc.fill_null(rows["published_at"].cast(pa.timestamp("us")).cast(pa.date32()), window_end(rows))


_ARTICLE_COLUMNS = ("entry_id", "link", "title", "summary", "author", "published", "published_at")


def _feed(reply: Reply) -> None:
    try:
        _parsed(reply.content)
    except ValueError as error:
        raise TransientError(str(error)) from None


def _parsed(content: bytes) -> Mapping[str, Any]:
    """The feed in the bytes. Most feeds break some rule of XML, so only one with nothing to read is refused.

    Raises
    ------
    ValueError
        When the bytes are no feed, or are cut before its title and entries.
    """
    try:
        # A stream, because feedparser takes bytes for the name of a file first.
        feed = cast(
            "Mapping[str, Any]",
            feedparser.parse(io.BytesIO(content), sanitize_html=False, resolve_relative_uris=False),
        )
    except Exception as error:  # the parsers below raise whatever comes up
        raise ValueError(f"a feed that stops the parser: {type(error).__name__}") from None
    if not feed["entries"] and (not feed.get("version") or (feed["bozo"] and not feed["feed"].get("title"))):
        raise ValueError("what should be a feed is cut or is something else")
    return feed


def _article(entry: Mapping[str, Any]) -> dict[str, Any]:
    published, parsed = next(
        ((entry[name], entry.get(f"{name}_parsed")) for name in ("published", "updated") if name in entry), (None, None)
    )
    contents = entry.get("content") or [{}]
    article = {
        "link": _text(entry.get("link")),
        "title": _text(entry.get("title")),
        "summary": _text(entry.get("summary") or contents[0].get("value")),
        "author": _text(entry.get("author")),
        "published": _text(published),
        "published_at": _utc(parsed),
    }
    named = _text(entry.get("id")) or article["link"]
    return {**article, "entry_id": named or _digest(article)}


def _text(value: object) -> str | None:
    """The text, None for none; halves of surrogate pairs cannot be stored and become question marks."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) and value else None


def _utc(parsed: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC) if parsed else None
    except (ValueError, OverflowError, OSError):
        return None


def _digest(article: Mapping[str, Any]) -> str:
    """A name for an entry that has neither id nor link."""
    return "sha256:" + hashlib.sha256(repr(sorted(article.items(), key=str)).encode()).hexdigest()
