"""How long to wait before the next attempt, and how many attempts there may be."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

# A ban of the strictest vendor lasts three days; a longer Retry-After is a mistake and is ignored.
LONGEST_BAN_SECONDS = 3 * 24 * 3600.0


class Limiter(Protocol):
    """Anything that can hold a request back."""

    def acquire(self, weight: int = 1) -> None:
        """Return once a request of that weight may be sent."""
        ...


class RetryBudget:
    """Retries may add a fifth to the requests, after a first reserve.

    A vendor that is down for everybody thus sees 1.2 times the usual load, not ``max_attempts`` times.
    """

    def __init__(self, *, ratio: float = 0.2, reserve: float = 20.0) -> None:
        self._ratio = ratio
        self._reserve = self._left = reserve
        self._lock = threading.Lock()

    def deposit(self) -> None:
        """Count a request."""
        with self._lock:
            self._left = min(self._reserve, self._left + self._ratio)

    def withdraw(self) -> bool:
        """Whether a retry may be sent."""
        with self._lock:
            if self._left < 1.0:
                return False
            self._left -= 1.0
            return True


def backoff_seconds(attempt: int, rng: random.Random, *, base: float = 0.5, longest: float = 60.0) -> float:
    """Exponential backoff with full jitter: uniform between 0 and ``base * 2**attempt``.

    Parameters
    ----------
    attempt
        Attempts that have failed so far, from 1.
    rng
        Source of randomness.
    base, longest
        Seconds: the scale and the bound of a wait.
    """
    return rng.uniform(0.0, min(longest, base * 2.0**attempt))


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a reply asks to wait; None without a believable ``Retry-After``.

    Both forms are read. A date counts from the server's own ``Date``, so that a wrong clock here does no
    harm. Negative, unreadable and absurdly long waits count as none.
    """
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", value):
        seconds = float(value)
    elif until := http_date(value):
        seconds = (until - (http_date(headers.get("date", "")) or now)).total_seconds()
    else:
        return None
    return seconds if 0.0 <= seconds <= LONGEST_BAN_SECONDS else None


def http_date(value: str) -> datetime | None:
    """The instant that an HTTP date names (UTC), None when it is not one."""
    try:
        parsed = parsedate_to_datetime(value)
        return parsed.replace(tzinfo=parsed.tzinfo or UTC).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
