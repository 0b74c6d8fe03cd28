"""X (Twitter): posts found by recent search."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported)

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, SecretStr

from atlas_assets.contracts.raw import instant, integer, raw_table, text
from atlas_assets.data_sources.base import BaseDataSource, Query
from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError
from atlas_assets.data_sources.client.limits import Quota, RateHeaders
from atlas_assets.data_sources.client.reply import Reply, json_object, refuse_web_page
from atlas_assets.data_sources.sentiment.x_budget import PostBudget
from atlas_assets.data_sources.settings import Name, Section, SourceSettings
from atlas_assets.data_sources.vendor import Vendor
from atlas_assets.data_sources.windows import days_of, midnight

if TYPE_CHECKING:
    import pyarrow as pa

FEWEST, PAGE = 10, 100
MOST_PAGES = 1000
SEARCHED = timedelta(days=7)
MARGIN = timedelta(seconds=60)
"""The vendor refuses an end less than 10 s ago, and a start that is 7 days old when it arrives."""

FIELDS = "author_id,conversation_id,created_at,lang,public_metrics"
UNKEPT = frozenset(
    {
        "article", "attachments", "card_uri", "community_id", "context_annotations", "display_text_range",
        "edit_controls", "edit_history_tweet_ids", "entities", "geo", "in_reply_to_user_id", "media_metadata",
        "non_public_metrics", "note_tweet", "organic_metrics", "paid_partnership", "possibly_sensitive",
        "promoted_metrics", "referenced_tweets", "reply_settings", "scopes", "source", "suggested_source_links",
        "withheld",
    }
)  # fmt: skip
"""What the API documents of a post beside `FIELDS`; most of it comes only where it is asked for."""
METRICS = ("retweet_count", "reply_count", "like_count", "quote_count")
# An id holds the milliseconds since then in all but its last 22 bits.
FIRST_ID_MILLISECONDS = 1_288_834_974_657


class Search(Section):
    """A search: its name in the tables, and the query in X's language."""

    name: Name
    query: Annotated[str, Field(min_length=1, max_length=4096)]


class XSettings(SourceSettings):
    """X API v2: the bearer token of an app with credits."""

    bearer_token: SecretStr | None = None
    searches: list[Search] = Field(min_length=1)
    monthly_posts: int = Field(default=10_000, ge=FEWEST, description="posts that may be read (and paid) a month")


X = Vendor(
    name="x",
    title="X API v2",
    domain="sentiment",
    settings=XSettings,
    base_url="https://api.x.com",
    required_secrets=("bearer_token",),
    access="Bearer token of an app; posts are paid for as they are read, in advance.",
    limits=(
        "Requests per 15 minutes as the reply's headers say (450 or 60); posts a month as bought, and as "
        "monthly_posts of the settings allows. The same post is billed once a UTC day, so what the lake has of a day "
        "for good is not read again. Recent search reaches 7 days back."
    ),
    terms=(
        "Copies must follow deletions and protections; do not redistribute text, only ids. Keep the raw text in a zone "
        "that can be purged."
    ),
    conventions=(
        "Times are UTC. Ids are text, since they pass 2^53. The text of a retweet is cut. Counts are those of the "
        "moment of asking; refetch asks anew."
    ),
    rate_headers=RateHeaders(
        remaining="x-rate-limit-remaining", reset="x-rate-limit-reset", reset_in="epoch", window_seconds=900
    ),
    quota=Quota(period="month", statuses=frozenset({402}), phrases=("usage-capped", "UsageCapExceeded", "usage cap")),
)


class PostsQuery(Query):
    """The posts that one search finds."""

    search: str
    text: str

    @property
    def instrument(self) -> str:
        """The search's name."""
        return self.search


