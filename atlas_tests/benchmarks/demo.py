"""How long the demo takes from nothing, and when there is nothing to do."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from atlas_tests.benchmarks.measure import Figure, Timing, run_watched


def figures() -> Iterator[Figure]:
    """The first and the second run in a new home."""
    command = [str(Path(sys.executable).with_name("atlas")), "demo"]
    with tempfile.TemporaryDirectory() as folder:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ATLAS_", "DAGSTER_"))}
        environment = kept | {"ATLAS_HOME": folder, "DAGSTER_HOME": f"{folder}/data/dagster"}
        for what in ("atlas demo in a new home", "atlas demo again: nothing new"):
            seconds, memory = run_watched(command, environment)
            yield Figure(what, Timing((seconds,)), rate=f"at most {memory:,.0f} MiB")
