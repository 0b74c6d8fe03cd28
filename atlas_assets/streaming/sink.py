"""Where batches go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from atlas_assets.streaming.batch import Batch
from atlas_assets.streaming.channels import Channel, Series

RUN_PREFIX = "stream-"
"""How the run ids of streams begin, in commits and ledgers."""


class Sink(Protocol):
    """Stores batches, each whole or not at all, and knows from the rows stored how far a stream has come."""

    def positions(self, channel: Channel) -> Mapping[Series, int]:
        """The largest stored number of each series."""
        ...

    def holes(self, channel: Channel) -> Sequence[tuple[Series, int, int]]:
        """The numbers that lack between stored ones of the last days: series, first and last of each run."""
        ...

    def append(self, batch: Batch) -> int:
        """Store a batch; how many of its rows were new.

        Rows at or below the stored position of their series are left out, unless they lie in a hole, so that a batch
        can be given again after any failure.

        Raises
        ------
        SinkUnavailable
            When it cannot be stored now.
        """
        ...
