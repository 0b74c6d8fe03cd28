"""How long silver takes for fifty million minute bars, and in how much memory; minutes, so only when named."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from atlas_tests.benchmarks.measure import REPOSITORY, Figure, Timing

ROWS, MEMORY_LIMIT = 50_000_000, "2GiB"


def figures() -> Iterator[Figure]:
    """One build; it spills what does not fit into the memory it may use."""
    with tempfile.TemporaryDirectory() as folder:
        for command in ("load", "build"):
            arguments = [command, str(ROWS), MEMORY_LIMIT, folder]
            program = [sys.executable, "-W", "ignore", "-m", "atlas_tests.dbt.bars_at_scale", *arguments]
            outcome = subprocess.run(program, cwd=REPOSITORY, capture_output=True, text=True, check=False)
            if outcome.returncode:
                raise RuntimeError(f"{command} failed: {outcome.stderr[-500:]}")
        took = json.loads(outcome.stdout.splitlines()[-1])
        memory = f"{took['cpu']} s of CPU, at most {took['peak_bytes'] / 2**20:,.0f} MiB"
        yield Figure(f"silver of {took['bars']:,} minute bars from raw", Timing((took["seconds"],)), rate=memory)
