"""5ch (formerly 2channel): what boards list, and how its files are asked for."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported)

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urljoin, urlsplit

from pydantic import Field

from atlas_assets.contracts.raw import day, flag, instant, integer, raw_table, text
from atlas_assets.data_sources.base import BaseDataSource, Query
from atlas_assets.data_sources.client.errors import PermanentError, TransientError
from atlas_assets.data_sources.client.reply import REDIRECTS, Reply, refuse_web_page
from atlas_assets.data_sources.settings import Section, SourceSettings
from atlas_assets.data_sources.vendor import Vendor

if TYPE_CHECKING:
    import pyarrow as pa

    from atlas_assets.data_sources.client.http import HttpClient

ENCODING = "cp932"
"""Not ``shift_jis``, which refuses characters that people write."""

MOST_MOVES = 3
NOT_MODIFIED, RANGE_REFUSED = 304, 416
GONE = frozenset({203, 404, 410})

BoardName = Annotated[str, Field(pattern=r"^[a-z0-9]{1,30}$")]
Host = Annotated[str, Field(pattern=r"^[a-z0-9.-]+$")]

_THREAD = re.compile(r"(?P<key>[0-9]{9,10})\.dat<>(?P<title>.*)\((?P<posts>[0-9]{1,6})\)")
SYSTEM_KEYS = "924"
"""Keys of the operators' own threads begin so; all others are seconds since 1970."""


class Board(Section):
    """A board: its key, which stays, and the host it is on, which may change."""

    name: BoardName
    host: Host


class FivechSettings(SourceSettings):
    """5ch boards (no key). Off by default: read the terms first."""

    enabled: bool = False
    boards: list[Board] = Field(min_length=1)
    hosts: list[Host] = Field(default=[], description="further hosts that a board may move to")
    user_agent: str = Field(default="Monazilla/1.00 (atlas-quanta/1.0)", pattern=r"^Monazilla/1\.00 \([!-~ ]+\)$")
    most_threads: int = Field(default=50, gt=0, description="threads of a board to read, the latest written to first")
    rate_limit: int = Field(default=30, gt=0, description="requests a minute")
    spacing_seconds: float = Field(default=1.0, ge=0, description="least time between two requests")


FIVECH = Vendor(
    name="fivech",
    title="5ch (formerly 2channel)",
    domain="sentiment",
    settings=FivechSettings,
    access="No key. Off by default: enable it only after reading the terms and with the board owner's leave.",
    limits="None published. At least a second between requests, one host at a time; changes only are asked for.",
    terms=(
        "Posts belong to those who wrote them and to 5ch; boards forbid reprinting, and notices of 2015 forbade "
        "reading by unlicensed programs (the files were opened again in July 2023). Names and ids of posters are kept "
        "as hashes only. The text is as sent: keep it, and the raw replies, in a zone that can be purged. A post that "
        "is removed there becomes one without text here when its day is loaded again, unless the posts beside it are "
        "of another day."
    ),
    conventions=(
        "Files are in CP932; bytes that are none become U+FFFD. Dates are in Japanese time, sometimes with English "
        "weekdays or years of two digits, sometimes a joke; posted_at is UTC and missing where they cannot be read. "
        "A post's number is its line number. Boards change hosts: they are known by their key."
    ),
)


class ThreadsQuery(Query):
    """The threads that one board lists."""

    board: BoardName

    @property
    def instrument(self) -> str:
        """The board's key."""
        return self.board


