"""What every collector does: gather rows into batches, store them in time, and say how it goes."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from atlas_assets.streaming.batch import Batch, Row
from atlas_assets.streaming.channels import Channel, Series
from atlas_assets.streaming.errors import SinkUnavailable
from atlas_assets.streaming.lag import LagMeter
from atlas_assets.streaming.sink import Sink

logger = logging.getLogger(__name__)

Message = TypeVar("Message")


@dataclass(frozen=True)
class Limits:
    """How much a collector holds.

    Attributes
    ----------
    rows
        Rows that make a batch full; with the page of a reply on top it is also the most that is ever held.
    bytes
        Bytes of messages and replies that make a batch full.
    """

    rows: int = 5_000
    bytes: int = 16 * 2**20


@dataclass
class Tally:
    """What a collector has done so far."""

    rows: int = 0
    fetched: int = 0
    duplicates: int = 0
    refused: int = 0
    gaps: int = 0
    missing: int = 0
    commits: int = 0


class Collector(ABC, Generic[Message]):
    """Gathers what messages say into one batch a channel.

    Parameters
    ----------
    channels
        What it fills.
    sink
        Where batches go.
    now
        The present (UTC).
    limits
        When a batch is stored before its time.
    pause
        Waits after the sink was unavailable (seconds); whether to go on trying.
    """

    def __init__(
        self,
        channels: tuple[Channel, ...],
        sink: Sink,
        *,
        now: Callable[[], datetime],
        limits: Limits,
        pause: Callable[[float], bool],
    ) -> None:
        self.tally = Tally()
        self.lag = LagMeter()
        self._sink = sink
        self._now = now
        self._limits = limits
        self._pause = pause
        self._batches = {channel: Batch(channel) for channel in channels}
        self._positions: dict[Series, int] = {}
        for channel in channels:
            self._positions.update(sink.positions(channel))

    @property
    def positions(self) -> Mapping[Series, int]:
        """The largest number taken of each series, stored or waiting."""
        return self._positions

    @property
    def waiting(self) -> int:
        """Rows that wait to be stored."""
        return sum(len(batch.rows) for batch in self._batches.values())

    @abstractmethod
    def take(self, message: Message) -> None:
        """Take a message; what is wrong with it is counted and stored, never raised.

        Raises
        ------
        SinkUnavailable
            When a full batch cannot be stored and the wait for it was given up.
        """

    def flush(self) -> int:
        """Store what waits; how many rows were new.

        Raises
        ------
        SinkUnavailable
            When it cannot be stored and the wait for it was given up.
        """
        return sum(self._store(channel) for channel, batch in self._batches.items() if batch)

    def _add(self, channel: Channel, row: Row) -> None:
        self._batches[channel].rows.append(row)
        self._positions[row.series] = row.number
        self._store_if_full(channel)

    def _refuse(self, channel: Channel, message: str | bytes, reason: str) -> None:
        self._batches[channel].refuse(message, reason)
        self.tally.refused += 1
        self._store_if_full(channel)

    def _store_if_full(self, channel: Channel) -> None:
        batch = self._batches[channel]
        if max(len(batch.rows), len(batch.refusals)) >= self._limits.rows or batch.bytes >= self._limits.bytes:
            self._store(channel)

    def _store(self, channel: Channel) -> int:
        """Store a batch, waiting as long as it takes: nothing is read meanwhile, so that nothing piles up."""
        batch, waited = self._batches[channel], 0.0
        while True:
            try:
                stored = self._sink.append(batch)
                break
            except SinkUnavailable as error:
                waited = min(10.0, max(0.1, 2 * waited))
                logger.warning("%s %d rows wait; next try in %.1f s.", error, len(batch.rows), waited)
                if not self._pause(waited):
                    raise
        done = self._now().timestamp() * 1000
        self.lag.add(done - row.sent_ms for row in batch.rows if row.sent_ms is not None)
        self.tally.rows += stored
        self.tally.fetched += sum(row.reply is not None for row in batch.rows)
        self.tally.commits += 1
        self._batches[channel] = Batch(channel)
        return stored
