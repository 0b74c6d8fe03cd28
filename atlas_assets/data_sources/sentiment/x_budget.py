"""The posts that may be read on X in a month: each is paid for, once a UTC day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from atlas_assets.data_sources.client.errors import QuotaExhausted
from atlas_assets.data_sources.client.limits import Quota
from atlas_assets.data_sources.client.state import Document, SharedState

_KEY = "x:posts"
_MONTH = Quota(period="month")


@dataclass
class Reservation:
    """Posts that one request may read.

    Attributes
    ----------
    posts
        How many at most.
    """

    posts: int
    _ids: list[str] = field(default_factory=list)

    def read(self, ids: list[str]) -> None:
        """Say which were read."""
        self._ids = ids

    @property
    def ids(self) -> list[str]:
        """Those that were read."""
        return self._ids


class PostBudget:
    """A month's posts, shared by all workers. What a killed worker reserved counts as read.

    Parameters
    ----------
    posts
        How many a month (UTC).
    state
        Where it is shared.
    now
        The present (UTC).
    """

    def __init__(self, posts: int, *, state: SharedState, now: Callable[[], datetime]) -> None:
        self._posts = posts
        self._state = state
        self._now = now

    @contextmanager
    def reserve(self, fewest: int, most: int) -> Iterator[Reservation]:
        """Set posts aside for a request; those that it does not read, or that were paid for today, are given back.

        Raises
        ------
        QuotaExhausted
            When fewer than ``fewest`` are left.
        """
        today = f"{self._now():%Y-%m-%d}"
        granted = self._state.update(_KEY, lambda document: self._take(document, today, fewest, most))
        if granted < fewest:
            reset = _MONTH.next_reset(self._now())
            advice = f"raise monthly_posts in the settings or run again after {reset:%Y-%m-%d}"
            raise QuotaExhausted(
                f"x: {self._posts} posts a month may be read and fewer than {fewest} are left; {advice}.", advice=advice
            )
        reservation = Reservation(granted)
        try:
            yield reservation
        finally:
            self._state.update(_KEY, lambda document: self._settle(document, today, reservation))

    def _take(self, document: Document, today: str, fewest: int, most: int) -> int:
        if document.get("month") != today[:7]:
            document.clear()
            document.update(month=today[:7], read=0)
        if document.get("day") != today:
            document.update(day=today, ids=[])
        granted = min(most, self._posts - document["read"])
        if granted < fewest:
            return 0
        document["read"] += granted
        return granted

    @staticmethod
    def _settle(document: Document, today: str, reservation: Reservation) -> None:
        if document.get("day") != today:
            return
        known = set(document["ids"])
        new = [one for one in dict.fromkeys(reservation.ids) if one not in known]
        document["ids"] += new
        document["read"] += len(new) - reservation.posts
