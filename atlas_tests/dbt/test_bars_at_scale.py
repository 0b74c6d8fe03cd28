"""Intraday bars of more rows than memory: silver spills and stays within its bound."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from atlas_tests.conftest import REPOSITORY

pytestmark = [pytest.mark.xdist_group("dbt_bars_at_scale"), pytest.mark.slow]

ROWS, MEMORY_LIMIT = 5_000_000, "256MiB"
# A tenth of what 50 million bars may take.
MOST_BYTES = 4 * 2**30 // 10


def measured(folder: Path, rows: int) -> dict[str, float]:
    """Load and build in processes of their own, so that the peak is the build's."""
    arguments = [str(rows), MEMORY_LIMIT, str(folder)]
    for command in ("load", "build"):
        run = [sys.executable, "-W", "ignore", "-m", "atlas_tests.dbt.bars_at_scale", command, *arguments]
        outcome = subprocess.run(run, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        assert outcome.returncode == 0, outcome.stderr[-2000:]
    return json.loads(outcome.stdout.splitlines()[-1])


def test_five_million_bars_take_a_tenth_of_four_gibibytes_beside_dbt_itself(tmp_path: Path) -> None:
    few, many = measured(tmp_path / "few", 1000), measured(tmp_path / "many", ROWS)
    took = many["peak_bytes"] - few["peak_bytes"]
    print(
        f"{many['bars']:,} bars in {many['seconds']} s ({many['bars'] / many['seconds']:,.0f} a second, dbt's start "
        f"left out); peak {many['peak_bytes'] / 2**20:.0f} MiB, {took / 2**20:.0f} MiB more than for {few['bars']:,}"
    )
    assert many["bars"] == ROWS  # those sent twice count once
    assert took < MOST_BYTES
