"""News feeds in RSS and Atom."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported)

from __future__ import annotations

import calendar
import hashlib
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, cast

from pydantic import Field

from atlas_assets.contracts.raw import day, instant, raw_table, text
from atlas_assets.data_sources.base import BaseDataSource, Query
from atlas_assets.data_sources.client.errors import TransientError
from atlas_assets.data_sources.client.reply import Reply
from atlas_assets.data_sources.settings import Name, Section, SourceSettings
from atlas_assets.data_sources.vendor import Vendor
from atlas_assets.data_sources.windows import days_of

if TYPE_CHECKING:
    import pyarrow as pa

    from atlas_assets.data_sources.client.http import HttpClient

NOT_MODIFIED = 304


class Feed(Section):
    """A news feed."""

    name: Name
    url: str


class RssSettings(SourceSettings):
    """RSS and Atom news feeds."""

    feeds: list[Feed] = Field(min_length=1)


RSS = Vendor(
    name="rss",
    title="RSS and Atom feeds",
    domain="sentiment",
    settings=RssSettings,
    access="No key; each feed's address stands in the settings.",
    limits="None published; be gentle.",
    terms="Those of each feed's publisher.",
    conventions=(
        "A feed holds only its newest entries: the past cannot be asked for. Dates are read as UTC; an entry "
        "without one belongs to the day it was asked for."
    ),
    per_host=True,
)


class ArticlesQuery(Query):
    """The entries of one feed."""

    feed: str
    url: str

    @property
    def instrument(self) -> str:
        """The feed's name."""
        return self.feed


class RssArticles(BaseDataSource[RssSettings, ArticlesQuery]):
    """Entries of RSS and Atom feeds. A feed holds only its newest entries; the past cannot be asked for.

    New elements are not followed: each publisher has extensions of its own, and none of them is the format of all.
    """

    vendor = RSS
    table = raw_table(
        "rss",
        "articles",
        "Entries of RSS and Atom feeds as sent. One row per (feed, entry_id, dated_on).\n\n"
        "An entry that is dated anew, or that has no date and is still there on another day, is there more than once.",
        columns={
            "feed": text("Name of the feed in the configuration"),
            "entry_id": text("guid or id of the entry, else its link"),
            "link": text("Address of the article", nullable=True),
            "title": text("Title as sent, markup included", nullable=True),
            "summary": text("Summary or content as sent, markup included", nullable=True),
            "author": text("Author as sent", nullable=True),
            "published": text("Publication date as sent", nullable=True),
            "published_at": instant("Publication date read from it (UTC); missing when unreadable", nullable=True),
            "dated_on": day("Its day (UTC), that of asking where its own is unreadable"),
            "language": text("Language of the feed as sent", nullable=True),
        },
        key=("feed", "entry_id", "dated_on"),
    )
    instrument_column = "feed"
    media_suffix = "xml"
    accumulates = True

    def __init__(self, settings: RssSettings, client: HttpClient) -> None:
        super().__init__(settings, client)
        self._pending: dict[str, dict[str, str]] = {}

    def queries(self, start: date, end: date) -> Iterator[ArticlesQuery]:
        """One query for each feed of the settings."""
        for feed in self.settings.feeds:
            yield ArticlesQuery(start=start, end=end, as_of=self.client.now(), feed=feed.name, url=feed.url)

    def extract(self, query: ArticlesQuery) -> Iterator[Reply]:
        """The feed as it is now; nothing when it is still the one whose entries of these days are in the lake."""
        reply = self.client.get(query.url, headers=self._condition(query), accept={NOT_MODIFIED}, check=_checked())
        if reply.status == NOT_MODIFIED:
            return
        yield reply
        self._pending[query.feed] = {
            "of": _fingerprint(query.url),
            "from": query.start.isoformat(),
            "to": query.end.isoformat(),
            "etag": reply.headers.get("etag", ""),
            "modified": reply.headers.get("last-modified", ""),
        }

    def committed(self) -> None:
        """Ask for the feed from here on only if it has changed."""
        for feed, seen in self._pending.items():
            self.client.state.update(f"rss:{feed}", lambda document, new=seen: document.update(new))
        self._pending.clear()

    def forget(self, query: ArticlesQuery) -> None:
        """Ask for the feed even if it has not changed."""
        self.client.state.update(f"rss:{query.feed}", dict.clear)

    @classmethod
    def records(cls, content: bytes, query: ArticlesQuery) -> Sequence[Any]:
        """Entries, markup untouched, each with its feed's language."""
        feed = _parsed(content)
        language = _text(feed["feed"].get("language"))
        return [{**_article(entry), "language": language} for entry in feed["entries"]]

    @classmethod
    def columns(cls, records: Sequence[Mapping[str, Any]], query: ArticlesQuery) -> Mapping[str, Any]:
        """Entries as columns."""
        import pyarrow as pa
        import pyarrow.compute as pc

        columns = {name: [article[name] for article in records] for name in _ARTICLE_COLUMNS}
        published_at = pa.array(columns.pop("published_at"), pa.timestamp("us", "UTC"))
        dated_on = pc.fill_null(days_of(published_at), query.end)
        return {
            **columns,
            "feed": [query.feed] * len(records),
            "published_at": published_at,
            "dated_on": dated_on,
        }

    @classmethod
    def row_dates(cls, rows: pa.Table, query: ArticlesQuery) -> pa.ChunkedArray:
        """The UTC day of publication, the window's last day where there is none."""
        return rows["dated_on"]

    def _condition(self, query: ArticlesQuery) -> dict[str, str]:
        """The headers of a conditional request, where the feed as known has filled the query's days."""
        seen = self.client.state.read(f"rss:{query.feed}")
        start, end = query.start.isoformat(), query.end.isoformat()
        if seen.get("of") != _fingerprint(query.url) or not seen["from"] <= start <= end <= seen["to"]:
            return {}
        headers = {"if-none-match": seen["etag"], "if-modified-since": seen["modified"]}
        return {name: value for name, value in headers.items() if value}


_ARTICLE_COLUMNS = ("entry_id", "link", "title", "summary", "author", "published", "published_at", "language")


def _checked() -> Callable[[Reply], None]:
    """Refuses what is no feed, and one whose end is missing until it has come so several times."""
    doubts = Counter[bytes]()

    def check(reply: Reply) -> None:
        if reply.status == NOT_MODIFIED:
            return
        problem = ""
        try:
            _parsed(reply.content)
        except ValueError as error:
            problem = str(error)
        if not problem and not _END.search(reply.content[-_TAIL:].replace(b"\0", b"")):
            doubts[reply.content] += 1
            problem = "sent a feed without its end" if doubts[reply.content] <= _MOST_DOUBTS else ""
        if problem:
            raise TransientError(problem)

    return check


_END = re.compile(rb"</(?:[A-Za-z0-9_]+:)?(?:rss|feed|RDF)\s*>", re.IGNORECASE)
_TAIL = 4096
_MOST_DOUBTS = 4


def _parsed(content: bytes) -> Mapping[str, Any]:
    """The feed in the bytes. Most feeds break some rule of XML, so only one with nothing to read is refused.

    Raises
    ------
    ValueError
        When the bytes are no feed, or are cut before its title and entries.
    """
    import feedparser

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


def _fingerprint(url: str) -> str:
    """Tells an address from others without saying it: some hold a key."""
    return hashlib.sha256(url.encode()).hexdigest()


def _digest(article: Mapping[str, Any]) -> str:
    """A name for an entry that has neither id nor link."""
    return "sha256:" + hashlib.sha256(repr(sorted(article.items(), key=str)).encode()).hexdigest()
