"""Silver: the dbt project as Dagster assets.

Definitions never run dbt: they read ``dbt_project/manifest.json`` (see `manifest`).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from packaging.version import Version

from atlas_assets.contracts.tables import Table
from atlas_assets.orchestration.dbt.library import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliResource,
    DbtProject,
    validate_manifest,
)
from atlas_assets.orchestration.metadata import column_schema, figure_metadata, preview
from atlas_assets.orchestration.resources import configured_settings
from atlas_assets.orchestration.tables import all_tables, enabled_tables, table
from atlas_assets.orchestration.upkeep import keep_few_files
from atlas_assets.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from atlas_assets.lake import Lake

PROJECT_FOLDER = PROJECT_ROOT / "dbt_project"
MANIFEST = PROJECT_FOLDER / "manifest.json"
# Tests of tests and of models belong to development. Artifacts and logs that nobody reads cost a second a run.
BUILD = (
    "build",
    *("--exclude-resource-type", "unit_test"),
    *("--exclude", "path:tests/of_tests"),
    *("--no-write-json", "--log-level-file", "none"),
)

_SAMPLE_ROWS = 5
_PLOTTED = {"silver.reconciliation"}
# The first of these that a table has says what its rows are about.
_TIME_COLUMNS = ("session_date", "period", "last_session", "last_period", "release_date", "ex_date")


class SilverTranslator(DagsterDbtTranslator):
    """How a dbt node looks as an asset."""

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_code_references=True))
        self._specs: dict[str, dg.AssetSpec] = {}

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        """The asset of a model or a source; its key is the one that ``contracts.tables`` gives the table."""
        if unique_id not in self._specs:  # it is asked for by every test of the model
            self._specs[unique_id] = self._made_spec(manifest, unique_id, project)
        return self._specs[unique_id]

    def _made_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        node = self.get_resource_props(manifest, unique_id)
        if node["resource_type"] != "model":
            return spec
        written = _table_of(node)
        return spec.replace_attributes(
            group_name=written.asset_key[1],
            owners=["team:data-engineering"],
            tags={"layer": written.layer},
            kinds={"dbt", "duckdb"},
            description=node["description"],
            code_version=node["code_version"],
            deps=[dep for dep in spec.deps if tuple(dep.asset_key.path) not in _disabled()],
        ).merge_attributes(metadata={"dagster/column_lineage": _lineage(node)})


class DbtResource(DbtCliResource):
    """dbt as a subprocess, without what ``DbtCliResource`` starts besides.

    It would run ``dbt --version`` and open a second connection to read columns and row counts,
    which take 3 s together and are known here: dbt is pinned, the lake is open.
    """

    @cached_property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:
        return None


def dbt_project() -> DbtProject:
    """The project's place, for code references."""
    return DbtProject(project_dir=PROJECT_FOLDER, profiles_dir=PROJECT_FOLDER)


def dbt_resource() -> DbtResource:
    """The dbt of this Python environment, activated or not."""
    return DbtResource(
        project_dir=str(PROJECT_FOLDER),
        profiles_dir=str(PROJECT_FOLDER),
        dbt_executable=dbt_executable(),
    )


def dbt_executable() -> str:
    """The dbt that lies beside this Python, on the path or not."""
    return str(Path(sys.executable).with_name("dbt"))


def dbt_assets_arguments() -> dict[str, Any]:
    """The arguments of ``@dbt_assets``."""
    return {
        "manifest": MANIFEST,
        "project": dbt_project(),
        "dagster_dbt_translator": SilverTranslator(),
        "name": "silver",
    }


def run_silver(context: dg.AssetExecutionContext, lake: Lake, dbt: DbtCliResource) -> Iterator[Any]:
    """Build the selected models and run their tests, in one dbt invocation under the commit lock.

    Yields a `MaterializeResult` for each model, with the content's hash as data version, and an
    `AssetCheckResult` for each test. A model that failed left its table as it was; a model or a test
    of severity *error* that failed fails the step after everything else was reported.
    """
    _create_what_nobody_fills(lake)
    folder = lake.config.root / "dbt"
    # Kept between runs for dbt's parsed state, which unique folders would lose.
    target = folder / "target"
    with lake.commit_lock():
        with _environment(dbt_environment(lake, run_id=context.run.run_id)):
            invocation = dbt.cli(BUILD, context=context, target_path=target)
        for event in invocation.stream():
            if isinstance(event, dg.Output):
                yield _materialisation(lake, str(event.metadata["unique_id"].value), context.run.run_id)
            elif isinstance(event, dg.AssetCheckResult) and not event.passed:
                yield _explained(lake, event, target)
            else:
                yield event
    keep_few_files(lake)


def dbt_environment(lake: Lake, *, run_id: str) -> dict[str, str]:
    """The environment in which dbt works on a lake.

    Only ``DBT_ENV_CUSTOM_ENV_*`` differ between runs: dbt hands them to macros without parsing anew.
    """
    return {
        **profile_environment(lake),
        "DBT_ENV_CUSTOM_ENV_ATLAS_RUN_ID": run_id,
        "DBT_ENV_CUSTOM_ENV_ATLAS_CODE_VERSIONS": json.dumps(
            {node["name"]: node["code_version"] for node in _models().values()}
        ),
    }


