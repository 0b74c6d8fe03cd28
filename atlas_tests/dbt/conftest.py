"""A small lake in a temporary folder, rows to load into it, and dbt run on it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest

from atlas_assets.contracts.schema import arrow_schema, primary_key
from atlas_assets.lake import CommitInfo, Lake, LakeConfig, Window
from atlas_assets.orchestration.tables import all_tables, table

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "sqlglotrs is deprecated", DeprecationWarning)  # dagster-dbt's parser
    from atlas_assets.orchestration.dbt.silver import PROJECT_FOLDER, dbt_environment

SILVER = tuple(silver for silver in all_tables() if silver.layer == "silver")


def at(day: str) -> datetime:
    """Noon of a day (UTC)."""
    return datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC)


@dataclass(frozen=True)
class Workbench:
    """A lake with dbt at hand."""

    lake: Lake
    target: Path

    def load(
        self, name: str, partition: str, rows: Sequence[Mapping[str, Any]], *, received: str, object_id: str = "a"
    ) -> None:
        """Load a raw partition as an ingestion would: what it held before is replaced."""
        schema = arrow_schema(table(name).contract)
        day = date.fromisoformat(partition)
        common = {"partition_date": day, "object_id": object_id * 64, "ingested_at": at(received)}
        blank = dict.fromkeys(schema.names)
        self.lake.replace(
            name,
            pa.Table.from_pylist([{**blank, **common, **row} for row in rows], schema=schema),
            schema=schema,
            keys=primary_key(table(name).contract),
            window=Window("partition_date", day, day),
            commit=CommitInfo(run_id="loader", asset=name),
        )

    def dbt(self, *arguments: str, succeeds: bool = True) -> dict[str, str]:
        """Run dbt in this process; gives the status of each model and test by name, of a failed one the message."""
        from dbt_common.events.functions import reset_metadata_vars

        reset_metadata_vars()  # read once in a process, by whichever test comes first
        with self.lake.commit_lock(), in_the_project():
            outcome = invoke(*arguments, "--no-write-json", "--target-path", str(self.target), manifest=project())
        statuses = {
            result.node.name: str(result.message if result.status == "error" else result.status)
            for result in outcome.result or []
            if not result.node.unique_id.startswith("operation.")
        }
        bad = {
            name: status for name, status in statuses.items() if status not in ("success", "pass", "warn", "skipped")
        }
        assert outcome.success is succeeds, (outcome.exception, bad)
        return statuses

    def versions(self) -> dict[str, str]:
        """Identity of each silver table's content."""
        return {silver.name: self.lake.version(silver.name, recompute=True) for silver in SILVER}


@contextmanager
def in_the_project() -> Iterator[None]:
    """The project's folder, and none of the warnings of dbt and its dependencies."""
    before = Path.cwd()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.chdir(PROJECT_FOLDER)
        try:
            yield
        finally:
            os.chdir(before)


def invoke(*arguments: str, manifest: Any = None) -> Any:
    """Run dbt, without a log file: dbt would leave it open."""
    from dbt.cli.main import dbtRunner
    from dbt_common.behavior_flags import BehaviorFlagRendered

    # It looks through the whole stack for the name of a module, half a second in a test's.
    BehaviorFlagRendered._default_source = staticmethod(lambda: "dbt")
    return dbtRunner(manifest=manifest).invoke([*arguments, "--quiet", "--log-level-file", "none"])


@cache
def parsed() -> Any:
    """The project as dbt parsed it, once for all lakes: nothing of it depends on the lake."""
    with TemporaryDirectory() as target:
        return invoke("parse", "--no-partial-parse", "--target-path", target).result


def project() -> Any:
    """The parsed project without what an earlier run compiled."""
    from dbt.contracts.graph.nodes import CompiledNode

    manifest = parsed()
    for node in manifest.nodes.values():
        if isinstance(node, CompiledNode):
            node.compiled, node.compiled_code, node.extra_ctes_injected, node.extra_ctes = False, None, False, []
    return manifest


@contextmanager
def environment_of(lake: Lake) -> Iterator[None]:
    """The environment in which dbt works on a lake."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in dbt_environment(lake, run_id="test-run").items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """One lake for the whole folder."""
    folder = tmp_path_factory.mktemp("silver")
    lake = Lake(LakeConfig(root=folder / "lake"))
    with environment_of(lake):
        yield Workbench(lake, folder / "target")


@pytest.fixture(scope="session")
def bench_of() -> Callable[[Path], Workbench]:
    """Makes a lake of a test's own."""
    return lambda folder: Workbench(Lake(LakeConfig(root=folder / "lake")), folder / "target")
