"""From replies to rows: every reply kept, the same bytes the same rows, faults overcome, failures told apart."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from atlas_assets.contracts.schema import arrow_schema, primary_key
from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError, QuotaExhausted, TransientError
from atlas_assets.data_sources.client.http import HttpClient
from atlas_assets.data_sources.registry import enabled_sources, section_of, source_of
from atlas_assets.defs.sources.assets import raw_asset
from atlas_assets.lake import CommitInfo, ObjectRecord
from atlas_assets.orchestration.ingestion import Ingestion
from atlas_assets.orchestration.partitions import Partition
from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.resources import (
    LakeResource,
    VendorResource,
    configured_lake,
    configured_settings,
)
from atlas_assets.orchestration.tables import table
from atlas_assets.orchestration.tally import Tally
from atlas_assets.sandbox import SandboxTransport
from atlas_assets.settings import load_settings

NOW = datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC)
PROVENANCE = ["partition_date", "object_id", "ingested_at"]
FAULT_RATE = 0.3
# Enough to meet faults, little enough for seconds: the large datasets' last day only.
FIRST_DAY = {"raw.binance_agg_trades": date(2018, 12, 31), "raw.binance_klines": date(2018, 12, 30)}
FEAR, RSS, X = "raw.alternative_me_fear_greed", "raw.rss_articles", "raw.x_posts"
ENABLED = [source for source, _ in enabled_sources(load_settings(environment="sandbox").data_sources)]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """Waits between attempts take no time."""
    monkeypatch.setitem(HttpClient.__init__.__kwdefaults__, "sleep", lambda seconds: None)


def days(first: date, last: date) -> list[Partition]:
    """A partition for each day."""
    every = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [Partition(day.isoformat(), day, day) for day in every]


def ingestion(name: str, *, vendors: VendorResource | None = None, first=None, now=NOW, **options) -> Ingestion:
    kind = source_of(name)
    first = first or FIRST_DAY.get(name, section_of(kind.vendor, configured_settings().data_sources).history_from)
    partitions = options.pop("partitions", None) or days(first, NOW.date())
    return Ingestion(
        (vendors or VendorResource()).source(kind),
        partitions=partitions,
        lake=configured_lake(),
        now=now,
        run_id="test",
        **options,
    )


def batch(name: str, **options):
    (only,) = ingestion(name, **options).batches()
    return only


def write(name: str, made) -> None:
    """Commit a batch."""
    contract = table(name).contract
    configured_lake().replace(
        name, made.rows, schema=arrow_schema(contract), keys=primary_key(contract), window=made.windows,
        records=made.records, commit=CommitInfo(run_id="test", asset=name),
    )  # fmt: skip


def vendor_rows(rows) -> list[dict]:
    """What the vendor said, without the lake's own columns and what a fault added, in one order."""
    plain = rows.drop_columns([*PROVENANCE, *({"added_by_the_vendor"} & {*rows.column_names})]).to_pylist()
    return sorted(plain, key=lambda row: json.dumps(row, default=str, sort_keys=True))


@pytest.mark.parametrize("name", [source.table.name for source in ENABLED])
def test_faults_change_nothing_about_the_rows(atlas_home, monkeypatch, name):
    met = []
    from atlas_assets.sandbox import FaultPlan

    draw = FaultPlan.draw

    def counted(plan, request):
        fault = draw(plan, request)
        met.extend([fault.kind] if fault else [])
        return fault

    monkeypatch.setattr(FaultPlan, "draw", counted)
    true = batch(name)
    assert met == []
    # Until a seed in which this source's few requests meet a fault at all.
    for seed in range(1, 50):
        load = ingestion(name, vendors=VendorResource(sandbox_fault_rate=FAULT_RATE, sandbox_fault_seed=seed))
        (faulty,) = load.batches()
        assert not load.tally.failures
        assert vendor_rows(faulty.rows) == vendor_rows(true.rows)
        if met:
            break
    assert met


