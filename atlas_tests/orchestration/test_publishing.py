"""An asset's run: one snapshot read, one commit made, evidence left."""

from datetime import UTC, date, datetime

import dagster as dg
import pyarrow as pa
import pytest

from atlas_assets.contracts.schema import arrow_schema
from atlas_assets.lake import LakeError, Window
from atlas_assets.lake.compaction import tables_of_many_files
from atlas_assets.orchestration import upkeep
from atlas_assets.orchestration.publishing import AssetRun, table_of
from atlas_assets.orchestration.resources import LakeResource, configured_lake
from atlas_assets.orchestration.tables import table

FEAR = table("raw.alternative_me_fear_greed")
KEY = dg.AssetKey(list(FEAR.asset_key))
DAYS = dg.DailyPartitionsDefinition("2018-12-27", end_date="2019-01-01")
RECEIVED = datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC)


def index_rows(values: dict[str, int]) -> pa.Table:
    """Rows of the fear and greed table: one for each day."""
    return pa.Table.from_pylist(
        [
            {
                "timestamp": str(int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp())),
                "value": str(value),
                "value_classification": "Fear",
                "partition_date": date.fromisoformat(day),
                "object_id": "0" * 64,
                "ingested_at": RECEIVED,
            }
            for day, value in values.items()
        ],
        schema=arrow_schema(FEAR.contract),
    )


@dg.asset(
    key=KEY,
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    config_schema={"value": int, "outside": dg.Field(bool, default_value=False)},
    code_version="7",
)
def daily(context: dg.AssetExecutionContext, lake: LakeResource):
    config, keys = context.op_execution_context.op_config, context.partition_keys
    rows = index_rows(dict.fromkeys([*keys, "2018-12-27"] if config["outside"] else keys, config["value"]))
    return AssetRun(context, lake).publish(rows, window=Window("partition_date", keys[0], keys[-1]))


@dg.asset(key=["silver", "sentiment", "fear_greed"], deps=[daily])
def reader(context: dg.AssetExecutionContext, lake: LakeResource):
    run = AssetRun(context, lake)
    before = run.read(FEAR.name)
    # Another writer commits while this run is under way.
    AssetRun(context, lake).lake.replace(
        FEAR.name,
        index_rows({"2018-12-31": 99}),
        schema=arrow_schema(FEAR.contract),
        keys=["timestamp"],
        window=None,
        commit=_commit(),
    )
    return dg.MaterializeResult(
        metadata={"rows": [len(before), len(run.read(FEAR.name))], "inputs": dict(run.inputs), "snapshot": run.snapshot}
    )


def _commit():
    from atlas_assets.lake import CommitInfo

    return CommitInfo(run_id="another", asset="another")


