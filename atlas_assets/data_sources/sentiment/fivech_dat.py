"""A thread's file (``dat``) line by line: a post each, whatever people wrote into it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

JAPAN = timezone(timedelta(hours=9))
DELETED = "あぼーん"
FIELDS = 4

_DATE = re.compile(
    r"(?P<year>[0-9]{4}|[0-9]{2})/(?P<month>[0-9]{1,2})/(?P<day>[0-9]{1,2})\s{0,2}(?:[(\uff08][^)\uff09]{0,9}[)\uff09])?\s{0,4}"
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}))?(?:[.:](?P<fraction>[0-9]{1,6}))?"
)
_ID = re.compile(r"ID:([^\s<]+)")
# What may follow the date: ids, addresses, links to profiles.
_AFTER_DATE = re.compile(r"\b(?:ID|BE|HOST|IP)\b|発信元|<a ")
_PARTS = ("month", "day", "hour", "minute", "second")
_FIRST_YEAR_OF_TWO_DIGITS = 90


@dataclass(frozen=True)
class Post:
    """A line of a thread.

    Attributes
    ----------
    number
        Its line number, from 1.
    fields
        How many fields it has; one with fewer than four was broken by a line feed and is all body.
    name, poster_id
        As sent; not to be kept. None where there is none.
    is_sage
        Whether it asks not to bring the thread to the top.
    posted, posted_at
        The date as sent, and read (UTC) where it can be.
    body, title
        As sent; only the first line has a title.
    is_deleted
        Whether an operator has removed it.
    """

    number: int
    fields: int
    name: str | None
    poster_id: str | None
    is_sage: bool
    posted: str | None
    posted_at: datetime | None
    body: str
    title: str | None
    is_deleted: bool


def parsed_post(number: int, line: str, *, earliest: datetime | None, latest: datetime) -> Post:
    """A line as a post.

    Parameters
    ----------
    number
        Its line number.
    line
        The line, without its end.
    earliest, latest
        Dates outside are jokes or mistakes.
    """
    fields = line.split("<>")
    if len(fields) < FIELDS:
        return Post(number, len(fields), None, None, False, None, None, line, None, False)
    name, mail, stamp, body = fields[:FIELDS]
    title = fields[FIELDS] if number == 1 and len(fields) > FIELDS else None
    found = _ID.search(stamp)
    poster_id = found[1] if found and not found[1].startswith("???") else None
    return Post(
        number=number,
        fields=len(fields),
        name=name or None,
        poster_id=poster_id,
        is_sage="sage" in mail.lower(),
        posted=_AFTER_DATE.split(stamp, maxsplit=1)[0].strip() or None,
        posted_at=_moment(stamp, earliest, latest),
        body=body,
        title=title or None,
        is_deleted=DELETED in (stamp.strip(), body.strip()),
    )


def nearest_days(posts: Iterable[Post], otherwise: datetime) -> list[datetime]:
    """A moment for each post: its own, else that of the last dated one before it, else of the first after it."""
    moments = [post.posted_at for post in posts]
    last = next((moment for moment in moments if moment is not None), otherwise)
    found: list[datetime] = []
    for moment in moments:
        last = last if moment is None else moment
        found.append(last)
    return found


def pseudonym(board: str, value: str | None) -> str | None:
    """A name or an id as 32 hexadecimal digits, the same one within a board."""
    if value is None:
        return None
    return hashlib.blake2b(f"{board}\0{value}".encode("utf-8", "replace"), digest_size=16).hexdigest()


def _moment(stamp: str, earliest: datetime | None, latest: datetime) -> datetime | None:
    """The moment of a date in Japanese time."""
    match = _DATE.search(stamp)
    if match is None:
        return None
    year = int(match["year"])
    if len(match["year"]) == 2:
        year += 1900 if year >= _FIRST_YEAR_OF_TWO_DIGITS else 2000
    month, day, hour, minute, second = (int(match[name] or 0) for name in _PARTS)
    microseconds = int((match["fraction"] or "0").ljust(6, "0"))
    try:
        moment = datetime(year, month, day, hour, minute, second, microseconds, JAPAN).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return None if moment > latest or (earliest is not None and moment < earliest) else moment
