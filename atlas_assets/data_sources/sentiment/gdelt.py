"""GDELT: articles of the world's news, found by the DOC 2.0 search."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported)

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import Field

from atlas_assets.contracts.raw import instant, raw_table, text
from atlas_assets.data_sources.base import BaseDataSource, Query
from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError, TransientError
from atlas_assets.data_sources.client.reply import Reply, excerpt
from atlas_assets.data_sources.settings import Name, Section, SourceSettings
from atlas_assets.data_sources.vendor import Vendor
from atlas_assets.data_sources.windows import days_of, midnight

if TYPE_CHECKING:
    import pyarrow as pa

MOST_ARTICLES = 250
GRID = timedelta(minutes=15)
"""Articles are dated by the quarter of an hour in which they were seen."""

_SECOND = timedelta(seconds=1)
_STAMP = "%Y%m%d%H%M%S"
_SEEN = "%Y%m%dT%H%M%SZ"
_ESCAPE = re.compile(r'\\(["\\/bfnrt]|u[0-9a-fA-F]{4})|\\')
_PASSING = re.compile(
    r"limit requests|too many|try again|time[d ]?-?out|overload|busy|temporar|internal|error occur", re.IGNORECASE
)


class Topic(Section):
    """A topic: its name in the tables, and the query in GDELT's language."""

    name: Name
    query: Annotated[str, Field(min_length=3)]


class GdeltSettings(SourceSettings):
    """GDELT DOC 2.0 (no key)."""

    topics: list[Topic] = Field(min_length=1)
    rate_limit: int = Field(default=12, gt=0, description="requests a minute")
    spacing_seconds: float = Field(default=5.0, ge=0, description="least time between two requests")


GDELT = Vendor(
    name="gdelt",
    title="GDELT DOC 2.0",
    domain="sentiment",
    settings=GdeltSettings,
    base_url="https://api.gdeltproject.org",
    access="No key.",
    limits=(
        "One request every five seconds; 429 also comes at times of load. No paging: at most 250 articles a request."
    ),
    terms="GDELT's own data is open with citation of the project; the articles belong to their publishers.",
    conventions=(
        "seendate is when GDELT saw the article (UTC, on a grid of 15 minutes), not when it was published. Titles have "
        "blanks around their punctuation, addresses may carry ports and debris; all is kept as sent."
    ),
)


class ArticlesQuery(Query):
    """The articles about one topic."""

    topic: str
    text: str

    @property
    def instrument(self) -> str:
        """The topic's name."""
        return self.topic


