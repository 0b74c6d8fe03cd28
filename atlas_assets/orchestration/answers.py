"""A query's replies: each stored as it comes, then read, together with those of its neighbours."""

from __future__ import annotations

import bisect
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from atlas_assets.data_sources.client.errors import SourceError
from atlas_assets.orchestration.provenance import with_added, with_provenance

if TYPE_CHECKING:
    import pyarrow as pa

    from atlas_assets.data_sources.base import BaseDataSource, Query
    from atlas_assets.data_sources.client.reply import Reply
    from atlas_assets.data_sources.parsing import Parsed
    from atlas_assets.lake import Lake, ObjectRecord, QuarantinedRow, StoredObject
    from atlas_assets.orchestration.partitions import Partition

BYTES_TOGETHER = 8 * 2**20
"""Replies are read together until they are as large."""


@dataclass(eq=False)
class Answer:
    """What came of a query.

    Attributes
    ----------
    partitions
        Those that it fills.
    error
        Why it did not come, or cannot be read.
    waiting
        The newest replies, which are not read yet.
    tables
        Rows with their place in the reply; those of an answer's neighbours may be in its own table.
    days
        How many rows there are of each day.
    stored, objects
        The replies, even where it failed.
    quarantined
        Rows that cannot be read.
    """

    query: Query
    partitions: tuple[Partition, ...]
    error: SourceError | None = None
    waiting: list[Reply] = field(default_factory=list)
    tables: list[pa.Table] = field(default_factory=list)
    days: Counter[date] = field(default_factory=Counter)
    stored: list[StoredObject] = field(default_factory=list)
    objects: list[ObjectRecord] = field(default_factory=list)
    quarantined: list[QuarantinedRow] = field(default_factory=list)

    @property
    def bytes_waiting(self) -> int:
        """How large the replies are that are not read yet."""
        return sum(len(reply.content) for reply in self.waiting)

    @property
    def is_plain(self) -> bool:
        """Whether nothing of it is read yet and all its replies answer the query itself."""
        return self.error is None and not self.tables and all(reply.query is None for reply in self.waiting)


class _Page(NamedTuple):
    """A reply that is to be read: whose it is, which of its replies, and the query that it answers."""

    answer: Answer
    place: int
    content: bytes
    query: Query


