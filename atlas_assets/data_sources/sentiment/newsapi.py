"""NewsAPI: articles about topics."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported)

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, SecretStr

from atlas_assets.contracts.raw import instant, raw_table, text
from atlas_assets.data_sources.base import BaseDataSource, Query
from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError, TransientError
from atlas_assets.data_sources.client.limits import Quota
from atlas_assets.data_sources.client.reply import Reply, excerpt, json_object, refuse_web_page
from atlas_assets.data_sources.settings import Name, Section, SourceSettings
from atlas_assets.data_sources.vendor import Vendor
from atlas_assets.data_sources.windows import days_of

if TYPE_CHECKING:
    import pyarrow as pa

PAGE = 100
MOST_PAGES = 100
DEPTH = 426
"""Status for results deeper than the plan allows, and for a past that it does not hold."""

REMOVED = "[Removed]"
PASSING_CODES = frozenset({"rateLimited", "unexpectedError"})


class Topic(Section):
    """A topic: its name in the tables, and the query in NewsAPI's language."""

    name: Name
    query: Annotated[str, Field(min_length=1, max_length=500)]


class NewsApiSettings(SourceSettings):
    """NewsAPI: a key, and what its plan allows."""

    api_key: SecretStr | None = None
    topics: list[Topic] = Field(min_length=1)
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] | None = "en"


NEWSAPI = Vendor(
    name="newsapi",
    title="NewsAPI",
    domain="sentiment",
    settings=NewsApiSettings,
    base_url="https://newsapi.org",
    required_secrets=("api_key",),
    access="A key; the free developer plan is for development only.",
    limits=(
        "Developer plan: 100 requests a day (50 in 12 hours), the newest 100 articles of a query, a month back, each "
        "24 hours late. What lies deeper than the plan allows counts as not answered."
    ),
    terms="No redistribution; the developer plan may not be used in production.",
    conventions=(
        "publishedAt is UTC. The text is cut at 200 characters. Titles end with the name of the source. Articles that "
        "were withdrawn ([Removed]) are left out."
    ),
    quota=Quota(calls=100, phrases=("requests over a 24 hour period", "apiKeyExhausted")),
)


class ArticlesQuery(Query):
    """The articles about one topic."""

    topic: str
    text: str

    @property
    def instrument(self) -> str:
        """The topic's name."""
        return self.topic


