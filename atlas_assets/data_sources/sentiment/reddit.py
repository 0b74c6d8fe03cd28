"""Reddit: the newest posts of subreddits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import Field, SecretStr

from atlas_assets.contracts.raw import flag, integer, number, raw_table, text
from atlas_assets.data_sources.base import BaseDataSource, Query
from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError, TransientError
from atlas_assets.data_sources.client.limits import RateHeaders
from atlas_assets.data_sources.client.reply import REDIRECTS, Reply, json_object, refuse_web_page
from atlas_assets.data_sources.settings import SourceSettings
from atlas_assets.data_sources.vendor import Vendor
from atlas_assets.data_sources.windows import midnight

if TYPE_CHECKING:
    import pyarrow as pa

    from atlas_assets.data_sources.client.tokens import TokenSource

PAGE = 100
LISTED = 1000
"""About so many newest posts of a subreddit are listed, never more."""

MOST_PAGES = 3 * LISTED // PAGE
MOST_ANCHORS = 5
DAY_SECONDS = 86_400

CORRECT_NAME = "correct the subreddit's name in the settings"

Subreddit = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{2,21}$")]


class RedditSettings(SourceSettings):
    """Reddit's data API: the keys of an approved app."""

    client_id: SecretStr | None = None
    client_secret: SecretStr | None = None
    user_agent: str = Field(
        default="python:atlas-quanta:1.0 (by /u/unset)",
        pattern=r"^[\x21-\x7e]+:[\x21-\x7e]+:[\x21-\x7e]+ \(by /u/[A-Za-z0-9_-]+\)$",
        description="<platform>:<app>:<version> (by /u/<name>)",
    )
    token_url: str = "https://www.reddit.com/api/v1/access_token"  # noqa: S105 - an address
    subreddits: list[Subreddit] = Field(min_length=1)


REDDIT = Vendor(
    name="reddit",
    title="Reddit",
    domain="sentiment",
    settings=RedditSettings,
    base_url="https://oauth.reddit.com",
    required_secrets=("client_id", "client_secret"),
    access="Client id and secret of an app; since November 2025 each new app is approved by hand.",
    limits=(
        "100 requests a minute and app, averaged over ten minutes. Only the newest 1,000 posts or so of a subreddit "
        "are listed, whatever their age: ask often enough."
    ),
    terms=(
        "Commercial use needs a contract; no training of models without permission. What users delete has to be "
        "deleted: keep the raw text in a zone that can be purged within 48 hours, derived counts elsewhere."
    ),
    conventions=(
        "created_utc is in seconds since 1970 (UTC); the older field created is eight hours off and not read. Scores "
        "are blurred and change: they are those of the moment of asking."
    ),
    rate_headers=RateHeaders(remaining="x-ratelimit-remaining", reset="x-ratelimit-reset", window_seconds=600),
)

_SAME_NAME = ("name", "created_utc", "title", "selftext", "author", "permalink", "url", "is_self", "over_18")
_NUMBERS = ("score", "num_comments")
UNKEPT = frozenset(
    {
        "all_awardings", "allow_live_comments", "approved", "approved_at_utc", "approved_by", "archived",
        "author_cakeday", "author_flair_background_color", "author_flair_css_class", "author_flair_richtext",
        "author_flair_template_id", "author_flair_text", "author_flair_text_color", "author_flair_type",
        "author_fullname", "author_is_blocked", "author_patreon_flair", "author_premium", "awarders", "ban_note",
        "banned_at_utc", "banned_by", "can_gild", "can_mod_post", "category", "clicked", "collections",
        "content_categories", "contest_mode", "created", "crosspost_parent", "crosspost_parent_list",
        "discussion_type", "distinguished", "domain", "downs", "event_end", "event_is_live", "event_start", "from",
        "from_id", "from_kind", "gallery_data", "gilded", "gildings", "hidden", "hide_score", "id",
        "ignore_reports", "is_created_from_ads_ui", "is_crosspostable", "is_gallery", "is_meta",
        "is_original_content", "is_reddit_media_domain", "is_robot_indexable", "is_video", "likes",
        "link_flair_background_color", "link_flair_css_class", "link_flair_richtext", "link_flair_template_id",
        "link_flair_text_color", "link_flair_type", "live_audio", "locked", "media", "media_embed",
        "media_metadata", "media_only", "mod_note", "mod_reason_by", "mod_reason_title", "mod_reports", "no_follow",
        "num_crossposts", "num_duplicates", "num_reports", "parent_whitelist_status", "pinned", "poll_data",
        "post_hint", "preview", "previous_visits", "promoted", "promoted_by", "pwls", "quarantine",
        "removal_reason", "removed", "removed_by", "removed_by_category", "report_reasons", "rpan_video",
        "rte_mode", "saved", "secure_media", "secure_media_embed", "selftext_html", "send_replies", "spam",
        "spoiler", "steward_reports", "stickied", "subreddit", "subreddit_id", "subreddit_name_prefixed",
        "subreddit_subscribers", "subreddit_type", "suggested_sort", "thumbnail", "thumbnail_height",
        "thumbnail_width", "top_awarded_type", "total_awards_received", "tournament_data", "treatment_tags", "ups",
        "url_overridden_by_dest", "user_reports", "view_count", "visited", "whitelist_status", "wls",
    }
)  # fmt: skip
"""What a post is known to have beside the columns of the table."""


