"""5ch: the posts of a board's threads. Of a thread that is known already, only what is new is asked for."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported)

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from atlas_assets.contracts.raw import day, flag, instant, integer, raw_table, text
from atlas_assets.data_sources.base import BaseDataSource, Query
from atlas_assets.data_sources.client.errors import TransientError
from atlas_assets.data_sources.client.reply import Reply, refuse_web_page
from atlas_assets.data_sources.coverage import ONE_DAY
from atlas_assets.data_sources.sentiment.fivech import (
    FIVECH,
    NOT_MODIFIED,
    RANGE_REFUSED,
    SYSTEM_KEYS,
    BoardName,
    FivechSettings,
    created_at,
    fetch,
    lines_of,
    parsed_thread,
    thread_list,
)
from atlas_assets.data_sources.sentiment.fivech_dat import FIELDS, Post, nearest_days, parsed_post, pseudonym
from atlas_assets.data_sources.windows import midnight

if TYPE_CHECKING:
    import pyarrow as pa

    from atlas_assets.data_sources.client.http import HttpClient
    from atlas_assets.data_sources.client.state import Document

WHOLE, PART = 200, 206


class PostsQuery(Query):
    """The posts of one board, or of a part of one of its threads.

    Attributes
    ----------
    thread
        Key of the thread; None for the board's list of threads, which holds no posts.
    first
        Number of the first post of the part. A part that is not the beginning starts with the line feed before it.
    """

    board: BoardName
    thread: str | None = None
    first: int = 1

    @property
    def instrument(self) -> str:
        """The board's key."""
        return self.board


class Known(NamedTuple):
    """What is known of a thread: its length in bytes, its ``Last-Modified`` and its number of posts."""

    length: int
    modified: str
    posts: int


class FivechPosts(BaseDataSource[FivechSettings, PostsQuery]):
    """Posts, read thread by thread."""

    vendor = FIVECH
    table = raw_table(
        "fivech",
        "posts",
        "Posts on 5ch; of names and ids only hashes. One row per (board, thread, number, dated_on).",
        columns={
            "board": text("Key of the board"),
            "thread": text("Key of the thread"),
            "number": integer("Number of the post, which is its line number", ge=1),
            "name_hash": text("Hash of the name and the board", nullable=True),
            "id_hash": text("Hash of the poster's id, good for a day, and the board", nullable=True),
            "is_sage": flag("Whether it asks not to bring the thread to the top"),
            "posted": text("Date as sent, in Japanese time", nullable=True),
            "posted_at": instant("Date read from it (UTC); missing when unreadable", nullable=True),
            "dated_on": day("Its day (UTC), that of a post beside it where its own is unreadable"),
            "body": text("Text as sent, markup included"),
            "title": text("Title of the thread, with its first post", nullable=True),
            "fields": integer("Fields of the line; fewer than 4 when a line feed broke it", ge=1),
            "is_deleted": flag("Whether it was removed"),
        },
        key=("board", "thread", "number", "dated_on"),
        may_be_empty=True,
    )
    instrument_column = "board"
    media_suffix = "txt"
    accumulates = True

    def __init__(self, settings: FivechSettings, client: HttpClient) -> None:
        super().__init__(settings, client)
        self._pending: dict[str, Document] = {}

    def queries(self, start: date, end: date) -> Iterator[PostsQuery]:
        """One query for each board of the settings."""
        for board in self.settings.boards:
            yield PostsQuery(start=start, end=end, as_of=self.client.now(), board=board.name)

    def extract(self, query: PostsQuery) -> Iterator[Reply]:
        """The list of threads, then of each thread what is new since the last load, or all of it."""
        listing = thread_list(self.client, self.settings, query.board)
        yield replace(listing, query=query.model_copy(update={"thread": None, "first": 1}))
        before = self._before(query)
        listed = [
            thread for line in lines_of(listing.content) if (thread := _listed(line)) and _may_hold(thread, query)
        ]
        threads: dict[str, list[Any]] = {}
        for place, (key, posts) in enumerate(listed):
            known = Known(*before["threads"][key]) if key in before["threads"] else None
            if place < self.settings.most_threads:
                reply, first, known = self._thread(query.board, key, posts, known)
                if reply is not None:
                    yield replace(reply, query=query.model_copy(update={"thread": key, "first": first}))
            if known is not None:
                threads[key] = list(known)
        if query.end >= query.as_of.astimezone(UTC).date():
            self._pending[query.board] = {
                "from": before["from"],
                "asked": query.as_of.astimezone(UTC).date().isoformat(),
                "threads": threads,
            }

    def committed(self) -> None:
        """Ask from here on next time."""
        for board, document in self._pending.items():
            self.client.state.update(_key(board), lambda old, new=document: old.update(new))
        self._pending.clear()

    def forget(self, query: PostsQuery) -> None:
        """Ask for whole threads of the board."""
        self.client.state.update(_key(query.board), dict.clear)

    @classmethod
    def records(cls, content: bytes, query: PostsQuery) -> Sequence[Any]:
        """Posts, each with the moment by which its day is told; none of a list of threads."""
        if query.thread is None:
            return []
        if query.first > 1:
            if not content.startswith(b"\n"):
                raise ValueError("a part that does not begin where a line ends")
            content = content[1:]
        opened = created_at(query.thread)
        lines = lines_of(content)
        latest = query.as_of.astimezone(UTC) + ONE_DAY if query.as_of.year < 9999 else query.as_of
        earliest = None if opened is None else opened - ONE_DAY
        posts = [
            parsed_post(number, line, earliest=earliest, latest=latest)
            for number, line in enumerate(lines, start=query.first)
        ]
        if query.first == 1 and (not posts or posts[0].fields < FIELDS):
            raise ValueError("what should be a thread is cut or is something else")
        last_resort = opened or midnight(query.end)
        return list(zip(posts, nearest_days(posts, last_resort), strict=True))

    @classmethod
    def columns(cls, records: Sequence[tuple[Post, datetime]], query: PostsQuery) -> Mapping[str, Any]:
        """Posts as columns; names and ids become hashes."""
        import pyarrow as pa

        posts = [post for post, _ in records]
        same = ("number", "is_sage", "posted", "body", "title", "fields", "is_deleted")
        return {
            "board": [query.board] * len(posts),
            "thread": [query.thread] * len(posts),
            **{name: [getattr(post, name) for post in posts] for name in same},
            "name_hash": [pseudonym(query.board, post.name) for post in posts],
            "id_hash": [pseudonym(query.board, post.poster_id) for post in posts],
            "posted_at": pa.array([post.posted_at for post in posts], pa.timestamp("us", "UTC")),
            "dated_on": pa.array([moment.date() for _, moment in records], pa.date32()),
        }

    @classmethod
    def row_dates(cls, rows: pa.Table, query: PostsQuery) -> pa.Array:
        """The UTC day of the post, or of one beside it."""
        return rows["dated_on"]

    def _before(self, query: PostsQuery) -> Document:
        """What is in the lake, as far as asking for changes alone leaves no gap in the query's days."""
        known = self.client.state.read(_key(query.board))
        start = query.start.isoformat()
        covers_now = query.end >= query.as_of.astimezone(UTC).date()
        if known and covers_now and known["from"] <= start <= known["asked"]:
            return known
        return {"from": start, "threads": {}}

    def _thread(self, board: str, key: str, posts: int, known: Known | None) -> tuple[Reply | None, int, Known | None]:
        """A reply with posts if there are any, the number of the first one, and what is known from now on."""
        path = f"dat/{key}.dat"
        if known is not None:
            headers = {"range": f"bytes={known.length - 1}-"}
            if known.modified:
                headers["if-modified-since"] = known.modified
            check = _checked(posts, known)
            reply = fetch(self.client, self.settings, board, path, headers=headers, check=check)
            if reply.status == NOT_MODIFIED:
                return None, 1, known
            if reply.status == PART and _continues(reply, known):
                length = known.length - 1 + len(reply.content)
                added = reply.content.count(b"\n") - 1
                return reply, known.posts + 1, Known(length, _modified(reply), known.posts + added)
            if reply.status == WHOLE:
                return reply, 1, _known(reply)
            if reply.status not in (PART, RANGE_REFUSED):
                return None, 1, None
        # Not known yet, or something before its end has been removed: all of it.
        reply = fetch(self.client, self.settings, board, path, check=_checked(posts, None))
        return (reply, 1, _known(reply)) if reply.status == WHOLE else (None, 1, None)