class FivechThreads(BaseDataSource[FivechSettings, ThreadsQuery]):
    """Threads of a board and how long each is, as listed at the moment of asking; the past cannot be asked for."""

    vendor = FIVECH
    table = raw_table(
        "fivech",
        "threads",
        "Threads that 5ch boards list. One row per (board, thread, listed_on).",
        columns={
            "board": text("Key of the board"),
            "thread": text("Key of the thread"),
            "listed_on": day("Day on which it was listed (UTC)"),
            "title": text("Title as sent, HTML entities included"),
            "posts": integer("Posts so far", ge=0),
            "is_system": flag("Whether it is a notice of the operators"),
            "created_at": instant("When it was opened (UTC); missing for notices", nullable=True),
        },
        key=("board", "thread", "listed_on"),
    )
    instrument_column = "board"
    media_suffix = "txt"
    accumulates = True
    # Today alone.
    reach = timedelta(days=1)

    def queries(self, start: date, end: date) -> Iterator[ThreadsQuery]:
        """One query for each board of the settings."""
        for board in self.settings.boards:
            yield ThreadsQuery(start=start, end=end, as_of=self.client.now(), board=board.name)

    def extract(self, query: ThreadsQuery) -> Iterator[Reply]:
        """The board's list; nothing for days that are over."""
        if query.start <= query.as_of.astimezone(UTC).date() <= query.end:
            yield thread_list(self.client, self.settings, query.board)

    @classmethod
    def records(cls, content: bytes, query: ThreadsQuery) -> Sequence[Any]:
        """Lines."""
        return lines_of(content)

    @classmethod
    def columns(cls, records: Sequence[str], query: ThreadsQuery) -> Mapping[str, Any]:
        """Lines as columns."""
        import pyarrow as pa

        threads = [parsed_thread(line) for line in records]
        listed_on = query.as_of.astimezone(UTC).date() if query.as_of.year < 9999 else query.end
        return {
            "board": [query.board] * len(threads),
            "thread": [key for key, _, _ in threads],
            "listed_on": pa.array([listed_on] * len(threads), pa.date32()),
            "title": [title for _, title, _ in threads],
            "posts": [posts for _, _, posts in threads],
            "is_system": [key.startswith(SYSTEM_KEYS) for key, _, _ in threads],
            "created_at": pa.array([created_at(key) for key, _, _ in threads], pa.timestamp("us", "UTC")),
        }

    @classmethod
    def row_dates(cls, rows: pa.Table, query: ThreadsQuery) -> pa.Array:
        """The day of the listing."""
        return rows["listed_on"]


def lines_of(content: bytes) -> list[str]:
    """The lines of a file, decoded one by one so that a broken character stays within its line."""
    lines = content.split(b"\n")
    if not lines[-1].strip():
        lines.pop()
    return [line.rstrip(b"\r").decode(ENCODING, "replace") for line in lines]


def parsed_thread(line: str) -> tuple[str, str, int]:
    """Key, title and number of posts of a line of ``subject.txt``.

    Raises
    ------
    ValueError
        When it is no such line.
    """
    match = _THREAD.fullmatch(line.rstrip(" \t"))
    if match is None:
        raise ValueError("a line that is no thread's")
    return match["key"], match["title"].rstrip(" \t"), int(match["posts"])


def _is_thread(line: str) -> bool:
    try:
        parsed_thread(line)
    except ValueError:
        return False
    return True


def created_at(key: str) -> datetime | None:
    """When a thread was opened (UTC); None for the operators' notices."""
    return None if key.startswith(SYSTEM_KEYS) else datetime.fromtimestamp(int(key), UTC)


def thread_list(client: HttpClient, settings: FivechSettings, board: str) -> Reply:
    """A board's ``subject.txt``.

    Raises
    ------
    SourceError
        When it does not come, or the board is gone.
    """
    reply = fetch(client, settings, board, "subject.txt", check=whole_list)
    if reply.status != 200:
        raise PermanentError(
            f"fivech: the board {board} is not on its host any more (HTTP {reply.status})",
            advice="correct the board's host in the settings, or add the new one to hosts",
        )
    return reply


def whole_list(reply: Reply) -> None:
    """Refuse what is no list of threads, or a cut one."""
    if reply.status != 200:
        return
    refuse_web_page(reply, "a file")
    lines = lines_of(reply.content)
    if not reply.content.endswith(b"\n") or not any(map(_is_thread, lines)):
        raise TransientError("sent a list of threads that is cut or something else")


def fetch(
    client: HttpClient,
    settings: FivechSettings,
    board: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    check: Callable[[Reply], object],
) -> Reply:
    """A file of a board, wherever in the settings' hosts the board is.

    Returns
    -------
    Reply
        Also of the statuses that say "not modified", "no such range", "moved" and "gone".
    """
    hosts = {place.name: place.host for place in settings.boards}
    url = f"{(settings.base_url or f'https://{hosts[board]}').rstrip('/')}/{board}/{path}"
    allowed = {urlsplit(url).hostname, *hosts.values(), *settings.hosts}
    sent = {"user-agent": settings.user_agent, **(headers or {})}
    reply = client.get(url, headers=sent, accept=_ACCEPTED, check=check)
    for _ in range(MOST_MOVES):
        if reply.status not in REDIRECTS:
            break
        target = urlsplit(urljoin(url, reply.headers.get("location", "")))
        same_file = target.path == urlsplit(url).path and target.scheme == urlsplit(url).scheme
        if not same_file or target.hostname not in allowed:
            break
        url = target.geturl()
        reply = client.get(url, headers=sent, accept=_ACCEPTED, check=check)
    return reply


_ACCEPTED = REDIRECTS | GONE | {NOT_MODIFIED, RANGE_REFUSED}
