"""Binance's combined stream of trades and candles, without a hole."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from atlas_assets.streaming.batch import RestReply, Row
from atlas_assets.streaming.channels import KLINES, TRADES, Channel, Series
from atlas_assets.streaming.collecting import Collector, Limits
from atlas_assets.streaming.errors import BackfillFailed, FrameRefused
from atlas_assets.streaming.frames import Shutdown, channel_of, read_frame, read_page, step_of, stream_name
from atlas_assets.streaming.gaps import Gap, holes, missing_before
from atlas_assets.streaming.sink import Sink

logger = logging.getLogger(__name__)

# A jump of more than this is believed only when the vendor knows the trade at its end.
DOUBTFUL_JUMP = 100_000
# What could not be fetched is tried again so much later; so many gaps are remembered.
AGAIN = timedelta(minutes=1)
MOST_GAPS = 1_000


class Fetch(Protocol):
    """Fetches what is missing of a series over REST."""

    def __call__(self, series: Series, first: int, last: int) -> RestReply:
        """The reply that holds the rows from ``first`` on: up to ``last``, or up to a page's end.

        Raises
        ------
        BackfillFailed
            When the vendor does not answer as it should.
        """
        ...


def stream_url(base: str, subscribed: Iterable[Series]) -> str:
    """The address of the combined stream."""
    return f"{base.rstrip('/')}/stream?streams={'/'.join(stream_name(series) for series in subscribed)}"


class BinanceCollector(Collector[str | bytes]):
    """Reads frames; what is missing before a row is fetched and stored before it.

    Parameters
    ----------
    subscribed
        The series asked for; frames of others are refused.
    sink, now, limits, pause
        See `Collector`.
    fetch
        How to get what is missing.
    renew
        Called when the server says that it will close the connection.
    """

    def __init__(
        self,
        subscribed: Sequence[Series],
        sink: Sink,
        *,
        fetch: Fetch,
        now: Callable[[], datetime],
        limits: Limits | None = None,
        pause: Callable[[float], bool] = lambda _: False,
        renew: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__((TRADES, KLINES), sink, now=now, limits=limits or Limits(), pause=pause)
        self._subscribed = frozenset(subscribed)
        self._fetch = fetch
        self._renew = renew
        self._gaps = deque(self._holes(), maxlen=MOST_GAPS)
        self._next_attempt = now()

    def take(self, message: str | bytes) -> None:
        """Take a frame."""
        received = self._now()
        try:
            said = read_frame(message, self._subscribed)
        except FrameRefused as refused:
            self._refuse(TRADES, message, str(refused))
            return
        if isinstance(said, Shutdown):
            logger.info("binance announces that it will close the connection: a new one is opened.")
            self._renew()
        elif said is not None:
            self._place(said, message, received)

    def flush(self) -> int:
        """Store what waits, and with it what can be had of the oldest gap."""
        if self._gaps and self._now() >= self._next_attempt:
            self._heal(self._gaps.popleft())
        return super().flush()

    def _place(self, row: Row, message: str | bytes, received: datetime) -> None:
        channel, step = channel_of(row.series), step_of(row.series)
        missing = missing_before(self._positions.get(row.series), row.number, step=step)
        if missing is None:
            self.tally.duplicates += 1
            return
        if len(missing) > DOUBTFUL_JUMP and not self._is_known(row):
            self._refuse(channel, message, f"its number jumps by {len(missing)} and the vendor does not know it")
            return
        if missing:
            self._fill(channel, row, missing)
        self._batches[channel].add_message(message)
        self._add(channel, _received(row, received))

    def _fill(self, channel: Channel, row: Row, missing: range) -> None:
        """Fetch and add what comes before a row; what the vendor does not give is a gap that everybody can see."""
        self.tally.gaps += 1
        first, reason = missing.start, ""
        while first < missing.stop:
            reply, found, reason = self._page(row.series, range(first, missing.stop, missing.step))
            if reply is None:
                break
            reached = range(first, found[-1].number + missing.step, missing.step)
            self._miss(channel, row, holes(reached, [one.number for one in found]), reason)
            self._batches[channel].add_reply(reply)
            for one in found:
                self._add_fetched(channel, one, reply)
            first = reached.stop
        self._miss(channel, row, holes(range(first, missing.stop, missing.step), ()), reason)

    def _page(self, series: Series, wanted: range) -> tuple[RestReply | None, list[Row], str]:
        """A reply and the wanted rows in it; no reply where it holds none; and why those that lack do."""
        try:
            reply = self._fetch(series, wanted.start, wanted[-1])
            found = [one for one in read_page(series, reply) if one.number in wanted]
        except BackfillFailed as failed:
            return None, [], str(failed)
        return (reply if found else None), found, "the vendor does not have them"

    def _holes(self) -> Iterator[Gap]:
        """What the stored rows of the subscribed series lack."""
        for channel in (TRADES, KLINES):
            for series, first, last in self._sink.holes(channel):
                if series in self._subscribed:
                    yield Gap(series, first, last, "", None)

    def _heal(self, gap: Gap) -> None:
        """Fetch a page of a gap; what still lacks is tried again, after a while if nothing came."""
        channel, step = channel_of(gap.series), step_of(gap.series)
        wanted = range(gap.first, gap.last + step, step)
        reply, found, _ = self._page(gap.series, wanted)
        if reply is None:
            self._gaps.append(gap)
            self._next_attempt = self._now() + AGAIN
            return
        batch = self._batches[channel]
        batch.add_reply(reply)
        batch.rows += [_received(one, reply.fetched_at) for one in found]
        filled = (found[0].number, found[-1].number)
        batch.gaps.append(Gap(gap.series, *filled, "fetched later", found[-1].happened_ms, is_filled=True))
        left = holes(wanted, [one.number for one in found])
        self._gaps.extend(Gap(gap.series, run.start, run[-1], gap.reason, gap.at_ms) for run in left)
        self.tally.missing = max(0, self.tally.missing - len(found))

    def _add_fetched(self, channel: Channel, row: Row, reply: RestReply) -> None:
        batch = self._batches[channel]
        if not batch.replies or batch.replies[-1] is not reply:
            # The batch was full in the middle of a page: the rest of the page names the same reply.
            batch.add_reply(reply)
        self._add(channel, _received(row, reply.fetched_at))

    def _miss(self, channel: Channel, row: Row, missing: Iterable[range], reason: str) -> None:
        for run in missing:
            gap = Gap(row.series, run.start, run[-1], reason, row.happened_ms)
            self._batches[channel].gaps.append(gap)
            self._gaps.append(gap)
            self.tally.missing += len(run)
            logger.warning("%s: %d to %d are missing: %s.", stream_name(row.series), run.start, run[-1], reason)

    def _is_known(self, row: Row) -> bool:
        """Whether the vendor itself gives the row."""
        try:
            page = read_page(row.series, self._fetch(row.series, row.number, row.number))
        except BackfillFailed:
            return False
        return any(one.number == row.number for one in page)


def _received(row: Row, moment: datetime) -> Row:
    return Row(row.series, row.number, {**row.values, "received_at": moment}, row.happened_ms, row.sent_ms, row.reply)
