"""A circuit breaker: a vendor that fails again and again is left alone for a while."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from atlas_assets.data_sources.client.deadlines import seconds_left, set_deadline
from atlas_assets.data_sources.client.errors import CircuitOpen
from atlas_assets.data_sources.client.state import Document, SharedState

logger = logging.getLogger(__name__)

BREAKERS = "breaker:"


@dataclass(frozen=True)
class BreakerPolicy:
    """When a breaker opens and how long it stays so.

    Attributes
    ----------
    failures
        Failed requests in a row that open it; each has had all its attempts.
    cooldown_seconds
        Until one request may try; doubled each time that one fails, too.
    longest_seconds
        Bound on the cool-down.
    """

    failures: int = 5
    cooldown_seconds: float = 30.0
    longest_seconds: float = 1800.0


class CircuitBreaker:
    """Closed, open after failures in a row, half open for one request after a cool-down.

    Parameters
    ----------
    source
        The vendor; those with the same name and state share the breaker.
    state
        Where it is shared, and outlives the process.
    policy
        When it opens.
    now
        The present (UTC).
    """

    def __init__(self, source: str, *, state: SharedState, policy: BreakerPolicy, now: Callable[[], datetime]) -> None:
        self._source = source
        self._key = BREAKERS + source
        self._state = state
        self._policy = policy
        self._now = now

    def enter(self) -> None:
        """Return when a request may be sent.

        Raises
        ------
        CircuitOpen
            When the vendor is left alone; it says until when.
        """
        if not self._state.read(self._key):
            return
        wait = self._state.update(self._key, self._try)
        if wait > 0:
            until = self._now() + timedelta(seconds=wait)
            raise CircuitOpen(
                f"not asked, since {self._policy.failures} or more requests in a row failed",
                advice=f"it is tried again after {until:%Y-%m-%d %H:%M:%S} UTC",
                retry_after=wait,
            )

    def succeed(self) -> None:
        """The vendor answered."""
        if self._state.read(self._key):
            self._state.update(self._key, Document.clear)

    def fail(self) -> None:
        """A request failed for good."""
        cooldown = self._state.update(self._key, self._count)
        if cooldown:
            logger.warning("%s fails again and again: it is left alone for %.0f s.", self._source, cooldown)

    def _try(self, document: Document) -> float:
        """Seconds to wait; 0 when this request may try. While one tries, the others wait for a cool-down more."""
        time = self._state.time()
        wait = seconds_left(document, "cooldown", time)
        if "cooldown" in document and not wait:
            set_deadline(document, "cooldown", document["cooldown"]["seconds"], time)
            document["trying"] = True
        return wait

    def _count(self, document: Document) -> float:
        """The cool-down that begins now, 0 when none does."""
        document["failures"] = document.get("failures", 0) + 1
        cooldown = document.get("cooldown")
        if document["failures"] < self._policy.failures or (cooldown and not document["trying"]):
            return 0.0
        seconds = (
            min(self._policy.longest_seconds, cooldown["seconds"] * 2) if cooldown else self._policy.cooldown_seconds
        )
        set_deadline(document, "cooldown", seconds, self._state.time())
        document["trying"] = False
        return seconds