class PostsQuery(Query):
    """The posts of one subreddit."""

    subreddit: Subreddit

    @property
    def instrument(self) -> str:
        """The subreddit's name."""
        return self.subreddit


class Page(NamedTuple):
    """A page's posts as (created_utc, fullname), and the anchor of the next page."""

    posts: list[tuple[float, str]]
    after: str | None


class RedditPosts(BaseDataSource[RedditSettings, PostsQuery]):
    """Posts, newest first, paged back to the window's start."""

    vendor = REDDIT
    table = raw_table(
        "reddit",
        "posts",
        "Reddit posts as sent. One row per (subreddit, name).",
        columns={
            "subreddit": text("Subreddit, as in the configuration"),
            "name": text("Fullname, such as t3_48fbm9"),
            "created_utc": number("When it was posted", unit="seconds since 1970", ge=0),
            "title": text("Title as sent"),
            "selftext": text("Text as sent (Markdown), empty for links"),
            "author": text("Name of the author; [deleted] when gone", nullable=True),
            "permalink": text("Path of the post"),
            "url": text("Address it links to, its own for text posts", nullable=True),
            "is_self": flag("Whether it is a text post"),
            "over_18": flag("Whether it is for adults only"),
            "score": integer("Votes at the moment of asking, blurred"),
            "num_comments": integer("Comments at the moment of asking"),
            "upvote_ratio": number("Share of upvotes at the moment of asking", unit="fraction", nullable=True),
            "link_flair_text": text("Label that the subreddit gives it", nullable=True),
            "is_edited": flag("Whether its text was changed"),
            "edited_utc": number("When it was changed last", unit="seconds since 1970", nullable=True),
        },
        key=("subreddit", "name"),
        may_be_empty=True,
    )
    instrument_column = "subreddit"
    accumulates = True
    unkept = UNKEPT

    def queries(self, start: date, end: date) -> Iterator[PostsQuery]:
        """One query for each subreddit of the settings."""
        for subreddit in self.settings.subreddits:
            yield PostsQuery(start=start, end=end, as_of=self.client.now(), subreddit=subreddit)

    def extract(self, query: PostsQuery) -> Iterator[Reply]:
        """The pages until a post is older than the window, or the listing ends."""
        start = midnight(query.start).timestamp()
        seen: dict[str, float] = {}
        anchors: list[str] = []
        used: set[str] = set()
        self.shortfalls.pop(query, None)
        for _ in range(MOST_PAGES):
            anchor = anchors[0] if anchors else None
            reply = self._page(query.subreddit, anchor)
            page = _page(reply)
            yield reply
            if anchor is not None:
                used.add(anchor)
            if not page.posts and len(anchors) > 1:
                # The post that the page was anchored at has been deleted: go on from the one before it.
                anchors.pop(0)
                continue
            seen |= {name: created for created, name in page.posts}
            if page.after is None or min(seen.values(), default=start) < start:
                return self._finish(query, seen, start)
            if page.after in used:
                raise TransientError(f"the pages of {query.subreddit} go round in circles")
            earlier = [name for _, name in sorted(page.posts) if name != page.after]
            anchors = [page.after, *[name for name in earlier if name not in used]][:MOST_ANCHORS]
        raise MalformedReply(f"the pages of {query.subreddit} do not end; {MalformedReply.advice}.")

    @classmethod
    def records(cls, content: bytes, query: PostsQuery) -> Sequence[Any]:
        """What the listing holds."""
        return [child["data"] for child in _children(content)[0]]

    @classmethod
    def columns(cls, records: Sequence[Mapping[str, Any]], query: PostsQuery) -> Mapping[str, Any]:
        """Posts as columns; ``edited`` is false or the moment of the change."""
        return {
            "subreddit": [query.subreddit] * len(records),
            **{name: [record[name] for record in records] for name in (*_SAME_NAME, *_NUMBERS)},
            **{name: [record.get(name) for record in records] for name in ("upvote_ratio", "link_flair_text")},
            "is_edited": [record["edited"] is not False for record in records],
            "edited_utc": [_edited(record["edited"]) for record in records],
        }

    @classmethod
    def row_dates(cls, rows: pa.Table, query: PostsQuery) -> pa.Array:
        """The UTC day of the post."""
        from atlas_assets.data_sources.parsing import days_since_epoch

        return days_since_epoch(_day_numbers(rows["created_utc"]))

    def _page(self, subreddit: str, anchor: str | None) -> Reply:
        from atlas_assets.data_sources.client.tokens import bearer

        params = {"limit": PAGE, "raw_json": 1, **({} if anchor is None else {"after": anchor})}
        return self._token.use(
            lambda token: self.client.get(
                f"{self.base_url}/r/{subreddit}/new",
                params=params,
                accept=REDIRECTS,
                headers={"authorization": bearer(token), "user-agent": self.settings.user_agent},
                check=_page,
            )
        )

    @cached_property
    def _token(self) -> TokenSource:
        from atlas_assets.data_sources.client.tokens import client_credentials

        return client_credentials(
            self.client,
            self.settings.token_url,
            client_id=self.secret("client_id"),
            client_secret=self.secret("client_secret"),
            headers={"user-agent": self.settings.user_agent},
        )

    def _finish(self, query: PostsQuery, seen: Mapping[str, float], start: float) -> None:
        """Where the listing ended before the window did, what lies before it is not to be had."""
        if seen and min(seen.values()) >= start and len(seen) > LISTED - PAGE:
            oldest = datetime.fromtimestamp(min(seen.values()), UTC).date()
            self.shortfalls[query] = (oldest, f"only the newest {len(seen)} posts are listed")