@dataclass(frozen=True)
class Reader:
    """Receives and reads the answers of one load.

    Attributes
    ----------
    source
        Asks the vendor.
    lake
        Keeps the replies.
    now
        When the load began.
    run_id
        The run that loads.
    """

    source: BaseDataSource[Any, Any]
    lake: Lake
    now: datetime
    run_id: str

    def receive(self, answer: Answer) -> None:
        """Store each reply as it comes; of a large answer, all but the last ones are read meanwhile."""
        _, vendor, dataset = self.source.table.asset_key
        size = 0
        try:
            for reply in self.source.extract(answer.query):
                if size >= BYTES_TOGETHER:
                    self._read_alone(_pages(answer))
                    size = 0
                received = max(self.now, reply.fetched_at)
                stored = self.lake.objects.put(
                    reply.content,
                    source=vendor,
                    dataset=dataset,
                    received=received.date(),
                    suffix=self.source.media_suffix,
                    durable=False,
                )
                answer.stored.append(stored)
                answer.objects.append(self._record(answer.query, reply, stored, received))
                answer.waiting.append(reply)
                size += len(reply.content)
        except SourceError as error:
            answer.error = error

    def read(self, answers: Sequence[Answer]) -> None:
        """Read what waits of answers for the same partitions; those that cannot be read have an error from then on.

        Many small replies are read at once, as long as every row is as documented: each alone takes much longer.
        """
        for is_plain, some in groupby(answers, attrgetter("is_plain")):
            pages = [_pages(answer) for answer in some]
            if is_plain and self._read_together([page for own in pages for page in own]):
                continue
            for own in filter(None, pages):
                try:
                    self._read_alone(own)
                except SourceError as error:
                    # What came before a failure is counted, and its own faults come first.
                    own[0].answer.error = error

    def quarantined(self, object_id: str, position: int, reason: str, content: str) -> QuarantinedRow:
        """The line of the ledger for a row that is set aside."""
        from atlas_assets.lake import QuarantinedRow

        _, vendor, dataset = self.source.table.asset_key
        return QuarantinedRow(
            source=vendor,
            dataset=dataset,
            object_id=object_id,
            position=position,
            reason=reason,
            content=content,
            quarantined_at=self.now,
            run_id=self.run_id,
        )

    def _read_alone(self, pages: Sequence[_Page]) -> None:
        """Read replies of one answer: those of a kind together where that goes."""
        for _, some in groupby(pages, attrgetter("query")):
            kind = list(some)
            if len(kind) > 1 and self._read_together(kind):
                continue
            for page in kind:
                parsed = self.source.transform(page.content, page.query)
                self._take([page], parsed, [parsed.rows.num_rows])

    def _read_together(self, pages: Sequence[_Page]) -> bool:
        """Read replies at once; False where that is not sure to be the same as one by one."""
        from atlas_assets.data_sources.parsing import parse_together

        together = parse_together(type(self.source), [(page.content, page.query) for page in pages]) if pages else None
        if together is not None:
            self._take(pages, *together)
        return together is not None

    def _take(self, pages: Sequence[_Page], parsed: Parsed, counts: Sequence[int]) -> None:
        """Take over the rows of replies, so many of each; the first answer keeps them all."""
        first = pages[0].answer
        records: list[ObjectRecord] = []
        for page, count in zip(pages, counts, strict=True):
            record = replace(page.answer.objects[page.place], rows=count)
            page.answer.objects[page.place] = record
            records.append(record)
        rows = with_provenance(
            parsed.rows,
            partition_dates=_partition_dates(parsed.days, first.partitions),
            replies=[(record.object_id, record.fetched_at, record.rows) for record in records],
        )
        first.tables.append(with_added(rows.append_column("position", parsed.positions), parsed.added))
        _count_days(pages, counts, parsed.days)
        # Replies with rows that cannot be read are read one by one.
        first.quarantined += [
            self.quarantined(records[0].object_id, row.position, row.reason, row.content) for row in parsed.rejected
        ]

    def _record(self, query: Query, reply: Reply, stored: StoredObject, received: datetime) -> ObjectRecord:
        from atlas_assets.lake import ObjectRecord

        _, vendor, dataset = self.source.table.asset_key
        return ObjectRecord(
            object_id=stored.object_id,
            path=stored.path,
            source=vendor,
            dataset=dataset,
            request=json.dumps(reply.request, sort_keys=True),
            status=reply.status,
            headers=json.dumps(reply.headers, sort_keys=True),
            window_start=datetime.combine(query.start, time.min, UTC),
            window_end=datetime.combine(query.end, time.max, UTC),
            fetched_at=received,
            bytes=len(reply.content),
            rows=0,
            run_id=self.run_id,
        )


def _pages(answer: Answer) -> list[_Page]:
    """What waits of an answer, which does not wait any more."""
    replies, answer.waiting = answer.waiting, []
    first = len(answer.objects) - len(replies)
    return [_Page(answer, place, one.content, one.query or answer.query) for place, one in enumerate(replies, first)]


def _count_days(pages: Sequence[_Page], counts: Sequence[int], days: Any) -> None:
    """Tell each answer how many of the rows are of which day."""
    days = _whole(days)
    start = 0
    for answer, own in groupby(zip(pages, counts, strict=True), lambda counted: counted[0].answer):
        total = sum(count for _, count in own)
        found = days.slice(start, total).value_counts()
        answer.days.update(dict(zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True)))
        start += total


def _partition_dates(days: Any, partitions: Sequence[Partition]) -> pa.Array:
    """The partition of each day, as its key."""
    import pyarrow as pa

    encoded = _whole(days).dictionary_encode()
    last_days = [partition.last for partition in partitions]
    keys = [partitions[bisect.bisect_left(last_days, day)].key for day in encoded.dictionary.to_pylist()]
    return pa.array([date.fromisoformat(key) for key in keys], pa.date32()).take(encoded.indices)


def _whole(days: Any) -> Any:
    import pyarrow as pa

    return days.combine_chunks() if isinstance(days, pa.ChunkedArray) else days