class NewsApiArticles(BaseDataSource[NewsApiSettings, ArticlesQuery]):
    """Articles, newest first, paged by number."""

    vendor = NEWSAPI
    table = raw_table(
        "newsapi",
        "articles",
        "Articles found by NewsAPI as sent. One row per (topic, url, published_at).",
        columns={
            "topic": text("Name of the topic in the configuration"),
            "url": text("Address of the article"),
            "source_id": text("NewsAPI's name of the source", nullable=True),
            "source_name": text("Name of the source", nullable=True),
            "author": text("Author as sent", nullable=True),
            "title": text("Title as sent", nullable=True),
            "description": text("Description as sent", nullable=True),
            "content": text("Beginning of the text, cut by the vendor", nullable=True),
            "image_url": text("Address of its picture", nullable=True),
            "published": text("Publication date as sent"),
            "published_at": instant("The same (UTC)"),
        },
        key=("topic", "url", "published_at"),
        may_be_empty=True,
    )
    instrument_column = "topic"
    settles_after = timedelta(hours=25)
    reach = timedelta(days=29)
    days_per_query = 1

    def queries(self, start: date, end: date) -> Iterator[ArticlesQuery]:
        """One query for each topic of the settings."""
        for topic in self.settings.topics:
            yield ArticlesQuery(start=start, end=end, as_of=self.client.now(), topic=topic.name, text=topic.query)

    def extract(self, query: ArticlesQuery) -> Iterator[Reply]:
        """The pages, as deep as the plan allows."""
        self.shortfalls.pop(query, None)
        params: dict[str, str | int | SecretStr] = {
            "q": query.text,
            "from": f"{query.start}T00:00:00",
            "to": f"{query.end}T23:59:59",
            # What the plan does not show is then the oldest part.
            "sortBy": "publishedAt",
            "pageSize": PAGE,
            **({"language": self.settings.language} if self.settings.language else {}),
        }
        oldest: str | None = None
        for page in range(1, MOST_PAGES + 1):
            reply = self.client.get(
                f"{self.base_url}/v2/everything",
                params={**params, "page": page},
                headers={"x-api-key": self.secret("api_key")},
                accept={DEPTH},
                check=_page,
            )
            if reply.status == DEPTH:
                return self._fell_short(query, oldest)
            articles, total = _page(reply)
            yield reply
            stamps = [stamp for article in articles if isinstance(stamp := article.get("publishedAt"), str)]
            oldest = min([*stamps, *([oldest] if oldest else [])], default=None)
            if page * PAGE >= total:
                return None
            if not articles:
                raise TransientError(
                    f"newsapi: page {page} of {query.topic} is empty although there are {total} articles; run again."
                )
        return self._fell_short(query, oldest)

    @classmethod
    def records(cls, content: bytes, query: ArticlesQuery) -> Sequence[Any]:
        """Articles without the withdrawn ones."""
        return [article for article in _articles(content)[0] if not _is_removed(article)]

    @classmethod
    def columns(cls, records: Sequence[Mapping[str, Any]], query: ArticlesQuery) -> Mapping[str, Any]:
        """Articles as columns."""
        import pyarrow as pa

        moments = [_moment(record["publishedAt"]) for record in records]
        same = ("url", "author", "title", "description", "content")
        return {
            "topic": [query.topic] * len(records),
            **{name: [record[name] for record in records] for name in same},
            "source_id": [record["source"]["id"] for record in records],
            "source_name": [record["source"]["name"] for record in records],
            "image_url": [record["urlToImage"] for record in records],
            "published": [record["publishedAt"] for record in records],
            "published_at": pa.array(moments, pa.timestamp("us", "UTC")),
        }

    @classmethod
    def row_dates(cls, rows: pa.Table, query: ArticlesQuery) -> pa.Array:
        """The UTC day of publication."""
        return days_of(rows["published_at"])

    def _fell_short(self, query: ArticlesQuery, oldest: str | None) -> None:
        until = _moment(oldest).date() if oldest else query.end
        self.shortfalls[query] = (until, "the plan does not show more articles of one query")


def _moment(stamp: str) -> datetime:
    moment = datetime.fromisoformat(stamp)
    if moment.tzinfo is None:
        raise ValueError(f"publishedAt {stamp} has no time zone")
    return moment.astimezone(UTC)


def _is_removed(article: Any) -> bool:
    return isinstance(article, dict) and article.get("title") == REMOVED and article.get("description") == REMOVED


def _page(reply: Reply) -> tuple[list[Any], int]:
    """The articles of a page and how many there are in all; none of one that is too deep for the plan."""
    refuse_web_page(reply)
    if reply.status == DEPTH:
        return _too_deep(reply.content), 0
    articles, total = _articles(reply.content)
    if any(not isinstance(article, dict) for article in articles):
        raise MalformedReply("sent articles that are no objects")
    return articles, total


def _articles(content: bytes) -> tuple[list[Any], int]:
    body = json_object(content, "status")
    if body["status"] != "ok":
        code, what = str(body.get("code")), excerpt(f"{body.get('code')}: {body.get('message')}")
        if code in PASSING_CODES:
            raise TransientError(f"answered with an error in place of articles: {what}")
        raise PermanentError(f"answered with an error in place of articles: {what}")
    articles, total = body.get("articles"), body.get("totalResults")
    if not isinstance(articles, list) or type(total) is not int:
        raise MalformedReply("sent no list of articles")
    return articles, total


def _too_deep(content: bytes) -> list[Any]:
    """Nothing where the plan's depth is reached; a past that the plan does not hold is an error.

    Raises
    ------
    PermanentError
        Any other refusal with this status.
    """
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict) and body.get("code") == "maximumResultsReached":
        return []
    said = excerpt(f"{body.get('code')}: {body.get('message')}") if isinstance(body, dict) else ""
    raise PermanentError(f"HTTP {DEPTH}: {said}", advice="ask for a later window or take a larger plan", status=DEPTH)
