"""From replies to rows: every reply kept, the same bytes the same rows, faults overcome, failures told apart."""

import json
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from atlas_assets.contracts.tables import table
from atlas_assets.data_sources.errors import MalformedReply, PermanentError, QuotaExhausted, TransientError
from atlas_assets.data_sources.http import HttpClient
from atlas_assets.data_sources.registry import SOURCES, create, source_of
from atlas_assets.defs.sources.assets import RAW_ASSETS, raw_asset
from atlas_assets.orchestration.ingestion import as_failure, ingest
from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.resources import LakeResource, VendorResource, configured_lake, configured_settings
from atlas_assets.sandbox import SandboxTransport

NOW = datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC)
PROVENANCE = ["partition_date", "object_id", "ingested_at"]
FAULT_RATE = 0.3
# Enough to meet faults, little enough for seconds: the large datasets' last day only.
FIRST_DAY = {"raw.binance_agg_trades": date(2018, 12, 31), "raw.binance_klines": date(2018, 12, 30)}
FEAR = "raw.alternative_me_fear_greed"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """Waits between attempts take no time."""
    monkeypatch.setitem(HttpClient.__init__.__kwdefaults__, "sleep", lambda seconds: None)


def partition_keys(first: date, last: date) -> list[str]:
    return [(first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]


def batch(name: str, *, vendors: VendorResource | None = None, first=None, now=NOW, lake=None):
    kind = source_of(name)
    first = first or FIRST_DAY.get(name, getattr(configured_settings().data_sources, kind.settings_key).history_from)
    return ingest(
        (vendors or VendorResource()).source(kind),
        start=first,
        end=NOW.date(),
        partition_keys=partition_keys(first, NOW.date()),
        lake=lake or configured_lake(),
        now=now,
        run_id="test",
    )


def vendor_rows(rows) -> list[dict]:
    """What the vendor said, without the lake's own columns, in one order."""
    plain = rows.drop_columns(PROVENANCE).to_pylist()
    return sorted(plain, key=lambda row: json.dumps(row, default=str, sort_keys=True))


@pytest.mark.parametrize("name", [source.table for source in SOURCES])
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
        faulty = batch(name, vendors=VendorResource(sandbox_fault_rate=FAULT_RATE, sandbox_fault_seed=seed))
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
    keys = partition_keys(date(2018, 12, 1), NOW.date())

    @dg.asset(key=list(table(FEAR).asset_key))
    def asset(context: dg.AssetExecutionContext, lake: LakeResource):
        later = NOW + timedelta(days=int(context.run.tags["later"]))
        received = batch(FEAR, first=date(2018, 12, 1), now=later, lake=lake.open())
        return AssetRun(context, lake).publish(received.rows, objects=received.objects)

    versions, fetched = [], []
    with dg.DagsterInstance.ephemeral() as instance:
        for later in (0, 1, 400):
            result = dg.materialize(
                [asset], instance=instance, resources={"lake": LakeResource()}, tags={"later": str(later)}
            )
            (made,) = result.asset_materializations_for_node(asset.key.to_python_identifier())
            versions.append(made.tags["dagster/data_version"])
            fetched.append(made.metadata["changed"].value)
    rows = configured_lake().read(FEAR)
    assert len(rows) == len(keys)
    assert len(set(versions)) == 1
    assert fetched == [True, False, False]
    assert rows["ingested_at"].unique().tolist() == [NOW]


def test_every_reply_is_kept_with_its_request_and_without_secrets(atlas_home):
    received = batch("raw.fred_observations")
    settings = configured_settings()
    secret = settings.data_sources.fred.api_key.get_secret_value()
    assert len(received.objects) >= len(settings.data_sources.fred.series)
    assert sum(record.rows for record in received.objects) >= received.rows.num_rows
    for record in received.objects:
        assert len(configured_lake().objects.get(record.path)) == record.bytes
        assert secret not in record.request + record.headers
        assert (record.status, record.fetched_at, record.run_id) == (200, NOW, "test")
    assert set(received.rows["object_id"].to_pylist()) <= {record.object_id for record in received.objects}


def test_a_row_belongs_to_the_first_partition_not_before_its_day(atlas_home):
    rows = ingest(
        VendorResource().source(source_of("raw.eodhd_eod")),
        start=date(2018, 12, 20),
        end=date(2018, 12, 31),
        partition_keys=["2018-12-24", "2018-12-31"],
        lake=configured_lake(),
        now=NOW,
        run_id="test",
    ).rows.to_pandas()
    days = rows.groupby("partition_date")["date"].agg(["min", "max"]).astype(str)
    assert days.to_numpy().tolist() == [["2018-12-20", "2018-12-24"], ["2018-12-26", "2018-12-31"]]


def test_replies_received_before_a_failure_are_kept(atlas_home):
    settings = configured_settings()
    source = create(source_of("raw.fred_observations"), settings, transport=SandboxTransport(clock=NOW))
    whole, replies = source.extract, []

    def broken(query):
        for reply in whole(query):
            if replies:
                raise PermanentError("no more")
            replies.append(reply)
            yield reply

    source.extract = broken
    with pytest.raises(PermanentError):
        ingest(
            source,
            start=date(2018, 12, 1),
            end=NOW.date(),
            partition_keys=partition_keys(date(2018, 12, 1), NOW.date()),
            lake=configured_lake(),
            now=NOW,
            run_id="test",
        )
    (kept,) = configured_lake().objects.paths()
    assert configured_lake().objects.get(kept) == replies[0].content


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
    failure = as_failure(error, permanent=isinstance(error, PermanentError))
    assert failure.allow_retries == retried
    assert str(error) in failure.description


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
    (declared,) = (raw for raw in RAW_ASSETS if raw.table == FEAR)
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [raw_asset(declared)],
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
