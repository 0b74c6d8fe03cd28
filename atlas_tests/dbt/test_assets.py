"""The dbt project as assets: the shipped manifest, what it declares, and runs of it in Dagster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from atlas_assets.contracts.schema import arrow_schema, description, sql_types
from atlas_assets.contracts.tables import Table
from atlas_assets.lake import Lake, LakeConfig
from atlas_assets.orchestration.dbt.manifest import build_manifest
from atlas_assets.orchestration.dbt.silver import MANIFEST, dbt_resource
from atlas_assets.orchestration.dbt.sources import SOURCES, model_files, model_yaml, sources_yaml
from atlas_assets.orchestration.resources import LakeResource
from atlas_assets.orchestration.tables import all_tables
from atlas_tests.dbt.vendor_rows import mood

pytestmark = pytest.mark.xdist_group("dbt_assets")

READ_BY_DBT = {source["name"] for source in json.loads(MANIFEST.read_text(encoding="utf-8"))["sources"].values()}
RAW_AND_SILVER = [
    table
    for table in all_tables()
    if table.layer == "silver" or (table.layer == "raw" and table.name.removeprefix("raw.") in READ_BY_DBT)
]
SILVER = [table for table in all_tables() if table.layer == "silver"]


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    """The manifest that definitions load."""
    return json.loads(MANIFEST.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def silver() -> dg.AssetsDefinition:
    """The declaration."""
    from atlas_assets.defs.silver.assets import silver

    return silver


def _nodes(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The tables of the project, as ``schema.name``."""
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    return {f"{node['schema']}.{node['name']}": node for node in [*models, *manifest["sources"].values()]}


def test_the_manifest_is_that_of_the_project(manifest: dict[str, Any]) -> None:
    assert manifest == build_manifest(), "run: make manifest"


def test_sources_are_those_of_the_contracts() -> None:
    assert SOURCES.read_text(encoding="utf-8") == sources_yaml(), "run: make manifest"


def test_models_say_of_their_columns_what_the_contracts_say() -> None:
    for file, table in model_files().items():
        text = file.read_text(encoding="utf-8")
        assert model_yaml(table, text) == text, f"{file.name}: run: make manifest"


def test_the_manifest_is_small_and_of_no_machine(manifest: dict[str, Any]) -> None:
    text = MANIFEST.read_text(encoding="utf-8")
    assert len(text) < 2**20
    assert str(Path.home()) not in text
    assert str(MANIFEST.parent.parent) not in text


def test_models_are_the_silver_tables(manifest: dict[str, Any]) -> None:
    assert {name for name in _nodes(manifest) if name.startswith("silver.")} == {table.name for table in SILVER}


@pytest.mark.parametrize("table", RAW_AND_SILVER, ids=lambda table: table.name)
def test_columns_are_those_of_the_contract(manifest: dict[str, Any], table: Table) -> None:
    node = _nodes(manifest)[table.name]
    schema = arrow_schema(table.contract)
    assert list(node["columns"]) == schema.names
    assert {name: column["data_type"].upper() for name, column in node["columns"].items()} == sql_types(table.contract)
    for contracted in schema:
        said = node["columns"][contracted.name]["description"]
        assert said.startswith((contracted.metadata or {})[b"description"].decode())
    assert node["description"] == " ".join(description(table.contract).split())
    assert node["config"]["meta"]["dagster"]["asset_key"] == list(table.asset_key)


def test_assets_are_declared_as_the_house_wants(silver: dg.AssetsDefinition) -> None:
    specs = {tuple(spec.key.path): spec for spec in silver.specs}
    assert set(specs) == {table.asset_key for table in SILVER}
    for key, spec in specs.items():
        assert spec.group_name == key[1]
        assert spec.owners == ["team:data-engineering"]
        assert spec.kinds == {"dbt", "duckdb"}
        assert spec.tags["layer"] == "silver"
        assert spec.description
        assert spec.code_version
    bars = specs["silver", "market", "daily_bars_by_source"]
    assert {dep.asset_key.to_user_string() for dep in bars.deps} >= {
        "raw/eodhd/eod",
        "raw/binance/klines",
        "raw/landing/daily_bars",
        "silver/market/ticker_history",
        "silver/market/corporate_actions",
    }
    lineage = bars.metadata["dagster/column_lineage"].deps_by_column
    assert ("raw/eodhd/eod", "adjusted_close") in {
        (dep.asset_key.to_user_string(), dep.column_name) for dep in lineage["close_vendor_adj"]
    }


def test_each_table_has_a_check_of_its_key(silver: dg.AssetsDefinition) -> None:
    checks = {(check.asset_key.path[-1], check.name) for check in silver.check_keys}
    assert {(table.asset_key[2], f"{table.asset_key[2]}_unique") for table in SILVER} <= checks
    assert ("daily_bars", "daily_bars_left_out") in checks


class _Lake(LakeResource):
    root: str

    def open(self) -> Lake:
        return Lake(LakeConfig(root=Path(self.root)))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_runs(silver: dg.AssetsDefinition, bench_of: Any, tmp_path: Path) -> None:
    """A first run on a lake where most sources never delivered, then one that finds a spoilt table."""
    bench = bench_of(tmp_path)
    bench.load("raw.alternative_me_fear_greed", "2018-12-03", [mood("2018-12-03T00:00", "20")], received="2018-12-04")
    resources = {"lake": _Lake(root=str(bench.lake.config.root)), "dbt": dbt_resource()}

    first = dg.materialize([silver], resources=resources)
    written = {event.asset_key: event.materialization for event in first.get_asset_materialization_events()}
    assert len(written) == len(SILVER)
    mark = written[dg.AssetKey(["silver", "sentiment", "fear_greed"])]
    assert mark.metadata["dagster/row_count"].value == 1
    assert mark.metadata["changed"].value is True
    assert mark.metadata["snapshot_id"].value > mark.metadata["read_at_snapshot"].value
    assert (mark.tags or {})["dagster/data_version"] == bench.lake.version("silver.fear_greed")
    assert all(check.passed for check in first.get_asset_check_evaluations())

    with bench.lake.commit_lock(), bench.lake.connect() as connection:
        connection.execute("UPDATE lake.silver.fear_greed SET value = 500")
    second = dg.materialize(
        [silver],
        selection=dg.AssetSelection.assets(["silver", "sentiment", "fear_greed"]),
        resources=resources,
        raise_on_error=False,
    )
    assert not second.success
    (failed,) = [check for check in second.get_asset_check_evaluations() if not check.passed]
    assert failed.check_name == "fear_greed_value_in_bounds"
    assert failed.severity == dg.AssetCheckSeverity.ERROR
    assert (failed.description or "").startswith("1 rows fail")
    assert "500" in str(failed.metadata["failed_rows"].value)
    assert "isfinite" in str(failed.metadata["sql"].value)
