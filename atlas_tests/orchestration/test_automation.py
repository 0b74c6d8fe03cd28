"""The one automation condition: what makes an asset run, and what does not."""

from __future__ import annotations

import dagster as dg
import pytest

from atlas_assets.orchestration.automation import when_inputs_change

DAYS = dg.DailyPartitionsDefinition("2018-12-27", end_date="2019-01-01")


def assets(*, code_version: str = "1", check_passes: bool = True, fails: bool = False):
    @dg.asset(key=["raw", "x"], config_schema={"content": str})
    def source(context):
        return dg.MaterializeResult(data_version=dg.DataVersion(context.op_execution_context.op_config["content"]))

    @dg.asset_check(asset=source, blocking=True)
    def shape():
        return dg.AssetCheckResult(passed=check_passes)

    @dg.asset(
        key=["gold", "y"], deps=[source], code_version=code_version, automation_condition=when_inputs_change("gold")
    )
    def derived():
        if fails:
            raise RuntimeError("broken")
        return dg.MaterializeResult(data_version=dg.DataVersion("derived"))

    return dg.Definitions(assets=[source, derived], asset_checks=[shape])


class World:
    """A Dagster instance that remembers the automation cursor."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.cursor = None

    def load(self, definitions: dg.Definitions, content: str) -> None:
        definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance,
            asset_selection=[dg.AssetKey(["raw", "x"])],
            run_config={"ops": {"raw__x": {"config": {"content": content}}}},
            raise_on_error=False,
        )

    def derive(self, definitions: dg.Definitions) -> None:
        definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance, asset_selection=[dg.AssetKey(["gold", "y"])], raise_on_error=False
        )

    def tick(self, definitions: dg.Definitions) -> int:
        result = dg.evaluate_automation_conditions(definitions, self.instance, cursor=self.cursor)
        self.cursor = result.cursor
        return result.total_requested


@pytest.fixture
def world():
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(instance)


def test_idle_then_same_bytes_then_new_bytes(world):
    definitions = assets()
    world.load(definitions, "a")
    assert world.tick(definitions) == 1, "never made: it must be made once"
    world.derive(definitions)
    requested = [world.tick(definitions)]
    world.load(definitions, "a")
    requested.append(world.tick(definitions))
    world.load(definitions, "b")
    requested.append(world.tick(definitions))
    world.derive(definitions)
    requested.append(world.tick(definitions))
    assert requested == [0, 0, 1, 0]


def test_the_first_data_ever_runs_what_stands_on_it(world):
    definitions = assets()
    assert world.tick(definitions) == 0
    world.load(definitions, "a")
    assert world.tick(definitions) == 1


def test_new_code_runs_once(world):
    world.load(assets(), "a")
    world.derive(assets())
    world.tick(assets())
    assert world.tick(assets()) == 0
    assert world.tick(assets(code_version="2")) == 1
    world.derive(assets(code_version="2"))
    assert world.tick(assets(code_version="2")) == 0


def test_nothing_runs_before_the_inputs_are_there(world):
    assert world.tick(assets()) == 0


def test_a_failed_blocking_check_holds_it_back(world):
    refused = assets(check_passes=False)
    world.load(refused, "a")
    assert world.tick(refused) == 0


def test_a_failed_run_is_tried_once_more_and_not_for_ever(world):
    healthy, broken = assets(), assets(fails=True)
    world.load(healthy, "a")
    world.tick(healthy)
    world.derive(healthy)
    world.tick(healthy)
    world.load(broken, "b")
    assert [world.tick(broken), world.tick(broken)] == [1, 0]
    requested = 0
    for _ in range(6):
        world.derive(broken)
        requested += world.tick(broken)
        requested += world.tick(broken)
    assert requested == 1


@pytest.mark.parametrize(("content", "requested"), [("a", 0), ("b", 1)])
def test_a_partition_loaded_again(world, content, requested):
    """A day that comes again with the same content triggers nothing; with another one it does."""

    @dg.asset(key=["raw", "x"], partitions_def=DAYS, config_schema={"content": str})
    def source(context):
        return dg.MaterializeResult(data_version=dg.DataVersion(context.op_execution_context.op_config["content"]))

    @dg.asset(key=["silver", "y"], deps=[source], automation_condition=when_inputs_change("silver"))
    def derived():
        return dg.MaterializeResult(data_version=dg.DataVersion("derived"))

    definitions = dg.Definitions(assets=[source, derived])

    def load(day: str, content: str) -> None:
        definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=world.instance,
            asset_selection=[source.key],
            partition_key=day,
            run_config={"ops": {"raw__x": {"config": {"content": content}}}},
        )

    for day in DAYS.get_partition_keys():
        load(day, "a")
    world.tick(definitions)
    definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=world.instance, asset_selection=[derived.key]
    )
    assert world.tick(definitions) == 0
    load("2018-12-28", content)
    assert world.tick(definitions) == requested


def test_gold_waits_for_what_silver_became(world):
    """A run of raw may leave silver as it was; then no gold runs. Where silver changed, gold runs together."""

    def made(name, *deps):
        layer = name[0]

        @dg.asset(
            key=list(name),
            deps=deps,
            automation_condition=None if layer == "raw" else when_inputs_change(layer),
            config_schema={"content": dg.Field(str, default_value="same")},
        )
        def one(context):
            return dg.MaterializeResult(data_version=dg.DataVersion(context.op_execution_context.op_config["content"]))

        return one

    raw = made(("raw", "x"))
    names = made(("silver", "names"), raw)
    bars, trades = made(("silver", "bars"), raw), made(("silver", "trades"), names)
    risk = made(("gold", "risk"), bars)
    definitions = dg.Definitions(
        assets=[raw, names, bars, trades, risk, made(("gold", "vpin"), trades), made(("gold", "limits"), risk)]
    )

    def make(*keys: str, content: str = "same") -> None:
        definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=world.instance,
            asset_selection=[dg.AssetKey(key.split("/")) for key in keys],
            run_config={"ops": {key.replace("/", "__"): {"config": {"content": content}} for key in keys}},
        )

    def requested() -> set[str]:
        result = dg.evaluate_automation_conditions(definitions, world.instance, cursor=world.cursor)
        world.cursor = result.cursor
        return {result.key.to_user_string() for result in result.results if result.true_subset.size}

    every = [key.to_user_string() for key in definitions.resolve_asset_graph().toposorted_asset_keys]
    make(*every)
    requested()
    assert requested() == set()
    make("raw/x", content="new")
    silver = {"silver/names", "silver/bars", "silver/trades"}
    assert requested() == silver
    make("silver/bars", content="new")
    make("silver/names", "silver/trades")
    assert requested() == {"gold/risk", "gold/limits"}