class XPosts(BaseDataSource[XSettings, PostsQuery]):
    """Posts, newest first, paged by token."""

    vendor = X
    table = raw_table(
        "x",
        "posts",
        "Posts on X as sent. One row per (search, id).",
        columns={
            "search": text("Name of the search in the configuration"),
            "id": text("Id of the post"),
            "text": text("Text as sent; that of a retweet is cut"),
            "created_at": text("When it was posted, as sent", nullable=True),
            "posted_at": instant("The same (UTC); read from the id where it was not sent"),
            "author_id": text("Id of the author", nullable=True),
            "conversation_id": text("Id of the post that the conversation began with", nullable=True),
            "lang": text("Language as X sees it", nullable=True),
            "retweet_count": integer("Retweets at the moment of asking", nullable=True),
            "reply_count": integer("Replies at the moment of asking", nullable=True),
            "like_count": integer("Likes at the moment of asking", nullable=True),
            "quote_count": integer("Quotes at the moment of asking", nullable=True),
        },
        key=("search", "id"),
        may_be_empty=True,
    )
    instrument_column = "search"
    settles_after = timedelta(hours=1)
    accumulates = True
    unkept = UNKEPT
    reach = SEARCHED - MARGIN

    def queries(self, start: date, end: date) -> Iterator[PostsQuery]:
        """One query for each search of the settings."""
        for search in self.settings.searches:
            yield PostsQuery(start=start, end=end, as_of=self.client.now(), search=search.name, text=search.query)

    def extract(self, query: PostsQuery) -> Iterator[Reply]:
        """The pages, each as large as the month's budget allows; nothing where the window is out of reach."""
        params = self._window(query)
        budget = PostBudget(self.settings.monthly_posts, state=self.client.state, now=self.client.now)
        tokens: set[str] = set()
        while params:
            with budget.reserve(FEWEST, PAGE) as reserved:
                reply = self.client.get(
                    f"{self.base_url}/2/tweets/search/recent",
                    params={"query": query.text, "max_results": reserved.posts, "tweet.fields": FIELDS, **params},
                    headers={"authorization": SecretStr(f"Bearer {self.secret('bearer_token').get_secret_value()}")},
                    check=_page,
                )
                posts, token = _page(reply)
                reserved.read([str(post.get("id")) for post in posts if isinstance(post, dict)])
            yield reply
            if token is None:
                return
            if token in tokens or len(tokens) >= MOST_PAGES:
                raise MalformedReply(f"the pages of {query.search} do not end; {MalformedReply.advice}.")
            tokens.add(token)
            params = {**params, "next_token": token}

    @classmethod
    def records(cls, content: bytes, query: PostsQuery) -> Sequence[Any]:
        """Posts."""
        return _posts(content)[0]

    @classmethod
    def columns(cls, records: Sequence[Mapping[str, Any]], query: PostsQuery) -> Mapping[str, Any]:
        """Posts as columns; only id and text are always sent."""
        import pyarrow as pa

        metrics = [record.get("public_metrics") or {} for record in records]
        moments = [_moment(record) for record in records]
        optional = ("created_at", "author_id", "conversation_id", "lang")
        return {
            "search": [query.search] * len(records),
            **{name: [record[name] for record in records] for name in ("id", "text")},
            **{name: [record.get(name) for record in records] for name in optional},
            **{name: [counts.get(name) for counts in metrics] for name in METRICS},
            "posted_at": pa.array(moments, pa.timestamp("us", "UTC")),
        }

    @classmethod
    def row_dates(cls, rows: pa.Table, query: PostsQuery) -> pa.Array:
        """The UTC day of the post."""
        return days_of(rows["posted_at"])

    def _window(self, query: PostsQuery) -> dict[str, str]:
        """``start_time`` and ``end_time``, the latter only where it has passed; nothing when out of reach.

        Posts that the lake has are left out by time, not by ``since_id``: a search finds some posts late.
        """
        now = self.client.now()
        start = max(query.known_until or midnight(query.start), midnight(query.start), now - SEARCHED + MARGIN)
        end = midnight(query.end) + timedelta(days=1)
        if start >= min(end, now - MARGIN):
            return {}
        window = {"start_time": _stamp(start)}
        return window if end > now - MARGIN else {**window, "end_time": _stamp(end)}


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"


def _moment(post: Mapping[str, Any]) -> datetime:
    """When a post was made: as it says, else as its id tells."""
    created = post.get("created_at")
    if created is None:
        milliseconds = (int(post["id"]) >> 22) + FIRST_ID_MILLISECONDS
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    moment = datetime.fromisoformat(created)
    if moment.tzinfo is None:
        raise ValueError(f"created_at {created} has no time zone")
    return moment.astimezone(UTC)


def _page(reply: Reply) -> tuple[list[Any], str | None]:
    refuse_web_page(reply)
    return _posts(reply.content)


def _posts(content: bytes) -> tuple[list[Any], str | None]:
    """The posts of a page and the next page's token. Without a result there is no list of posts at all.

    Posts that cannot be shown are named in ``errors`` beside those that can.

    Raises
    ------
    SourceError
        When the body is something else.
    """
    body = json_object(content, "meta")
    meta = body["meta"]
    if not isinstance(meta, dict) or type(meta.get("result_count")) is not int:
        raise MalformedReply("sent no result_count")
    posts, token = body.get("data", []), meta.get("next_token")
    if not isinstance(posts, list) or (meta["result_count"] > 0 and not posts):
        raise MalformedReply("sent no list of posts although it counts some")
    if token is not None and (not isinstance(token, str) or not token):
        raise PermanentError("sent a page whose next token is not text")
    return posts, token