def _day_numbers(seconds: Any) -> Any:
    import pyarrow.compute as pc

    return pc.floor(pc.divide(seconds, DAY_SECONDS))  # pyright: ignore[reportAttributeAccessIssue]


def _edited(value: object) -> object:
    """The moment of the change; False for none, true for one of which the moment was not kept."""
    return None if isinstance(value, bool) else value


def _children(content: bytes) -> tuple[list[Any], str | None]:
    """The things of a listing, and the next page's anchor.

    Raises
    ------
    SourceError
        When the body is no listing of posts.
    """
    listing = json_object(content, "data")["data"]
    if not isinstance(listing, dict) or not isinstance(listing.get("children"), list) or "after" not in listing:
        raise MalformedReply("sent JSON that is no listing")
    children, after = listing["children"], listing["after"]
    if any(not isinstance(child, dict) or not isinstance(child.get("data"), dict) for child in children):
        raise MalformedReply("sent a listing of something else")
    if any(child.get("kind") != "t3" for child in children):
        raise PermanentError("sent no posts, so there is no such subreddit", advice=CORRECT_NAME)
    if after is not None and (not isinstance(after, str) or not after):
        raise MalformedReply("sent a listing whose next page is not named")
    return children, after


def _page(reply: Reply) -> Page:
    if reply.status in REDIRECTS:
        # A subreddit that does not exist is answered with a search for subreddits.
        raise PermanentError("there is no such subreddit", advice=CORRECT_NAME)
    refuse_web_page(reply)
    children, after = _children(reply.content)
    posts = [(child["data"].get("created_utc"), child["data"].get("name")) for child in children]
    good = [
        (float(created), name)
        for created, name in posts
        if isinstance(name, str) and isinstance(created, int | float) and not isinstance(created, bool)
    ]
    if posts and not good:
        raise MalformedReply("sent posts without names or times")
    return Page(good, after)
