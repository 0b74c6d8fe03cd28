"""Snapshots: what a vendor says of the present only, kept day by day."""

from __future__ import annotations

from datetime import UTC, date
from typing import TYPE_CHECKING

from atlas_assets.data_sources.coverage import ONE_DAY

if TYPE_CHECKING:
    from atlas_assets.data_sources.base import Query

SNAPSHOT_REACH = 2 * ONE_DAY
"""A snapshot counts for the day on which it is taken or the day before, which a nightly load asks for.

That day began less than two days ago.
"""


def can_be_seen(query: Query) -> bool:
    """Whether what the vendor says at ``as_of`` may stand for the last of the query's days: the past is not made up."""
    return query.as_of.astimezone(UTC).date() - query.end <= ONE_DAY


def snapshot_day(query: Query) -> date:
    """The day that a snapshot stands for: the last of the query's days, never one that has not begun."""
    return min(query.end, query.as_of.astimezone(UTC).date())
