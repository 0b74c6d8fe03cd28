"""What the handlers share: building replies, and meters that count requests without a wall clock."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Protocol

import httpx


class Handler(Protocol):
    """Answers the requests to one vendor's host."""

    def reply(self, request: httpx.Request) -> httpx.Response:
        """The vendor's answer to a GET request."""
        ...


def http_date(moment: datetime) -> str:
    """A UTC moment as in the ``Date`` header, such as ``Mon, 31 Dec 2018 23:59:59 GMT``."""
    return format_datetime(moment, usegmt=True)


def body_reply(
    body: bytes | str, content_type: str, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> httpx.Response:
    """A reply with this body; a ``Content-Length`` is added."""
    content = body.encode() if isinstance(body, str) else body
    return httpx.Response(status, headers={"Content-Type": content_type, **(headers or {})}, content=content)


def json_reply(
    value: Any,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    content_type: str = "application/json",
) -> httpx.Response:
    """A reply with the value as compact JSON."""
    return body_reply(json.dumps(value, separators=(",", ":")), content_type, status=status, headers=headers)


class Meter:
    """A vendor's rate limit on simulated time.

    The sandbox's present stands still, so the meter has its own time: every request takes
    ``seconds_per_request``, and a refused client is taken to have waited the ``Retry-After``
    it was told, so that its next request opens a new window.

    Parameters
    ----------
    limit
        Weight allowed in a window.
    window
        Length of a window in seconds.
    seconds_per_request
        How far a request moves the meter's time.
    """

    def __init__(self, limit: int, *, window: float = 60.0, seconds_per_request: float = 1.0) -> None:
        self.limit = limit
        self.used = 0
        self._window = window
        self._seconds_per_request = seconds_per_request
        self._elapsed = 0.0

    @property
    def remaining(self) -> int:
        """Weight left in this window."""
        return max(self.limit - self.used, 0)

    def take(self, weight: int = 1) -> int | None:
        """Count a request; seconds to wait when the limit is passed, else None."""
        self._elapsed += self._seconds_per_request
        if self._elapsed >= self._window:
            self._elapsed, self.used = 0.0, 0
        self.used += weight
        if self.used <= self.limit:
            return None
        wait = max(math.ceil(self._window - self._elapsed), 1)
        self._elapsed = self._window
        return wait