def test_the_trades_are_exactly_the_simulators(atlas_home):
    vendors = VendorResource(sandbox_fault_rate=FAULT_RATE, sandbox_fault_seed=5)
    rows = batch("raw.binance_agg_trades", vendors=vendors).rows.to_pandas()
    simulator = SandboxTransport(clock=NOW).simulator
    for symbol in ("BTCUSDT", "ETHUSDT"):
        truth = simulator.trades(symbol, date(2018, 12, 31)).until(int(NOW.timestamp() * 1000))
        loaded = rows[rows["symbol"] == symbol].sort_values("agg_trade_id")
        assert loaded["agg_trade_id"].tolist() == list(range(truth.first_id, truth.first_id + len(truth)))
        assert [round(float(price) * 100) for price in loaded["price"]] == truth.price_ticks.tolist()
        assert [round(float(quantity) * 100_000) for quantity in loaded["quantity"]] == truth.quantity_lots.tolist()


def test_the_same_bytes_received_later_make_the_same_rows(atlas_home):
    """``ingested_at`` is the first receipt, so nothing downstream sees a change."""
    partitions = days(date(2018, 12, 1), NOW.date())

    @dg.asset(key=list(table(FEAR).asset_key))
    def asset(context: dg.AssetExecutionContext, lake: LakeResource):
        later = NOW + timedelta(days=int(context.run.tags["later"]))
        received = batch(FEAR, first=date(2018, 12, 1), now=later, refetch=True)
        objects = [record for record in received.records if isinstance(record, ObjectRecord)]
        return AssetRun(context, lake).publish(received.rows, records=objects)

    versions, changed = [], []
    with dg.DagsterInstance.ephemeral() as instance:
        for later in (0, 1, 400):
            result = dg.materialize(
                [asset], instance=instance, resources={"lake": LakeResource()}, tags={"later": str(later)}
            )
            (made,) = result.asset_materializations_for_node(asset.key.to_python_identifier())
            versions.append(made.tags["dagster/data_version"])
            changed.append(made.metadata["changed"].value)
    rows = configured_lake().read(FEAR)
    assert len(rows) == len(partitions)
    assert len(set(versions)) == 1
    assert changed == [True, False, False]
    assert rows["ingested_at"].unique().tolist() == [NOW]


def test_what_is_remembered_of_a_feed_does_not_outlive_its_rows(atlas_home):
    """The state says that a feed has not changed, but nothing of it is in the lake."""
    first, again = (batch(RSS, now=NOW - timedelta(hours=1)) for _ in range(2))
    assert vendor_rows(again.rows) == vendor_rows(first.rows) != []
    write(RSS, again)
    third = ingestion(RSS)
    assert len(list(third.batches())) == 1
    assert third.tally.asked == third.tally.answered > 0
    assert third.tally.replies == 0


def test_posts_that_are_paid_for_are_read_once_and_none_is_missing(atlas_home):
    """A running day is loaded again: X is asked for what came after the last load but an hour."""
    day = NOW.date()
    whole = batch(X, first=day)
    assert whole.rows.num_rows > 10
    late = pc.less(whole.rows["posted_at"], pa.scalar(NOW - timedelta(hours=5)))
    early = replace(batch(X, first=day, now=NOW - timedelta(hours=5)), rows=whole.rows.filter(late))
    assert 0 < early.rows.num_rows < whole.rows.num_rows
    write(X, early)
    load = ingestion(X, first=day)
    (again,) = load.batches()
    assert vendor_rows(again.rows) == vendor_rows(whole.rows)
    starts = {json.loads(one.request)["params"]["start_time"] for one in again.records if isinstance(one, ObjectRecord)}
    assert starts == {"2018-12-31T17:59:59Z"}
    write(X, again)
    everything = ingestion(X, first=day, refetch=True)
    (anew,) = everything.batches()
    assert "2018-12-31T00:00:00Z" in str(anew.records)


def test_every_reply_is_kept_with_its_request_and_without_secrets(atlas_home):
    received = batch("raw.fred_observations")
    objects = [record for record in received.records if isinstance(record, ObjectRecord)]
    settings = configured_settings()
    secret = settings.data_sources.fred.api_key.get_secret_value()
    assert len(objects) >= len(settings.data_sources.fred.series)
    assert sum(record.rows for record in objects) >= received.rows.num_rows
    for record in objects:
        assert len(configured_lake().objects.get(record.path)) == record.bytes
        assert secret not in record.request + record.headers
        assert (record.status, record.fetched_at, record.run_id) == (200, NOW, "test")
    assert set(received.rows["object_id"].to_pylist()) <= {record.object_id for record in objects}