def _key(board: str) -> str:
    return f"fivech:{board}"


def _modified(reply: Reply) -> str:
    return reply.headers.get("last-modified", "")


def _known(reply: Reply) -> Known:
    return Known(len(reply.content), _modified(reply), reply.content.count(b"\n"))


def _listed(line: str) -> tuple[str, int] | None:
    """Key and number of posts of a listed thread of users."""
    try:
        key, _, posts = parsed_thread(line)
    except ValueError:
        return None
    return None if key.startswith(SYSTEM_KEYS) else (key, posts)


def _may_hold(thread: tuple[str, int], query: PostsQuery) -> bool:
    """Whether a thread was opened before the window ends."""
    opened = created_at(thread[0])
    return opened is not None and opened.date() <= query.end


def _continues(reply: Reply, known: Known) -> bool:
    """Whether a part begins at the line feed that ended the thread before."""
    place = re.match(r"bytes ([0-9]+)-", reply.headers.get("content-range", ""))
    return reply.content.startswith(b"\n") and (place is None or int(place[1]) == known.length - 1)


def _checked(posts: int, known: Known | None) -> Callable[[Reply], None]:
    """Refuses a web page and a cut thread; one that is shorter than the list says is believed when it comes again."""
    doubted: set[int] = set()

    def check(reply: Reply) -> None:
        if reply.status not in (WHOLE, PART):
            return
        refuse_web_page(reply, "a file")
        if not reply.content.endswith(b"\n"):
            raise TransientError("sent a thread that is cut")
        lines = reply.content.count(b"\n")
        if reply.status == PART and known is not None:
            lines += known.posts - 1
        if lines < posts and lines not in doubted:
            doubted.add(lines)
            raise TransientError(f"sent {lines} posts of a thread that has {posts}")

    return check
