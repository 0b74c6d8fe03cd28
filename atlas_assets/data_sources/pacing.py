"""When to send the next request: rate limit, retry budget and waiting times."""

from __future__ import annotations

import random
import re
import threading
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

# A ban of the strictest vendor lasts three days; a longer Retry-After is a mistake and is ignored.
LONGEST_BAN_SECONDS = 3 * 24 * 3600.0


class Limiter(Protocol):
    """Anything that can hold a request back; share one to share a vendor's limit."""

    def acquire(self, weight: int = 1) -> None:
        """Return once a request of that weight may be sent."""
        ...


class RateLimiter:
    """At most ``limit`` weight within any 60 seconds.

    The weight sent is remembered for a minute. (A bucket of ``limit`` tokens that refills all the
    while would let almost twice the limit through in its first minute.)

    Parameters
    ----------
    limit
        Weight a minute. A heavier request waits for an empty minute.
    clock, sleep
        Monotonic seconds, and how to wait for some.
    """

    def __init__(self, limit: int, *, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._limit = limit
        self._clock = clock
        self._sleep = sleep
        self._sent: deque[tuple[float, int]] = deque()
        self._weight = 0
        self._lock = threading.Lock()

    def acquire(self, weight: int = 1) -> None:
        """Return once a request of that weight may be sent."""
        while wait := self._reserve(min(weight, self._limit)):
            self._sleep(wait)

    def _reserve(self, weight: int) -> float:
        with self._lock:
            now = self._clock()
            while self._sent and self._sent[0][0] <= now:
                self._weight -= self._sent.popleft()[1]
            excess = self._weight + weight - self._limit
            if excess <= 0:
                self._sent.append((now + 60.0, weight))
                self._weight += weight
                return 0.0
            for expiry, old in self._sent:
                excess -= old
                if excess <= 0:
                    # A wait below the clock's resolution would never end.
                    return max(expiry - now, 0.001)
            raise AssertionError("the weight of a minute is the sum of its requests")


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