class GdeltArticles(BaseDataSource[GdeltSettings, ArticlesQuery]):
    """Articles: the window is halved until each slice holds fewer than can be sent."""

    vendor = GDELT
    table = raw_table(
        "gdelt",
        "articles",
        "Articles seen by GDELT, as sent. One row per (topic, url, seendate).",
        columns={
            "topic": text("Name of the topic in the configuration"),
            "url": text("Address of the article, debris included"),
            "seendate": text("When it was seen, as sent, such as 20260828T121500Z"),
            "seen_at": instant("The same (UTC)"),
            "title": text("Title as sent"),
            "domain": text("Domain of the publisher"),
            "language": text("Language, in English", nullable=True),
            "sourcecountry": text("Country of the publisher, in English", nullable=True),
            "url_mobile": text("Address of its mobile version; empty where there is none", nullable=True),
            "socialimage": text("Address of its picture; empty where there is none", nullable=True),
        },
        key=("topic", "url", "seendate"),
        may_be_empty=True,
    )
    instrument_column = "topic"
    settles_after = timedelta(hours=1)
    days_per_query = 1

    def queries(self, start: date, end: date) -> Iterator[ArticlesQuery]:
        """One query for each topic of the settings."""
        for topic in self.settings.topics:
            yield ArticlesQuery(start=start, end=end, as_of=self.client.now(), topic=topic.name, text=topic.query)

    def extract(self, query: ArticlesQuery) -> Iterator[Reply]:
        """The replies of the slices that hold fewer articles than the limit, oldest first."""
        self.shortfalls.pop(query, None)
        end = midnight(query.end) + timedelta(days=1)
        waiting = [(midnight(query.start), min(end, _next_slot(self.client.now())))]
        while waiting:
            first, last = waiting.pop()
            if first >= last:
                continue
            reply = self._slice(query, first, last)
            is_full = len(_distinct(_articles(reply.content))) >= MOST_ARTICLES
            if is_full and last - first > GRID:
                middle = first + max((last - first) // 2 // GRID, 1) * GRID
                waiting += [(middle, last), (first, middle)]
                continue
            yield reply
            if is_full:
                what = f"{MOST_ARTICLES} or more articles in a quarter of an hour"
                self.shortfalls[query] = (first.date(), what)

    @classmethod
    def records(cls, content: bytes, query: ArticlesQuery) -> Sequence[Any]:
        """Articles; none where the reply has no list of them."""
        return _articles(content)

    @classmethod
    def columns(cls, records: Sequence[Mapping[str, Any]], query: ArticlesQuery) -> Mapping[str, Any]:
        """Articles as columns."""
        import pyarrow as pa

        seen = [datetime.strptime(record["seendate"], _SEEN).replace(tzinfo=UTC) for record in records]
        optional = ("language", "sourcecountry", "url_mobile", "socialimage")
        return {
            "topic": [query.topic] * len(records),
            **{name: [record[name] for record in records] for name in ("url", "seendate", "title", "domain")},
            **{name: [record.get(name) for record in records] for name in optional},
            "seen_at": pa.array(seen, pa.timestamp("us", "UTC")),
        }

    @classmethod
    def row_dates(cls, rows: pa.Table, query: ArticlesQuery) -> pa.Array:
        """The UTC day on which it was seen."""
        return days_of(rows["seen_at"])

    def _slice(self, query: ArticlesQuery, first: datetime, last: datetime) -> Reply:
        """The articles seen from ``first`` until before ``last``."""
        params = {
            "query": query.text,
            "mode": "ArtList",
            "format": "json",
            "maxrecords": MOST_ARTICLES,
            "sort": "DateDesc",
            "startdatetime": f"{first:{_STAMP}}",
            "enddatetime": f"{last - _SECOND:{_STAMP}}",
        }
        return self.client.get(f"{self.base_url}/api/v2/doc/doc", params=params, check=_check)


def _next_slot(now: datetime) -> datetime:
    """The end of the quarter of an hour that is running."""
    begun = midnight(now.astimezone(UTC).date())
    return begun + ((now.astimezone(UTC) - begun) // GRID + 1) * GRID


def _distinct(articles: list[Any]) -> set[tuple[str, str]]:
    return {(str(one.get("url")), str(one.get("seendate"))) for one in articles if isinstance(one, dict)}


def _check(reply: Reply) -> None:
    # Not by the media type: texts are sent as HTML.
    _articles(reply.content)


def _articles(content: bytes) -> list[Any]:
    """The articles of a body. Errors come as plain text with a status of success.

    Raises
    ------
    TransientError
        A cut body, or a text that asks to come again.
    PermanentError
        Any other text, such as that the query is too short; JSON of another shape.
    """
    said = content.decode("utf-8", "replace").strip()
    if not said:
        raise TransientError("sent an empty body")
    if not said.startswith("{"):
        kind = TransientError if _PASSING.search(said) or said.startswith("<") else PermanentError
        raise kind(f"answered with a text in place of articles: {excerpt(said, 200)}")
    body = _loaded(said)
    if not isinstance(body, dict):
        raise MalformedReply("sent JSON that is no object")
    articles = body.get("articles", [])
    if not isinstance(articles, list):
        raise MalformedReply("sent JSON without a list of articles")
    return cast("list[Any]", articles)


def _loaded(said: str) -> object:
    """JSON, also with control characters in its texts and with backslashes that escape nothing."""
    for attempt in (said, _ESCAPE.sub(lambda found: found[0] if found[1] else r"\\", said)):
        try:
            return json.loads(attempt, strict=False)
        except (ValueError, RecursionError):
            continue
    raise TransientError("sent JSON that is cut or damaged")