class Runs:
    """Runs of the daily asset on one instance."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance

    def load(
        self, first: str, last: str, *, value: int, how: str = "range", outside: bool = False, fails: bool = False
    ):
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        result = dg.materialize(
            [daily],
            instance=self.instance,
            partition_key=first if how == "key" else None,
            tags=tags if how == "range" else None,
            run_config={"ops": {KEY.to_python_identifier(): {"config": {"value": value, "outside": outside}}}},
            resources={"lake": LakeResource()},
            raise_on_error=False,
        )
        assert result.success != fails
        return result

    def versions(self) -> dict[str, str]:
        """The data version of each day."""
        found = {}
        for day in DAYS.get_partition_keys():
            wanted = dg.AssetRecordsFilter(asset_key=KEY, asset_partitions=[day])
            for record in self.instance.fetch_materializations(wanted, limit=1).records:
                found[day] = record.asset_materialization.tags["dagster/data_version"]
        return found


@pytest.fixture
def runs(atlas_home):
    with dg.DagsterInstance.ephemeral() as instance:
        yield Runs(instance)


def values() -> dict[str, str]:
    rows = configured_lake().read(FEAR.name)
    return dict(sorted(zip(rows["partition_date"].dt.strftime("%Y-%m-%d"), rows["value"], strict=True)))


@pytest.mark.parametrize("how", ["range", "key"])
def test_a_day_loaded_again_with_the_same_content_keeps_its_version(runs, how):
    """Although a range's days share one version, which is not the day's own hash."""
    runs.load("2018-12-27", "2018-12-31", value=1)
    before, snapshot = runs.versions(), configured_lake().current_snapshot()
    runs.load("2018-12-29", "2018-12-29", value=1, how=how)
    assert runs.versions() == before
    assert configured_lake().current_snapshot() == snapshot


@pytest.mark.parametrize("how", ["range", "key"])
def test_a_day_with_other_content_gets_another_version_and_keeps_it(runs, how):
    runs.load("2018-12-27", "2018-12-31", value=1)
    before = runs.versions()
    runs.load("2018-12-29", "2018-12-29", value=2, how=how)
    changed = runs.versions()
    assert {day for day in before if before[day] != changed[day]} == {"2018-12-29"}
    runs.load("2018-12-29", "2018-12-29", value=2, how=how)
    assert runs.versions() == changed


def test_a_window_replaces_its_own_days_only(runs):
    runs.load("2018-12-27", "2018-12-31", value=1)
    runs.load("2018-12-28", "2018-12-29", value=5)
    assert values() == {
        "2018-12-27": "1", "2018-12-28": "5", "2018-12-29": "5", "2018-12-30": "1", "2018-12-31": "1"
    }  # fmt: skip


def test_rows_outside_the_window_are_refused_and_the_table_stays(runs):
    runs.load("2018-12-27", "2018-12-31", value=1)
    before = configured_lake().version(FEAR.name)
    result = runs.load("2018-12-30", "2018-12-31", value=3, outside=True, fails=True)
    (failure,) = result.get_step_failure_events()
    assert LakeError.__name__ in str(failure.step_failure_data.error)
    assert configured_lake().version(FEAR.name, recompute=True) == before
    assert set(values().values()) == {"1"}


@pytest.mark.parametrize(
    ("first", "last", "how", "partition"),
    [
        ("2018-12-27", "2018-12-31", "range", "2018-12-27...2018-12-31"),
        ("2018-12-29", "2018-12-29", "range", "2018-12-29"),
        ("2018-12-29", "2018-12-29", "key", "2018-12-29"),
    ],
)
def test_the_commit_says_who_made_it_from_what(runs, first, last, how, partition):
    result = runs.load(first, last, value=1, how=how)
    (commit, *_) = configured_lake().snapshots(FEAR.name)
    assert commit.info["run_id"] == result.run_id
    assert commit.info["asset"] == "raw/alternative_me/fear_greed"
    assert commit.info["partition"] == partition
    assert commit.info["code_version"] == "7"
    (made, *_) = result.asset_materializations_for_node(KEY.to_python_identifier())
    assert made.metadata["content_hash"].value == commit.info["version"]
    assert made.metadata["snapshot_id"].value == commit.id


def test_a_run_sees_the_lake_as_it_was_when_it_began(runs):
    runs.load("2018-12-27", "2018-12-31", value=1)
    lake = configured_lake()
    version, snapshot = lake.version(FEAR.name), lake.current_snapshot()
    result = dg.materialize(
        [daily, reader],
        selection=[reader],
        instance=runs.instance,
        resources={"lake": LakeResource()},
    )
    (made,) = result.asset_materializations_for_node("silver__sentiment__fear_greed")
    assert made.metadata["rows"].value == [5, 5]
    assert made.metadata["inputs"].value == {FEAR.name: version}
    assert made.metadata["snapshot"].value == snapshot
    assert len(values()) == 1


def test_an_asset_knows_its_table():
    assert table_of(tuple(KEY.path)) is FEAR


def test_a_run_merges_a_table_that_lies_in_many_files(runs, monkeypatch):
    monkeypatch.setattr(upkeep, "MOST_FILES", 2)
    for count, day in enumerate(("2018-12-29", "2018-12-30", "2018-12-31"), start=1):
        runs.load(day, day, value=count)
        with configured_lake().reader() as connection:
            in_many = FEAR.name in tables_of_many_files(connection, more_than=1)
        assert in_many == (count == 2), "the third write makes three files, which are one then"
    assert configured_lake().read(FEAR.name)["value"].tolist() == ["1", "2", "3"]
