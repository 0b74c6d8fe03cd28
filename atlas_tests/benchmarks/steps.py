"""Four small assets in processes of their own, to see how long a step takes to start."""

import json
import subprocess
import sys
import time

import dagster as dg

from atlas_tests.benchmarks.measure import REPOSITORY, Timing

STEPS = 4


def _asset(number: int) -> dg.AssetsDefinition:
    @dg.asset(name=f"step_{number}")
    def step():
        """What every step of the house needs first."""
        import duckdb
        import pandas as pd

        import atlas_assets.contracts.gold
        import atlas_assets.lake.lake

        return dg.MaterializeResult(
            metadata={"ready": time.time(), "modules": len([duckdb, pd, atlas_assets])},
        )

    return step


def _job(start_method: dict) -> dg.JobDefinition:
    from atlas_assets.orchestration.policy import EXECUTION

    executor = dg.multiprocess_executor.configured({**EXECUTION, "start_method": start_method})
    assets = [_asset(number) for number in range(STEPS)]
    job = dg.define_asset_job("four_steps", selection=assets)
    return dg.Definitions(assets=assets, jobs=[job], executor=executor).resolve_job_def("four_steps")


def house_job() -> dg.JobDefinition:
    """Four steps as the house starts them."""
    from atlas_assets.orchestration.policy import EXECUTION

    return _job(EXECUTION["start_method"])


def spawn_job() -> dg.JobDefinition:
    """Four steps as Dagster starts them when nothing is configured."""
    return _job({"spawn": {}})


def started_steps(which: str) -> tuple[Timing, Timing]:
    """Seconds from asking for a process to the step's start, and until its modules are imported too."""
    done = subprocess.run(
        [sys.executable, "-m", "atlas_tests.benchmarks.steps", which],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
        cwd=REPOSITORY,
    )
    started, ready = json.loads(done.stdout.splitlines()[-1])
    return Timing(tuple(started)), Timing(tuple(ready))


def _run(job) -> tuple[list[float], list[float]]:
    with (
        dg.DagsterInstance.local_temp() as instance,
        dg.execute_job(dg.reconstructable(job), instance=instance, raise_on_error=True) as result,
    ):
        asked, started, ready = {}, {}, {}
        for entry in instance.all_logs(result.run_id):
            event = entry.dagster_event
            if event is None or event.step_key is None:
                continue
            if event.event_type_value == "STEP_WORKER_STARTING":
                asked[event.step_key] = entry.timestamp
            elif event.is_step_start:
                started[event.step_key] = entry.timestamp
            elif event.is_step_materialization:
                ready[event.step_key] = event.materialization.metadata["ready"].value
    # The first steps also wait for the fork server; a run pays that once.
    steps = sorted(asked, key=lambda step: asked[step])
    return [started[step] - asked[step] for step in steps], [ready[step] - asked[step] for step in steps]


if __name__ == "__main__":
    # By its importable name, for the steps' processes.
    from atlas_tests.benchmarks import steps

    print(json.dumps(_run({"house": steps.house_job, "spawn": steps.spawn_job}[sys.argv[1]])))
