"""The loop that every stream runs in."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from atlas_assets.streaming.collecting import Collector

Message = TypeVar("Message")
Out = TypeVar("Out", covariant=True)

LONGEST_WAIT = 0.5


class Feed(Protocol[Out]):
    """Where messages come from; it connects, and connects again, by itself."""

    def receive(self, timeout: float) -> Out | None:
        """The next message, None when none came in time (seconds)."""
        ...

    def close(self) -> None:
        """Leave."""
        ...


def consume(
    feed: Feed[Message],
    collector: Collector[Message],
    *,
    batch_seconds: float,
    is_over: Callable[[], bool],
    report: Callable[[], None] = lambda: None,
    report_seconds: float = 5.0,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Collect messages until it is over, storing what came every few seconds and what is left at the end.

    While a batch is being stored nothing is read: a lake that is locked for long holds the feed back.

    Parameters
    ----------
    feed, collector
        Where messages come from and go to; the feed is closed at the end.
    batch_seconds
        Seconds from one commit to the next.
    is_over
        Asked after each message, and at least twice a second.
    report
        Called every `report_seconds`, and at the end.
    clock
        Monotonic seconds.
    """
    started = clock()
    commit_due, report_due = started + batch_seconds, started + report_seconds
    try:
        try:
            while not is_over():
                message = feed.receive(max(0.0, min(LONGEST_WAIT, commit_due - clock())))
                if message is not None:
                    collector.take(message)
                now = clock()
                if now >= commit_due:
                    collector.flush()
                    commit_due = max(commit_due + batch_seconds, now)
                if now >= report_due:
                    report()
                    report_due = now + report_seconds
        finally:
            feed.close()
    finally:
        collector.flush()
        report()
