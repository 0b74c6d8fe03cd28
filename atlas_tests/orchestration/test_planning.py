"""What there is to do: days never loaded, tables that are no longer what their inputs would make."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from atlas_assets.lake import CommitInfo, CoverageEntry
from atlas_assets.orchestration.planning import Load, all_missing_loads, missing_loads, next_wave, stale_assets

NOW = datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC)
DAYS = dg.DailyPartitionsDefinition("2018-12-24", end_date="2019-01-01")
RAW = dg.AssetKey(["raw", "eodhd", "eod"])
BARS = dg.AssetKey(["silver", "market", "daily_bars"])
RISK = dg.AssetKey(["gold", "risk_management", "value_at_risk"])
BACKTESTS = dg.AssetKey(["gold", "risk_management", "var_backtests"])
NAMES = {RAW: "raw.eodhd_eod", BARS: "silver.daily_bars", RISK: "gold.value_at_risk", BACKTESTS: "gold.var_backtests"}


class Versions:
    """A lake that knows nothing but its tables' versions."""

    def __init__(self, **versions: str) -> None:
        self._known = {name.replace("__", "."): version for name, version in versions.items()}

    def versions(self, tables: Collection[str]) -> dict[str, str]:
        return {name: self._known[name] for name in tables if name in self._known}


def assets(*, code_version: str = "1") -> dg.AssetGraph:
    raw = dg.AssetSpec(RAW, partitions_def=DAYS)
    bars = dg.AssetSpec(BARS, deps=[raw], code_version="1")
    risk = dg.AssetSpec(RISK, deps=[bars], code_version=code_version)
    backtests = dg.AssetSpec(BACKTESTS, deps=[risk], code_version="1")

    @dg.multi_asset(specs=[raw, bars, risk, backtests], can_subset=True)
    def everything():
        yield from ()

    return dg.Definitions(assets=[everything]).resolve_asset_graph()


def report(instance: dg.DagsterInstance, key: dg.AssetKey, *, code_version: str = "1", **inputs: str) -> None:
    """Note a materialisation that read these versions of its inputs."""
    read = {name.replace("__", "."): version for name, version in inputs.items()}
    instance.report_runless_asset_event(
        dg.AssetMaterialization(
            key, metadata={"inputs": dg.MetadataValue.json(read)}, tags={"dagster/code_version": code_version}
        )
    )


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def made(instance) -> dg.DagsterInstance:
    """Everything made from version 1 of what is above it."""
    report(instance, BARS, raw__eodhd_eod="raw 1")
    report(instance, RISK, silver__daily_bars="bars 1")
    report(instance, BACKTESTS, gold__value_at_risk="risk 1")
    return instance


ALL_ONE = {"raw__eodhd_eod": "raw 1", "silver__daily_bars": "bars 1", "gold__value_at_risk": "risk 1"}


def load(instance, *days: str) -> None:
    for day in days:
        instance.report_runless_asset_event(dg.AssetMaterialization(RAW, partition=day))


def test_a_new_asset_is_loaded_in_one_run(instance):
    (whole,) = missing_loads(RAW, DAYS, instance)
    assert whole == Load(RAW, "2018-12-24", "2018-12-31", 8)
    assert whole.tags == {
        "dagster/asset_partition_range_start": "2018-12-24",
        "dagster/asset_partition_range_end": "2018-12-31",
    }


def test_each_gap_is_a_load_of_its_own(instance):
    load(instance, "2018-12-25", "2018-12-28", "2018-12-29")
    assert [(load.first, load.last, load.partitions) for load in missing_loads(RAW, DAYS, instance)] == [
        ("2018-12-24", "2018-12-24", 1),
        ("2018-12-26", "2018-12-27", 2),
        ("2018-12-30", "2018-12-31", 2),
    ]


def test_nothing_is_missing_when_every_day_is_there(instance):
    load(instance, *DAYS.get_partition_keys())
    assert missing_loads(RAW, DAYS, instance) == []


def test_an_asset_without_partitions_misses_no_days(instance):
    assert missing_loads(BARS, None, instance) == []
    assert [load.key for load in all_missing_loads(assets(), instance)] == [RAW]


def test_what_was_never_made_is_stale(instance):
    assert stale_assets(assets(), instance, Versions()) == dict.fromkeys([BARS, RISK, BACKTESTS], "never made")


def test_nothing_is_stale_when_nothing_changed(made):
    assert stale_assets(assets(), made, Versions(**ALL_ONE)) == {}


