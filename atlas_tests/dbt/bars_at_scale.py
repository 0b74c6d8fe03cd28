"""Build ``silver.intraday_bars`` from many landed minutes, and say how long it took and how much memory.

``python -m atlas_tests.dbt.bars_at_scale load 50_000_000 2GiB /tmp/bars``, then the same with ``build``: each in a
process of its own, since loading needs memory too.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlas_assets.contracts.schema import arrow_schema
from atlas_assets.lake import Lake, LakeConfig
from atlas_assets.orchestration.dbt.silver import PROJECT_FOLDER, dbt_environment
from atlas_assets.orchestration.tables import table

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

SYMBOLS = 500
RAW = "raw.landing_intraday_bars"
MODELS = ("sessions", "ticker_history", "instruments", "intraday_bars")


def load(lake: Lake, rows: int) -> None:
    """Minutes of many symbols, each month a file of its own, one row in a thousand sent twice."""
    lake.create_table(RAW, arrow_schema(table(RAW).contract))
    with lake.commit_lock(), lake.connect() as connection:
        connection.execute(
            f"""
            INSERT INTO lake.{RAW} BY NAME
            SELECT
                'SYM' || (i % {SYMBOLS}) AS symbol,
                make_timestamptz(1262304000000000 + (i // {SYMBOLS}) * 60000000) AS time,
                60 AS interval_seconds,
                'open' AS named_by,
                100.0 + i % 97 AS open, 101.0 + i % 97 AS high, 99.0 + i % 97 AS low, 100.5 + i % 97 AS close,
                i % 1000 AS volume,
                'minutes.csv' AS file_name,
                (i + 1) * 2 + copy AS row_number,
                repeat(left(md5(cast(i // 1000000 AS VARCHAR)), 16), 4) AS object_id,
                date '2024-01-01' AS partition_date,
                timestamptz '2024-01-02 00:00:00+00' AS ingested_at
            FROM range({rows}) AS numbers (i), range(if(i % 1000 = 0, 2, 1)) AS copies (copy)
            """
        )


def build(lake: Lake, folder: Path, *more: str, models: Sequence[str] = MODELS) -> dict[str, float]:
    """Run the models as the graph does.

    Returns
    -------
    Seconds of dbt's start, its reading of the project included, and of the run after it (CPU beside the wall's).
    """
    os.environ.update(dbt_environment(lake, run_id="at-scale"))
    os.chdir(PROJECT_FOLDER)
    options = ["--quiet", "--log-level-file", "none", "--target-path", str(folder)]
    begun = time.perf_counter()
    project = _dbt("parse", *options)
    started, used = time.perf_counter(), time.process_time()
    _dbt("run", *more, "--no-write-json", "--select", *models, *options, project=project)
    return {
        "start": round(started - begun, 1),
        "seconds": round(time.perf_counter() - started, 1),
        "cpu": round(time.process_time() - used, 1),
    }


def _dbt(*arguments: str, project: Manifest | None = None) -> Any:
    from dbt.cli.main import dbtRunner

    outcome = dbtRunner(manifest=project).invoke([*arguments])
    if not outcome.success:
        raise RuntimeError(f"dbt failed: {outcome.exception or outcome.result}")
    return outcome.result


def peak_bytes() -> int:
    """The most memory that this process ever held; unlike ``ru_maxrss`` it does not begin with the parent's."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    if found is None:
        raise OSError("/proc/self/status does not say VmHWM; run this on Linux")
    return int(found[1]) * 1024


def main(command: str, rows: str, memory_limit: str, folder: str) -> None:
    """Load, or build and print the figures as JSON."""
    lake = Lake(LakeConfig(root=Path(folder) / "lake", memory_limit=memory_limit))
    if command == "load":
        load(lake, int(rows))
        return
    took, peak = build(lake, Path(folder) / "target"), peak_bytes()
    (made,) = lake.sql("SELECT count(*) AS bars FROM lake.silver.intraday_bars").to_pylist()
    print(json.dumps({**made, **took, "peak_bytes": peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])
