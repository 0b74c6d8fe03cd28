"""Each sentiment source of the sandbox through a whole load: every row kept, nothing quarantined, days covered."""

from datetime import UTC, date, datetime

import httpx
import pytest

from atlas_assets.contracts.judgement import judge
from atlas_assets.contracts.schema import arrow_schema
from atlas_assets.data_sources.registry import create, section_of, source_of
from atlas_assets.lake import CommitInfo
from atlas_assets.lake.ledgers import CoverageEntry
from atlas_assets.orchestration.ingestion import Ingestion
from atlas_assets.orchestration.partitions import Partition
from atlas_assets.orchestration.resources import configured_lake, configured_settings
from atlas_assets.sandbox import FaultPlan, SandboxTransport

NOW = datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC)
DAYS = [date(2018, 12, 30), date(2018, 12, 31)]
PARTITIONS = [Partition(day.isoformat(), day, day) for day in DAYS]
# The state of the two days for one instrument, after a load at the end of the second.
STATES = {
    "raw.reddit_posts": ("final", "partial"),
    "raw.x_posts": ("final", "partial"),
    "raw.newsapi_articles": ("present", "partial"),
    "raw.gdelt_articles": ("final", "partial"),
    "raw.fivech_threads": ("missing", "partial"),
    "raw.fivech_posts": ("final", "partial"),
}


def load(table, faults=None):
    """Batches of one load, and its tally."""
    kind = source_of(table)
    section = section_of(kind.vendor, configured_settings().data_sources)
    transport = SandboxTransport(clock=NOW, faults=faults)
    source = create(kind, section, transport=transport, now=lambda: NOW, sleep=lambda seconds: None)
    ingestion = Ingestion(source, partitions=PARTITIONS, lake=configured_lake(), now=NOW, run_id="test")
    return list(ingestion.batches()), ingestion.tally


def states_in(batch):
    """What the batch says of the days, for each instrument."""
    lines = [record for record in batch.records if isinstance(record, CoverageEntry)]
    instruments = {line.instrument for line in lines}
    assert len(instruments) == 2
    return {
        tuple(
            line.state
            for day in DAYS
            for line in lines
            if line.instrument == instrument and line.first_day <= day <= line.last_day
        )
        for instrument in instruments
    }


@pytest.mark.parametrize("table", STATES)
def test_a_load_through_faults_is_the_load_without_them_and_says_what_is_final(atlas_home, table):
    ((true,), tally) = load(table)
    assert (tally.quarantined, tally.failures, tally.rows) == (0, {}, true.rows.num_rows)
    assert tally.rows > 0
    assert states_in(true) == {STATES[table]}
    ((faulty,), tally) = load(table, FaultPlan(seed=5, rate=0.3))
    assert (tally.quarantined, tally.failures) == (0, {})
    key = [(name, "ascending") for name in source_of(table).table.key]
    without = ["object_id", "ingested_at"]
    assert faulty.rows.drop_columns(without).sort_by(key).equals(true.rows.drop_columns(without).sort_by(key))


def test_no_secret_is_in_any_line(atlas_home):
    for table in ("raw.reddit_posts", "raw.x_posts", "raw.newsapi_articles"):
        (batches, _) = load(table)
        shown = repr([batch.records for batch in batches])
        for secret in ("sandbox-reddit-secret", "sandbox-x-bearer-token", "sandbox-newsapi-key"):
            assert secret not in shown


def test_an_entry_that_is_there_on_two_days_breaks_no_key(atlas_home):
    kind, lake = source_of("raw.rss_articles"), configured_lake()
    section = section_of(kind.vendor, configured_settings().data_sources)
    for day, partition in zip(DAYS, PARTITIONS, strict=True):
        items = f"<item><guid>undated</guid></item><item><guid>moved</guid><pubDate>{day}T10:00:00Z</pubDate></item>"
        feed = f"<rss version='2.0'><channel><title>t</title>{items}</channel></rss>".encode()
        transport = httpx.MockTransport(lambda request, feed=feed: httpx.Response(200, content=feed))
        now = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        source = create(kind, section, transport=transport, now=lambda now=now: now)
        (batch,) = Ingestion(source, partitions=[partition], lake=lake, now=now, run_id="test").batches()
        lake.replace(
            kind.table.name,
            batch.rows,
            schema=arrow_schema(kind.table.contract),
            keys=kind.table.key,
            window=batch.windows,
            commit=CommitInfo(run_id="test", asset=kind.table.name),
            records=batch.records,
        )
    with lake.reader() as connection:
        verdict = judge(connection, kind.table.name, kind.table.contract)
    assert (verdict.rows, verdict.shape, verdict.truth) == (8, (), ())