def test_a_row_belongs_to_the_first_partition_not_before_its_day(atlas_home):
    partitions = [
        Partition("2018-12-24", date(2018, 12, 20), date(2018, 12, 24)),
        Partition("2018-12-31", date(2018, 12, 25), date(2018, 12, 31)),
    ]
    rows = batch("raw.eodhd_eod", partitions=partitions).rows.to_pandas()
    found = rows.groupby("partition_date")["date"].agg(["min", "max"]).astype(str)
    assert found.to_numpy().tolist() == [["2018-12-20", "2018-12-24"], ["2018-12-26", "2018-12-31"]]


def test_replies_received_before_a_failure_are_kept_and_recorded(atlas_home):
    """They are the evidence of what the vendor sent before it failed."""
    load = ingestion("raw.fred_observations", first=date(2018, 12, 1))
    source, replies = load._source, []
    whole = source.extract

    def broken(query):
        if not replies:
            replies.append(next(whole(query)))
            yield replies[0]
        raise PermanentError("no more")

    source.extract = broken
    (received,) = load.batches()
    (kept,) = configured_lake().objects.paths()
    assert configured_lake().objects.get(kept) == replies[0].content
    assert [record.path for record in received.records if isinstance(record, ObjectRecord)] == [kept]
    assert received.rows.num_rows == 0
    assert load.tally.failures.keys() == load.tally.instruments
    assert load.tally.failure().allow_retries is False


@pytest.mark.parametrize(
    ("error", "retried"),
    [
        (TransientError("busy"), True),
        (PermanentError("no such symbol"), False),
        (QuotaExhausted("no calls left today"), False),
        (MalformedReply("not JSON"), False),
    ],
)
def test_only_transient_failures_may_be_retried(error, retried):
    failure = Tally(instruments={"A"}, asked=1, failures={"A": error}).failure()
    assert failure.allow_retries == retried
    assert str(error) in failure.description


def test_some_answers_and_permanent_failures_are_no_failure_of_the_run():
    """Their gaps are in the ledger, where the check finds them; the others' rows are good."""
    failures = {"A": PermanentError("no such symbol")}
    assert Tally().failure() is None
    assert Tally(instruments={"A", "B"}, asked=2, answered=1, failures=failures).failure() is None
    # The others were final already.
    assert Tally(instruments={"A", "B"}, asked=1, settled=1, failures=failures).failure() is None
    # One of the only instrument's many windows.
    assert Tally(instruments={"A"}, asked=12, answered=11, failures=failures).failure() is None
    assert Tally(instruments={"A"}, asked=12, failures=failures).failure().allow_retries is False
    passing = failures | {"B": TransientError("busy")}
    assert Tally(instruments={"A", "B", "C"}, asked=3, answered=1, failures=passing).failure().allow_retries is True


class Refusing(VendorResource):
    """Vendors that fail a number of times before they answer."""

    permanent: bool
    times: int

    def source(self, kind):
        source, extract = super().source(kind), None
        extract = source.extract

        def refuse(query):
            counter = configured_settings().path(configured_settings().lake.root).parent / "refused"
            seen = len(counter.read_text()) if counter.exists() else 0
            if seen < self.times:
                counter.parent.mkdir(parents=True, exist_ok=True)
                counter.write_text("x" * (seen + 1))
                raise (PermanentError if self.permanent else TransientError)(f"refusal {seen + 1}")
            yield from extract(query)

        source.extract = refuse
        return source


@pytest.mark.parametrize(
    ("permanent", "times", "succeeds", "retries"),
    [(True, 1, False, 0), (False, 1, True, 1)],
    ids=["permanent", "transient"],
)
def test_a_step_is_retried_only_where_that_can_help(atlas_home, permanent, times, succeeds, retries):
    source = source_of(FEAR)
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [raw_asset(source, section_of(source.vendor, configured_settings().data_sources))],
            partition_key="2018-12-31",
            instance=instance,
            resources={"lake": LakeResource(), "vendors": Refusing(permanent=permanent, times=times)},
            raise_on_error=False,
        )
    events = [event.event_type_value for event in result.all_events]
    assert result.success == succeeds
    assert events.count("STEP_UP_FOR_RETRY") == retries
    if not succeeds:
        (failure,) = result.get_step_failure_events()
        assert "refusal 1" in failure.step_failure_data.user_failure_data.description
