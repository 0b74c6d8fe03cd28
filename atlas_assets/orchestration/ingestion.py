"""From a vendor's replies to rows: every reply is stored before it is read, and the ledger says what is there."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from atlas_assets.data_sources.client.errors import SourceError
from atlas_assets.data_sources.coverage import (
    ONE_DAY,
    Span,
    State,
    answered,
    due_days,
    gaps,
    known_until,
    unreachable,
    unsaid,
)
from atlas_assets.data_sources.fields import FormatChanged
from atlas_assets.orchestration import coverage
from atlas_assets.orchestration.answers import BYTES_TOGETHER, Answer, Reader
from atlas_assets.orchestration.partitions import Partition, divided
from atlas_assets.orchestration.provenance import with_first_receipt, with_history
from atlas_assets.orchestration.schema_changes import SchemaNotes
from atlas_assets.orchestration.tally import Tally

if TYPE_CHECKING:
    import pyarrow as pa

    from atlas_assets.data_sources.base import BaseDataSource, Query
    from atlas_assets.lake import Lake, QuarantinedRow, Record, SchemaChange, StoredObject, Window

ROWS_A_COMMIT = 1_000_000
"""A load of more rows is committed in parts, each of whole queries."""


@dataclass(frozen=True)
class Batch:
    """Rows to commit together: the windows that they replace, and the lines of the ledgers that speak of them."""

    rows: pa.Table
    windows: tuple[Window, ...]
    records: tuple[Record, ...]


class Ingestion:
    """One load of some partitions of a dataset.

    Parameters
    ----------
    source
        Asks the vendor.
    partitions
        Adjacent partitions to fill.
    lake
        Where replies and rows are kept.
    now
        When the load began.
    run_id
        The run that loads.
    refetch
        Ask again even for what is final, to find silent revisions.
    """

    def __init__(
        self,
        source: BaseDataSource[Any, Any],
        *,
        partitions: Sequence[Partition],
        lake: Lake,
        now: datetime,
        run_id: str,
        refetch: bool = False,
    ) -> None:
        self.tally = Tally()
        self._source = source
        self._partitions = partitions
        self._lake = lake
        self._now = now
        self._run_id = run_id
        self._refetch = refetch
        self._reader = Reader(source, lake, now, run_id)
        self._notes = SchemaNotes(source.table, lake, now, run_id)
        self._first_days = [partition.first for partition in partitions]
        self._last_days = [partition.last for partition in partitions]
        _, self._vendor, self._dataset = source.table.asset_key
        self._known = coverage.painted(lake, self._vendor, self._dataset, partitions[0].first, partitions[-1].last)

    def batches(self) -> Iterator[Batch]:
        """Fetch what is not final yet; where an instrument does not answer, its rows stay and the ledger has a gap."""
        answers: list[Answer] = []
        rows = 0
        lines: list[Record] = []
        for some in self._received(lines):
            self._reader.read(some)
            for answer in some:
                if answer.error is None:
                    answers.append(answer)
                    rows += sum(table.num_rows for table in answer.tables)
                    self._count(answer)
                else:
                    lines += self._failed(answer, answer.error)
            if rows >= ROWS_A_COMMIT:
                yield self._batch(answers, lines)
                answers, rows, lines = [], 0, []
        if answers or lines:
            yield self._batch(answers, lines)
        # Whoever takes the batches has written the last one by now.
        self._source.committed()

    def _received(self, lines: list[Record]) -> Iterator[list[Answer]]:
        """Answers whose replies are stored, in groups to be read together; see `_plan`."""
        group: list[Answer] = []
        size = 0
        stopped: SourceError | None = None
        for query, partitions in self._plan(lines):
            if group and (size >= BYTES_TOGETHER or group[0].partitions != partitions):
                yield group
                group, size = [], 0
            answer = Answer(query, partitions, stopped)
            if stopped is None:
                self.tally.asked += 1
                self._reader.receive(answer)
                stopped = answer.error if answer.error is not None and answer.error.concerns_vendor else None
            group.append(answer)
            size += answer.bytes_waiting
        if group:
            yield group

    def _count(self, answer: Answer) -> None:
        self.tally.answered += 1
        self.tally.rows_read += sum(answer.days.values())
        self.tally.replies += len(answer.objects)
        self.tally.bytes += sum(record.bytes for record in answer.objects)

    def _failed(self, answer: Answer, error: SourceError) -> list[Record]:
        """Note that a query was not answered; the lines of the ledgers that say so."""
        query = answer.query
        self.tally.failures[query.instrument] = error
        self._keep(answer.stored)
        gap = Span(query.start, query.end, State.MISSING, reason=str(error))
        changed = self._notes.refused(error.changes, answer.objects) if isinstance(error, FormatChanged) else []
        return [*answer.objects, *changed, *self._lines(query.instrument, [gap])]

    def _plan(self, lines: list[Record]) -> Iterator[tuple[Query, tuple[Partition, ...]]]:
        """Queries for runs of adjacent partitions whose answer is not final, each no longer than the vendor likes.

        Days for which the vendor does not answer any more are noted in ``lines``.
        """
        first, last = self._partitions[0].first, self._partitions[-1].last
        reach, settles_after = self._source.reach, self._source.settles_after
        oldest = first if reach is None else max(first, (self._now.astimezone(UTC) - reach).date())
        for query in self._source.queries(first, last):
            self.tally.instruments.add(query.instrument)
            spans = self._known.get(query.instrument, [])
            if reach is not None and first < oldest:
                past = unreachable(first, min(last, oldest - ONE_DAY), asked_at=self._now, reach=reach)
                lines += self._lines(query.instrument, [past])
            marked = zip(self._due(spans, oldest), self._partitions, strict=True)
            for is_due, some in groupby(marked, itemgetter(0)):
                run = [partition for _, partition in some]
                if not is_due:
                    self.tally.settled += 1
                    continue
                for part in divided(run, self._source.days_per_query):
                    start = max(oldest, part[0].first)
                    known = None if self._refetch else known_until(spans, start, settles_after=settles_after)
                    asked = query.model_copy(update={"start": start, "end": part[-1].last, "known_until": known})
                    if gaps(spans, start, start):
                        # The lake may have been deleted and the state not: an unchanged feed would send nothing.
                        self._source.forget(asked)
                    yield asked, tuple(part)

    def _due(self, spans: Sequence[Span], oldest: date) -> list[bool]:
        """Of each partition whether asking for it could bring something new."""
        last = self._last_days[-1]
        whole = [(oldest, last)] if self._refetch else due_days(spans, oldest, last, self._now, running=True)
        due = [False] * len(self._partitions)
        for start, end in whole:
            for place in range(bisect_left(self._last_days, start), bisect_right(self._first_days, end)):
                due[place] = True
        return due

    def _batch(self, answers: Sequence[Answer], lines: Sequence[Record]) -> Batch:
        from atlas_assets.contracts.schema import primary_key
        from atlas_assets.data_sources.parsing import unique_rows

        table, keys = self._source.table, primary_key(self._source.table.contract)
        self._keep([stored for answer in answers for stored in answer.stored])
        rows, broken, added = self._kept([part for answer in answers for part in answer.tables])
        self.tally.new_columns.update(self._notes.added)
        self.tally.renamed.update(self._notes.renamed)
        windows = self._windows(answers)
        rows = with_first_receipt(unique_rows(rows, keys), source=self._vendor, dataset=self._dataset, lake=self._lake)
        rows, revised = with_history(
            rows,
            table.name,
            windows,
            keys=keys,
            accumulates=self._source.accumulates or self._source.reach is not None,
            lake=self._lake,
        )
        quarantined = [*broken, *(line for answer in answers for line in answer.quarantined)]
        self.tally.rows += rows.num_rows
        self.tally.revised += revised
        self.tally.quarantined += len(quarantined)
        objects = [line for answer in answers for line in answer.objects]
        covered = [line for answer in answers for line in self._covered(answer)]
        return Batch(rows, windows, (*objects, *quarantined, *added, *covered, *lines))

    def _keep(self, stored: Sequence[StoredObject]) -> None:
        """Have replies on disk before anything speaks of them."""
        self._lake.objects.sync(stored)

    def _windows(self, answers: Sequence[Answer]) -> tuple[Window, ...]:
        """The rows to replace: those of the instruments that answered, in the partitions that they were asked for."""
        from atlas_assets.lake import Window

        column = self._source.instrument_column
        position = {partition.key: place for place, partition in enumerate(self._partitions)}
        runs: dict[str, list[tuple[int, int]]] = {}
        for answer in answers:
            first, last = position[answer.partitions[0].key], position[answer.partitions[-1].key]
            known = runs.setdefault(answer.query.instrument, [])
            if known and known[-1][1] + 1 == first:
                first, _ = known.pop()
            known.append((first, last))
        replaced: dict[tuple[int, int], list[str]] = {}
        for instrument, bounds in runs.items():
            for one in bounds:
                replaced.setdefault(one, []).append(instrument)
        return tuple(
            Window(
                "partition_date",
                self._partitions[first].key,
                self._partitions[last].key,
                None if column is None else (column, tuple(instruments)),
            )
            for (first, last), instruments in replaced.items()
        )

    def _covered(self, answer: Answer) -> list[Record]:
        query = answer.query
        spans = answered(
            query.start,
            query.end,
            rows=answer.days,
            asked_at=self._now,
            settles_after=self._source.settles_after,
            reach=self._source.reach,
            shortfall=self._source.shortfalls.get(query),
        )
        return self._lines(query.instrument, spans)

    def _lines(self, instrument: str, spans: Sequence[Span]) -> list[Record]:
        """The lines of the ledger that say what it does not say yet."""
        known = self._known.get(instrument, [])
        return [
            coverage.entry(
                part,
                source=self._vendor,
                dataset=self._dataset,
                instrument=instrument,
                asked_at=self._now,
                run_id=self._run_id,
            )
            for span in spans
            for part in unsaid(known, span)
        ]

    def _kept(self, tables: Sequence[pa.Table]) -> tuple[pa.Table, list[QuarantinedRow], list[SchemaChange]]:
        """The rows that keep the contract, the others, and what the vendor added."""
        import pyarrow as pa

        from atlas_assets.contracts.division import divide
        from atlas_assets.contracts.schema import arrow_schema

        if not tables:
            rows, added = self._notes.settled(arrow_schema(self._source.table.contract).empty_table())
            return rows, [], added
        rows, added = self._notes.settled(pa.concat_tables(tables, promote_options="default"))
        kept, broken = divide(rows, self._source.table.contract)
        quarantined = [
            self._reader.quarantined(row["object_id"], row["position"], reason, json.dumps(row, default=str)[:1000])
            for row, reason in broken
        ]
        return kept.drop_columns(["position"]), quarantined, added
