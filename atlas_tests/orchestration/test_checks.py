"""Checks say what is wrong, stop what rests on a wrong shape, and warn of rows that vanish."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from atlas_assets.contracts.quality import EXPECTATIONS
from atlas_assets.contracts.quality.expectations import Family
from atlas_assets.contracts.schema import arrow_schema
from atlas_assets.lake import CommitInfo, Lake, LakeConfig
from atlas_assets.orchestration.checks import SHAPE, SURPRISE, TRUTH, contract_checks
from atlas_assets.orchestration.tables import all_tables, table
from atlas_tests.contracts import examples

BARS = table("silver.daily_bars")
Rows = list[dict[str, Any]]


@cache
def opened(root: Path, extensions: Path) -> Lake:
    return Lake(LakeConfig(root=root, extensions=extensions, threads=1))


class OpenLake(dg.ConfigurableResource):
    """The lake of a test as a resource."""

    root: str
    extensions: str

    def open(self) -> Lake:
        return opened(Path(self.root), Path(self.extensions))


@pytest.fixture(scope="module")
def extensions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("extensions")


@pytest.fixture
def lake(tmp_path: Path, extensions: Path) -> OpenLake:
    return OpenLake(root=str(tmp_path), extensions=str(extensions))


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


def bars(number: int, **first: Any) -> Rows:
    content = examples.rows(BARS.contract, number)
    content[0] |= first
    return content


def write(lake: OpenLake, content: Rows, schema: pa.Schema | None = None) -> None:
    schema = schema or pa.schema([field.with_nullable(True) for field in arrow_schema(BARS.contract)])
    data = pa.Table.from_pylist(content, schema=schema)
    keys = [name for name in ("instrument_id", "session_date") if name in schema.names]
    commit = CommitInfo(run_id="run", asset="silver/market/daily_bars")
    lake.open().replace(BARS.name, data, schema=schema, keys=keys, window=None, commit=commit)


def judged(lake: OpenLake, instance: dg.DagsterInstance, *assets: dg.AssetsDefinition) -> dg.ExecuteInProcessResult:
    definitions = dg.Definitions(assets=assets, asset_checks=[contract_checks(BARS)], resources={"lake": lake})
    job = definitions.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(instance=instance, raise_on_error=False)


def outcomes(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()}


def test_good_table_passes_and_reports_numbers(lake: OpenLake, instance: dg.DagsterInstance):
    write(lake, bars(5))
    checks = outcomes(judged(lake, instance))
    assert [checks[name].passed for name in (SHAPE, TRUTH, SURPRISE)] == [True, True, True]
    for name in (SHAPE, TRUTH):
        assert checks[name].metadata["rows_judged"].value == 5
        assert checks[name].metadata["broken_rules"].value == 0
        assert checks[name].metadata["seconds"].value > 0


def test_untrue_values_are_named_counted_and_shown(lake: OpenLake, instance: dg.DagsterInstance):
    write(lake, bars(20, close_raw=math.inf, symbol="A|B", volume_raw=-1.0))
    checks = outcomes(judged(lake, instance))
    truth = checks[TRUTH]
    assert (truth.passed, truth.severity, truth.blocking) == (False, dg.AssetCheckSeverity.ERROR, False)
    by_rule = truth.metadata["failing_rows_by_rule"].value
    assert by_rule["close_raw: finite"] == 1
    assert by_rule["volume_raw: greater_than_or_equal_to(0)"] == 1
    assert "close_raw: finite (1 of 20 rows)" in (truth.description or "")
    shown = str(truth.metadata["failing_rows"].value).splitlines()
    assert len(shown) == 3
    assert "close_raw = inf" in shown[2]
    assert checks[SHAPE].passed
    assert "failing_rows" not in checks[SHAPE].metadata


def test_few_of_many_failing_rows_are_shown(lake: OpenLake, instance: dg.DagsterInstance):
    write(lake, [row | {"close_raw": -1.0} for row in bars(50)])
    shown = str(outcomes(judged(lake, instance))[TRUTH].metadata["failing_rows"].value)
    assert len(shown.splitlines()) == 2 + 10


def chain(lake: OpenLake, content: Rows, schema: pa.Schema | None = None) -> list[dg.AssetsDefinition]:
    @dg.asset(key=BARS.asset_key)
    def daily_bars() -> None:
        write(lake, content, schema)

    @dg.asset(deps=[daily_bars])
    def downstream() -> None: ...

    return [daily_bars, downstream]


def materialised(result: dg.ExecuteInProcessResult) -> set[str]:
    return {event.asset_key.path[-1] for event in result.get_asset_materialization_events() if event.asset_key}


def test_wrong_shape_stops_downstream(lake: OpenLake, instance: dg.DagsterInstance):
    first, second = bars(2)
    twin = second | {"session_date": first["session_date"], "instrument_id": first["instrument_id"]}
    result = judged(lake, instance, *chain(lake, [first, twin]))
    shape = outcomes(result)[SHAPE]
    assert (shape.passed, shape.blocking, shape.severity) == (False, True, dg.AssetCheckSeverity.ERROR)
    assert "instrument_id, session_date: unique (2 of 2 rows)" in (shape.description or "")
    assert materialised(result) == {"daily_bars"}
    assert not result.success


def test_untrue_values_do_not_stop_downstream(lake: OpenLake, instance: dg.DagsterInstance):
    result = judged(lake, instance, *chain(lake, bars(3, close_raw=-1.0)))
    assert not outcomes(result)[TRUTH].passed
    assert materialised(result) == {"daily_bars", "downstream"}
    assert result.success


def test_columns_that_differ_are_named(lake: OpenLake, instance: dg.DagsterInstance):
    fields = [field.with_nullable(True) for field in arrow_schema(BARS.contract) if field.name != "currency"]
    schema = pa.schema([*fields, pa.field("note", pa.string())])
    content = [{name: row.get(name) for name in schema.names} for row in bars(3)]
    shape = outcomes(judged(lake, instance, *chain(lake, content, schema)))[SHAPE]
    assert not shape.passed
    assert "currency: missing column" in (shape.description or "")
    assert "note: extra column" in (shape.description or "")


def test_empty_table_has_its_shape_but_surprises(lake: OpenLake, instance: dg.DagsterInstance):
    lake.open().create_table(BARS.name, arrow_schema(BARS.contract))
    checks = outcomes(judged(lake, instance))
    assert checks[SHAPE].passed
    assert checks[TRUTH].passed
    assert not checks[SURPRISE].passed
    assert checks[SURPRISE].severity == dg.AssetCheckSeverity.WARN
    assert checks[SURPRISE].description == "The table is empty."


def test_missing_table_fails_with_what_to_do(lake: OpenLake, instance: dg.DagsterInstance):
    checks = outcomes(judged(lake, instance))
    expected = "Table silver.daily_bars does not exist yet: materialise silver/market/daily_bars first."
    assert {(check.passed, check.description) for check in checks.values()} == {(False, expected)}
    assert checks[SURPRISE].severity == dg.AssetCheckSeverity.WARN


@pytest.mark.parametrize(("before", "after", "calm"), [(10, 10, True), (10, 5, True), (10, 4, False), (4, 100, True)])
def test_losing_more_than_half_the_rows_surprises(
    lake: OpenLake, instance: dg.DagsterInstance, before: int, after: int, calm: bool
):
    write(lake, bars(before, volume_raw=1.0))
    write(lake, bars(after))
    surprise = outcomes(judged(lake, instance))[SURPRISE]
    assert surprise.passed == calm
    assert surprise.severity == dg.AssetCheckSeverity.WARN
    assert surprise.metadata["rows"].value == after
    assert surprise.metadata["rows_before"].value == before


def test_every_table_has_its_checks():
    for one in all_tables():
        families = [family.value for family in Family] if one.layer == "silver" else []
        checks = contract_checks(one)
        assert sorted(key.name for key in checks.check_keys) == sorted([SHAPE, TRUTH, SURPRISE, *families])
        for spec in checks.check_specs:
            if spec.name in families:
                assert spec.metadata["owner"] == "team:data-engineering"
                assert all(
                    expected.says in (spec.description or "")
                    for expected in EXPECTATIONS[one.name]
                    if expected.family == spec.name
                )


def test_a_family_gives_numbers_and_the_rows_that_fail(lake: OpenLake, instance: dg.DagsterInstance):
    write(lake, bars(4, low_raw=0.7, high_raw=0.6))
    checks = outcomes(judged(lake, instance))
    consistency = checks["consistency"]
    assert (consistency.passed, consistency.severity) == (False, dg.AssetCheckSeverity.WARN)
    numbers = {name: value.value for name, value in consistency.metadata.items()}
    assert numbers["prices_out_of_order"] == 1
    assert numbers["prices_out_of_order_judged"] == 4
    assert numbers["prices_out_of_order_share"] == 0.25
    assert "0.7" in numbers["prices_out_of_order_sample"]
    assert "1 of 4 prices out of order" in (consistency.description or "")
    # Without a table of instruments nobody can say whether they are known, and the check says that.
    assert "instruments" in numbers["unknown_instruments_not_judged"]
    assert checks["accuracy"].passed
    assert checks["completeness"].metadata["missing_values"].value == 0


def test_missing_values_are_counted_by_column_and_never_filled(lake: OpenLake, instance: dg.DagsterInstance):
    write(lake, bars(4, volume_raw=None, open_raw=None))
    metadata = outcomes(judged(lake, instance))["completeness"].metadata
    assert metadata["missing_values"].value == 2
    assert metadata["missing_values_by_column"].value == {"open_raw": 1, "volume_raw": 1}


def test_making_the_checks_imports_no_pandas():
    program = (
        "import sys; from atlas_assets.contracts.tables import DERIVED_TABLES;"
        "from atlas_assets.orchestration.checks import contract_checks;"
        "[contract_checks(table) for table in DERIVED_TABLES];"
        "print([name for name in ('pandas', 'pandera', 'pyarrow', 'duckdb') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
