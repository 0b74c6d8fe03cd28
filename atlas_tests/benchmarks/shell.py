"""How fast commands, definitions and steps start."""

from __future__ import annotations

from collections.abc import Iterator

from atlas_tests.benchmarks import steps
from atlas_tests.benchmarks.measure import Figure, Timing, fresh

EMPTY_CACHE = "import os, tempfile; folder = tempfile.TemporaryDirectory(); os.environ['NUMBA_CACHE_DIR'] = folder.name"


def figures() -> Iterator[Figure]:
    """Imports, definitions, steps."""
    yield Figure(
        "import atlas_assets",
        fresh("import atlas_assets", repetitions=7),
        fresh("import pandas", repetitions=5),
        "import pandas",
        promise=0.3,
    )
    dbt = fresh("import dagster_dbt", repetitions=3)
    yield Figure(
        "definitions, cold",
        fresh("from atlas_assets.definitions import defs; defs()", repetitions=3),
        dbt,
        "import dagster_dbt alone",
        promise=5,
    )
    kernels = "import atlas_assets.models.dma_kernels"
    yield Figure(
        "kernels of dynamic model averaging, from the disk",
        fresh(kernels, repetitions=3),
        fresh(f"{EMPTY_CACHE}; {kernels}", repetitions=1),
        "compiled, as on the first import",
        promise=3,
    )
    house, house_ready = steps.started_steps("house")
    spawn, spawn_ready = steps.started_steps("spawn")
    later = slice(2, None)
    yield Figure(
        "first two steps of a run start (with the fork server)",
        Timing(house.seconds[:2]),
        Timing(spawn.seconds[:2]),
        "spawn",
    )
    yield Figure(
        "every later step starts", Timing(house.seconds[later]), Timing(spawn.seconds[later]), "spawn", promise=0.5
    )
    yield Figure(
        "… and has pandas, DuckDB, contracts and lake",
        Timing(house_ready.seconds[later]),
        Timing(spawn_ready.seconds[later]),
        "spawn",
    )
