"""What is waiting to be stored: rows, and the messages and replies that they were read from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from atlas_assets.streaming.channels import Channel, Series
from atlas_assets.streaming.gaps import Gap

LONGEST_EXCERPT = 300


class RestReply(Protocol):
    """A reply over REST, as received."""

    @property
    def content(self) -> bytes:
        """The body."""
        ...

    @property
    def status(self) -> int:
        """HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that matter."""
        ...

    @property
    def request(self) -> Mapping[str, Any]:
        """What was asked, secrets redacted."""
        ...

    @property
    def fetched_at(self) -> datetime:
        """When it came (UTC)."""
        ...


@dataclass(frozen=True, slots=True)
class Row:
    """A row and where it stands.

    Attributes
    ----------
    series, number
        Its place in the stream.
    values
        The vendor's columns.
    happened_ms
        When it happened, in milliseconds since 1970.
    sent_ms
        When the vendor sent it, in milliseconds since 1970; None for one that was fetched.
    reply
        The reply that it was read from; None for one that was streamed.
    """

    series: Series
    number: int
    values: Mapping[str, Any]
    happened_ms: int
    sent_ms: int | None = None
    reply: RestReply | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that was set aside: its line in the stored object (from 1), why, and how it begins."""

    line: int
    reason: str
    excerpt: str


@dataclass
class Batch:
    """What is stored in one transaction.

    Attributes
    ----------
    channel
        Whose rows.
    lines
        The messages as received, one a line: a message that is not one line stands as a JSON string.
    """

    channel: Channel
    rows: list[Row] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    replies: list[RestReply] = field(default_factory=list)
    bytes: int = 0

    def __bool__(self) -> bool:
        return bool(self.rows or self.refusals or self.gaps)

    def add_message(self, message: str | bytes) -> None:
        """Keep a message."""
        self.lines.append(as_line(message))
        self.bytes += len(self.lines[-1])

    def add_reply(self, reply: RestReply) -> None:
        """Keep a reply."""
        self.replies.append(reply)
        self.bytes += len(reply.content)

    def refuse(self, message: str | bytes, reason: str) -> None:
        """Keep a message that holds no row, and why."""
        self.add_message(message)
        self.refusals.append(Refusal(len(self.lines), reason, excerpt(message)))

    @property
    def content(self) -> bytes:
        """The messages as they are stored."""
        return b"\n".join([*self.lines, b""])


def as_line(message: str | bytes) -> bytes:
    """A message as one line of a file."""
    text = message.decode("utf-8", "backslashreplace") if isinstance(message, bytes) else message
    if not isinstance(message, bytes) and not any(mark in text for mark in "\r\n"):
        return text.encode("utf-8", "backslashreplace")
    return json.dumps(text).encode()


def excerpt(message: str | bytes) -> str:
    """How a message begins, as a JSON string in plain ASCII."""
    text = message.decode("utf-8", "backslashreplace") if isinstance(message, bytes) else message
    return json.dumps(text[:LONGEST_EXCERPT])
