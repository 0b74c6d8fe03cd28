"""Loads as Dagster would run them: the partitions that lack something, again while that can help, night after night."""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

import httpx

from atlas_assets.contracts.schema import arrow_schema, primary_key
from atlas_assets.data_sources.registry import create, source_of
from atlas_assets.lake import CommitInfo, Lake
from atlas_assets.orchestration.coverage import due_partitions
from atlas_assets.orchestration.ingestion import Ingestion
from atlas_assets.orchestration.partitions import Partition
from atlas_assets.orchestration.tally import Tally
from atlas_assets.sandbox.faults import FaultPlan

MOST_RUNS_A_NIGHT = 25


class Clock:
    """Seconds that pass only by sleeping."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class Operator:
    """Keeps some datasets loaded.

    Parameters
    ----------
    answer
        The vendors' true replies; its ``now`` is the present.
    sections
        Settings by table.
    """

    def __init__(self, lake: Lake, answer: Any, sections: Mapping[str, Any], plan: FaultPlan | None = None) -> None:
        self.lake = lake
        self.answer = answer
        self.sections = dict(sections)
        self.plan = plan
        self.clock = Clock()
        if plan is not None:
            plan.tick = lambda: self.clock.sleep(20.0)
        self.sent = Counter[str]()
        self.tallies: list[Tally] = []
        self.errors: list[str] = []
        self._runs = 0

    def night(self, day: date) -> None:
        """Load every dataset until nothing is due any more, or it does not help."""
        for table, section in self.sections.items():
            partitions = days_from(section.partitions_from, day)
            for _ in range(MOST_RUNS_A_NIGHT):
                due = due_partitions(source_of(table), section, partitions, self.lake, self.answer.now)
                if not due:
                    break
                for run in _runs(partitions, due):
                    self.load(table, run)

    def load(self, table: str, partitions: Sequence[Partition], *, refetch: bool = False) -> Tally:
        """One run, as the asset's."""
        self._runs += 1
        source = create(
            source_of(table),
            self.sections[table],
            now=lambda: self.answer.now,
            transport=httpx.MockTransport(self._reply),
            clock=self.clock,
            sleep=self.clock.sleep,
        )
        ingestion = Ingestion(
            source,
            partitions=partitions,
            lake=self.lake,
            now=self.answer.now,
            run_id=f"run-{self._runs}",
            refetch=refetch,
        )
        contract = source.table.contract
        for batch in ingestion.batches():
            self.lake.replace(
                table,
                batch.rows,
                schema=arrow_schema(contract),
                keys=primary_key(contract),
                window=batch.windows,
                records=batch.records,
                commit=CommitInfo(run_id=f"run-{self._runs}", asset=table, partition=partitions[0].key),
            )
        tally = ingestion.tally
        self.tallies.append(tally)
        if failure := tally.failure():
            self.errors.append(repr(failure) + str(failure.description))
            logging.getLogger("atlas").error("%s", failure)
        for error in tally.failures.values():
            self.errors.append(repr(error) + "".join(traceback.format_exception(error)))
        return tally

    def _reply(self, request: httpx.Request) -> httpx.Response:
        self.sent[request.url.host] += 1
        response = self.plan.answer(request, self.answer) if self.plan else self.answer(request)
        response.request = request
        return response


def _runs(partitions: Sequence[Partition], due: set[str]) -> list[list[Partition]]:
    """The due partitions in runs of adjacent ones."""
    marked = groupby(partitions, lambda partition: partition.key in due)
    return [list(run) for is_due, run in marked if is_due]


def days_from(first: date, last: date) -> list[Partition]:
    """A partition for each day."""
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [Partition(day.isoformat(), day, day) for day in days]


def night_after(day: date, moment: datetime) -> datetime:
    """Half past five in the morning after a day (UTC)."""
    return datetime.combine(day + timedelta(days=1), moment.time().replace(hour=5, minute=30), moment.tzinfo)
