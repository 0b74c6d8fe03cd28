"""A home in which the demo ran: made once for all tests and workers, then only read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import dagster as dg
import pytest
from filelock import FileLock

from atlas_tests.conftest import REPOSITORY

ATLAS = Path(sys.executable).with_name("atlas")
LONGEST = 1200  # seconds of one command on a busy machine
LANDED_SYMBOL = "HARBOR"
LANDED_DAYS = 30
SAME_DAY = "2018-12-17"
# A feed answers the same whatever days are asked for.
SAME_DAY_OF = ["raw", "rss", "articles"]


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str
    seconds: float


@dataclass
class Observed:
    """What was seen while the home was made, each number after one of its steps."""

    answers: dict[str, Answer] = field(default_factory=dict)
    snapshots: dict[str, int] = field(default_factory=dict)
    runs: dict[str, int] = field(default_factory=dict)
    materialisations: dict[str, int] = field(default_factory=dict)
    requested: dict[str, int] = field(default_factory=dict)
    stale: dict[str, list[str]] = field(default_factory=dict)
    made: dict[str, list[str]] = field(default_factory=dict)
    data_versions: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Home:
    """A folder with lake, Dagster instance and landing folder."""

    folder: Path
    observed: Observed

    def atlas(self, *arguments: str, **environment: str) -> Answer:
        """Run the command line in this home."""
        return atlas(self.folder, *arguments, **environment)


def environment_of(folder: Path) -> dict[str, str]:
    """The variables that make a folder the home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ATLAS_", "DAGSTER_"))}
    return kept | {"ATLAS_HOME": str(folder), "DAGSTER_HOME": str(folder / "data" / "dagster")}


def atlas(folder: Path, *arguments: str, **environment: str) -> Answer:
    """Run the command line in a home."""
    started = time.perf_counter()
    done = subprocess.run(
        [str(ATLAS), *arguments],
        env=environment_of(folder) | environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
        timeout=LONGEST,
    )
    return Answer(done.returncode, done.stdout, done.stderr, time.perf_counter() - started)


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """This process in a home, its caches fresh."""
    from atlas_assets.orchestration import resources

    caches = (resources.configured_settings, resources.configured_lake, resources.shared_state)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("ATLAS_", "DAGSTER_"))]:
            patch.delenv(name)
        for name in ("ATLAS_HOME", "DAGSTER_HOME"):
            patch.setenv(name, environment_of(folder)[name])
        for cached in caches:
            cached.cache_clear()
        yield
        for cached in caches:
            cached.cache_clear()


@contextmanager
def instance_of(folder: Path) -> Iterator[dg.DagsterInstance]:
    """The Dagster instance of a home."""
    with dg.DagsterInstance.from_config(str(folder / "data" / "dagster")) as instance:
        yield instance


def made_home(temporary: pytest.TempPathFactory) -> Home:
    """The home, made by whoever asks first."""
    base = temporary.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, file = shared / "demo_home", shared / "demo_home.json"
    with FileLock(str(file) + ".lock"):
        if not file.exists():
            folder.mkdir()
            file.write_text(json.dumps(asdict(_made(folder))), encoding="utf-8")
    told = json.loads(file.read_text(encoding="utf-8"))
    told["answers"] = {step: Answer(**answer) for step, answer in told["answers"].items()}
    return Home(folder, Observed(**told))


def _made(folder: Path) -> Observed:
    """Demo; demo again; one raw day loaded again; a file dropped and demo a third time."""
    observed = Observed()
    observed.answers["first"] = atlas(folder, "demo")
    with inside(folder):
        from atlas_assets.definitions import defs

        definitions = defs()
        world = _World(folder, definitions, observed)
        world.look("first")
        observed.answers["second"] = atlas(folder, "demo")
        world.look("second")
        world.load_the_same_day_again()
        world.look("same bytes")
        world.drop_a_file()
        observed.answers["landed"] = atlas(folder, "demo")
        world.look("landed")
    return observed


class _World:
    def __init__(self, folder: Path, definitions: dg.Definitions, observed: Observed) -> None:
        self.folder, self.definitions, self.observed = folder, definitions, observed
        self.graph = definitions.resolve_asset_graph()
        self.cursor = None
        self.seen: set[str] = set()

    def look(self, step: str) -> None:
        """Note where everything stands."""
        from atlas_assets.orchestration.planning import stale_assets
        from atlas_assets.orchestration.resources import configured_lake

        observed, lake = self.observed, configured_lake()
        with instance_of(self.folder) as instance:
            evaluated = dg.evaluate_automation_conditions(self.definitions, instance, cursor=self.cursor)
            self.cursor = evaluated.cursor
            runs = {run.run_id: run for run in instance.get_runs()}
            observed.requested[step] = evaluated.total_requested
            observed.stale[step] = [key.to_user_string() for key in stale_assets(self.graph, instance, lake)]
            observed.runs[step] = len(runs)
            made = [
                key.to_user_string()
                for key in self.graph.get_all_asset_keys()
                if (event := instance.get_latest_materialization_event(key)) and event.run_id not in self.seen
            ]
            observed.made[step] = sorted(made)
            self.seen |= runs.keys()
        observed.snapshots[step] = lake.current_snapshot()

    def load_the_same_day_again(self) -> None:
        key = dg.AssetKey(SAME_DAY_OF)
        with instance_of(self.folder) as instance:
            for step in ("same day before", "same day after"):
                if step == "same day after":
                    self.definitions.resolve_implicit_global_asset_job_def().execute_in_process(
                        instance=instance, asset_selection=[key], partition_key=SAME_DAY
                    )
                record = instance.fetch_materializations(
                    dg.AssetRecordsFilter(asset_key=key, asset_partitions=[SAME_DAY]), limit=1
                ).records[0]
                self.observed.data_versions[step] = record.asset_materialization.tags["dagster/data_version"]

    def drop_a_file(self) -> None:
        days = [f"2018-11-{day:02d}" for day in range(1, LANDED_DAYS + 1)]
        lines = [
            f"{LANDED_SYMBOL},{day},{10 + n},{12 + n},{9 + n},{11 + n},{1000 * n + 1}" for n, day in enumerate(days)
        ]
        text = "\n".join(["symbol,date,open,high,low,close,volume", *lines])
        (self.folder / "landing").mkdir(exist_ok=True)
        (self.folder / "landing" / "harbor.csv").write_text(text + "\n", encoding="utf-8")
        time.sleep(1.1)
