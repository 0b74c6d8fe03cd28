"""Sources that ask for changes only, and answers that fall short: what the lake and the ledger make of them."""

from datetime import UTC, date, datetime, timedelta

import pytest

from atlas_assets.contracts.schema import arrow_schema
from atlas_assets.data_sources.client.state import MemoryState
from atlas_assets.data_sources.coverage import State, answered, due_days, is_settled
from atlas_assets.data_sources.registry import create, section_of, source_of
from atlas_assets.lake import CommitInfo
from atlas_assets.orchestration.ingestion import Ingestion
from atlas_assets.orchestration.partitions import Partition
from atlas_assets.orchestration.resources import configured_lake, configured_settings
from atlas_assets.sandbox import SandboxTransport

TODAY = date(2018, 12, 31)
PARTITIONS = [Partition(TODAY.isoformat(), TODAY, TODAY)]


class Clock:
    """Seconds that pass only by sleeping."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds

    def sleep(self, seconds):
        self.seconds += seconds


@pytest.fixture
def clock():
    return Clock()


def at(hour):
    return datetime(2018, 12, 31, hour, 59, 59, tzinfo=UTC)


def load(table, hour, clock, state, *, written=True):
    """One load at an hour, into the lake unless the worker dies before; statuses of the replies."""
    kind, lake, now = source_of(table), configured_lake(), at(hour)
    section = section_of(kind.vendor, configured_settings().data_sources)
    transport = SandboxTransport(clock=now)
    source = create(kind, section, transport=transport, now=lambda: now, state=state, sleep=clock.sleep)
    ingestion = Ingestion(source, partitions=PARTITIONS, lake=lake, now=now, run_id="test")
    statuses = []
    for batch in ingestion.batches():
        statuses += [record.status for record in batch.records if hasattr(record, "status")]
        if not written:
            return statuses
        lake.replace(
            kind.table.name,
            batch.rows,
            schema=arrow_schema(kind.table.contract),
            keys=kind.table.key,
            window=batch.windows,
            commit=CommitInfo(run_id="test", asset=kind.table.name),
            records=batch.records,
        )
    return statuses


def rows_of(table):
    kind = source_of(table)
    rows = configured_lake().read_arrow(kind.table.name).drop_columns(["object_id", "ingested_at", "partition_date"])
    return rows.sort_by([(name, "ascending") for name in kind.table.key]).to_pylist()


@pytest.mark.parametrize(
    ("table", "hours"), [("raw.fivech_posts", (3, 9, 15, 15, 23)), ("raw.rss_articles", (15, 23, 23))]
)
def test_a_day_polled_is_the_day_read_at_its_end(atlas_home, clock, table, hours):
    state = MemoryState(clock=clock)
    statuses = [status for hour in hours for status in load(table, hour, clock, state)]
    polled = rows_of(table)
    load(table, 23, clock, MemoryState(clock=clock))
    assert rows_of(table) == polled
    # Two feeds, of which neither was sent again at the same hour.
    assert (206 in statuses) if table == "raw.fivech_posts" else len(statuses) == 4


def test_a_worker_that_dies_before_the_commit_loses_nothing(atlas_home, clock):
    table, state = "raw.fivech_posts", MemoryState(clock=clock)
    load(table, 3, clock, state)
    load(table, 15, clock, state, written=False)
    load(table, 23, clock, state)
    polled = rows_of(table)
    load(table, 23, clock, MemoryState(clock=clock))
    assert rows_of(table) == polled


def test_days_of_which_only_a_part_is_shown_are_not_asked_for_again():
    first, until, last = date(2018, 12, 29), date(2018, 12, 30), date(2018, 12, 31)
    spans = answered(
        first,
        last,
        rows={until: 100, last: 7},
        asked_at=at(12),
        settles_after=timedelta(0),
        shortfall=(until, "the newest 100"),
    )
    assert [(span.first, span.last, span.state, span.rows) for span in spans] == [
        (first, until, State.PARTIAL, 100),
        (last, last, State.PARTIAL, 7),
    ]
    assert spans[0].reason == "the newest 100"
    assert is_settled(spans, first, until)
    assert not any(due_days(spans, first, until, at(12) + timedelta(days=9), running=True))
    assert any(due_days(spans, last, last, at(12) + timedelta(days=1)))


def test_a_day_that_is_not_over_is_asked_for_again_whatever_fell_short():
    shortfall = (TODAY, "the newest 100")
    (span,) = answered(TODAY, TODAY, rows={}, asked_at=at(12), settles_after=timedelta(0), shortfall=shortfall)
    assert (span.state, span.reason, span.is_settled) == (State.PARTIAL, None, False)