def profile_environment(lake: Lake) -> dict[str, str]:
    """What ``profiles.yml`` asks the environment for."""
    attached = lake.attach_options()
    return {
        "ATLAS_DBT_LAKE_PATH": attached["path"],
        "ATLAS_DBT_DATA_PATH": attached["options"]["data_path"],
        "ATLAS_DBT_EXTENSIONS": attached["extension_directory"],
        "ATLAS_DBT_MEMORY_LIMIT": lake.config.memory_limit,
        "ATLAS_DBT_SPILL": str(lake.config.spill_folder),
    }


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """The variables in ``os.environ``, which `DbtCliResource.cli` copies; it takes no other."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _disabled() -> set[tuple[str, ...]]:
    """The raw assets that the settings leave out."""
    return {one.asset_key for one in set(all_tables()) - set(enabled_tables())}


def _create_what_nobody_fills(lake: Lake) -> None:
    """An empty table for each disabled source that a model reads, so that silver is made from the others."""
    from atlas_assets.contracts.schema import arrow_schema

    read = {name for node in _models().values() for name in node["tables_read"]}
    there = _rows(lake, "SELECT table_schema || '.' || table_name FROM information_schema.tables")
    for missing in read - {name for (name,) in there}:
        unfilled = table(missing)
        if unfilled.layer == "raw":
            lake.create_table(missing, arrow_schema(unfilled.contract))


def _models() -> dict[str, dict[str, Any]]:
    nodes = validate_manifest(MANIFEST)["nodes"]
    return {unique_id: node for unique_id, node in nodes.items() if node["resource_type"] == "model"}


def _table_of(node: Mapping[str, Any]) -> Table:
    return table(f"{node['schema']}.{node['name']}")


def _lineage(node: Mapping[str, Any]) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(dg.AssetKey(table(name).asset_key), parent) for name, parent in parents]
            for column, parents in node["column_lineage"].items()
        }
    )


def _materialisation(lake: Lake, unique_id: str, run_id: str) -> dg.MaterializeResult[Any]:
    node = _models()[unique_id]
    written = _table_of(node)
    version = lake.version(written.name)
    # A table that never had a row has no change either.
    change = next(iter(lake.snapshots(written.name, limit=1)), None)
    times = [name for name in _TIME_COLUMNS if name in node["columns"]]
    ordered = (times or list(node["columns"]))[0]
    ((rows, first, last),) = _rows(lake, f"SELECT count(*), min({ordered}), max({ordered}) FROM lake.{written.name}")
    sample = lake.sql(f"SELECT * FROM lake.{written.name} ORDER BY {ordered} DESC LIMIT {_SAMPLE_ROWS}")
    return dg.MaterializeResult(
        asset_key=list(written.asset_key),
        data_version=dg.DataVersion(version),
        metadata={
            "dagster/row_count": rows,
            "dagster/table_name": written.name,
            "dagster/column_schema": column_schema(written),
            "dagster/uri": str(lake.config.tables_folder.joinpath(*written.name.split("."))),
            "dagster/column_lineage": _lineage(node),
            "time_range": f"{ordered}: {first} to {last}" if rows and times else "none",
            "preview": preview(sample.to_pandas()),
            "content_hash": version,
            "snapshot_id": change.id if change else lake.current_snapshot(),
            "read_at_snapshot": change.info.get("snapshot_read") if change else None,
            "inputs": lake.versions(node["tables_read"]),
            "changed": change is not None and change.info.get("run_id") == run_id,
            **_plot(lake, written),
        },
    )


def _plot(lake: Lake, written: Table) -> dict[str, Any]:
    """The table's plot, if it has one and rows."""
    if written.name not in _PLOTTED or (rows := lake.read(written.name)).empty:
        return {}
    from atlas_assets.orchestration.plots import quality

    settings = configured_settings()
    folder = settings.path(settings.lake.root).parent / "plots"
    file = folder / f"{written.name.replace('.', '_')}.png"
    figure = getattr(quality, written.name.partition(".")[2])(rows)
    return {"plot": figure_metadata(figure, file), "plot_file": dg.MetadataValue.path(file)}


def _explained(lake: Lake, check: dg.AssetCheckResult, target: Path) -> dg.AssetCheckResult:
    """A failed check with the rows that failed and the SQL that found them."""
    query = next(iter(sorted((target / "compiled").rglob(f"{check.check_name}.sql")))).read_text(encoding="utf-8")
    sample = lake.sql(f"SELECT * FROM ({query}) LIMIT {_SAMPLE_ROWS}").to_pandas()
    count = check.metadata.get("dagster_dbt/failed_row_count")
    return dg.AssetCheckResult(
        passed=False,
        asset_key=check.asset_key,
        check_name=check.check_name,
        severity=check.severity,
        description=f"{count.value if count else 'Some'} rows fail {check.check_name}.",
        metadata={
            **check.metadata,
            "failed_rows": preview(sample),
            "sql": dg.MetadataValue.md(f"```sql\n{query}\n```"),
        },
    )


def _rows(lake: Lake, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in lake.sql(query).to_pylist()]