@pytest.mark.parametrize(
    ("table", "stale"), [("raw__eodhd_eod", BARS), ("silver__daily_bars", RISK), ("gold__value_at_risk", BACKTESTS)]
)
def test_a_changed_input_makes_stale_only_what_reads_it(made, table, stale):
    lake = Versions(**ALL_ONE | {table: "2"})
    assert stale_assets(assets(), made, lake) == {stale: f"{table.replace('__', '.')} changed"}


def test_another_code_version_makes_stale(made):
    assert stale_assets(assets(code_version="2"), made, Versions(**ALL_ONE)) == {RISK: "code or parameters changed"}


def test_an_input_that_was_not_recorded_makes_stale(made):
    report(made, RISK)
    assert stale_assets(assets(), made, Versions(**ALL_ONE)) == {RISK: "silver.daily_bars changed"}


def test_a_table_that_does_not_exist_yet_changes_nothing(made):
    lake = Versions(raw__eodhd_eod="raw 1", silver__daily_bars="bars 1")
    assert stale_assets(assets(), made, lake) == {}


def test_what_was_never_made_is_made_at_once():
    graph = assets()
    assert next_wave(graph, dict.fromkeys([BARS, RISK, BACKTESTS], "never made")) == [BARS, RISK, BACKTESTS]


def test_what_stands_on_something_stale_waits():
    """Were the upper one to come out the same, the lower one need not run."""
    stale = {BARS: "raw.eodhd_eod changed", RISK: "code or parameters changed", BACKTESTS: "never made"}
    assert next_wave(assets(), stale) == [BARS]
    assert next_wave(assets(), {RISK: "silver.daily_bars changed", BACKTESTS: "never made"}) == [RISK, BACKTESTS]
    assert next_wave(assets(), {}) == []


class TestTheLedger:
    """A loaded partition that lacks something is loaded again."""

    @pytest.fixture
    def loaded(self, atlas_home, instance):
        """All partitions of the sandbox's bars, as the ledger of a whole load would have them."""
        from atlas_assets.orchestration.resources import configured_lake

        load(instance, *DAYS.get_partition_keys())
        self.say(configured_lake(), "GSPC.INDX")
        self.say(configured_lake(), "IXIC.INDX")
        return configured_lake()

    @staticmethod
    def say(lake, instrument, first="1999-01-01", last="2018-12-31", state="final", final_from=None):
        line = CoverageEntry(
            source="eodhd",
            dataset="eod",
            instrument=instrument,
            first_day=date.fromisoformat(first),
            last_day=date.fromisoformat(last),
            state=state,
            rows=1,
            asked_at=NOW,
            run_id="run",
            final_from=final_from,
            reason="busy" if state == "missing" else None,
        )
        lake.record([line], commit=CommitInfo(run_id="run", asset="raw/eodhd/eod"))

    def due(self, instance, lake) -> list[tuple[str, str]]:
        return [(one.first, one.last) for one in missing_loads(RAW, DAYS, instance, lake)]

    def test_nothing_is_due_where_all_is_final(self, instance, loaded):
        assert self.due(instance, loaded) == []
        assert all_missing_loads(assets(), instance, loaded) == []

    def test_a_gap_is(self, instance, loaded):
        self.say(loaded, "IXIC.INDX", "2018-12-27", "2018-12-28", "missing")
        assert self.due(instance, loaded) == [("2018-12-27", "2018-12-28")]

    def test_a_new_instrument_is(self, instance, loaded):
        from atlas_assets.orchestration.resources import configured_settings

        section = configured_settings().data_sources.eod_historical
        section.symbols.append("NEW.US")
        assert self.due(instance, loaded) == [("2018-12-24", "2018-12-31")]

    def test_what_can_be_final_now_is_and_what_cannot_yet_is_not(self, instance, loaded):
        self.say(loaded, "IXIC.INDX", "2018-12-28", "2018-12-29", "present", NOW - timedelta(days=1))
        self.say(loaded, "IXIC.INDX", "2018-12-30", "2018-12-30", "present", NOW + timedelta(days=1))
        self.say(loaded, "IXIC.INDX", "2018-12-31", "2018-12-31", "partial", NOW + timedelta(days=2))
        assert self.due(instance, loaded) == [("2018-12-28", "2018-12-29")]

    def test_without_a_lake_only_what_dagster_knows_counts(self, instance, loaded):
        self.say(loaded, "IXIC.INDX", "2018-12-27", "2018-12-28", "missing")
        assert missing_loads(RAW, DAYS, instance) == []

    def test_the_ledger_is_read_once(self, instance, loaded):
        """However many partitions and instruments there are."""
        calls = []
        sql = loaded.sql
        loaded.sql = lambda *asked, **more: (calls.append(asked), sql(*asked, **more))[1]
        try:
            assert self.due(instance, loaded) == []
        finally:
            del loaded.sql
        assert len(calls) == 1
