"""Takes what lies in a home's landing folder, in a process of its own with little memory; tells what it did as JSON."""

import json
import resource
import sys
import time
from pathlib import Path

MEMORY_BYTES = 1536 * 2**20


def main() -> None:
    """Run the asset once."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    import dagster as dg

    from atlas_assets.data_sources.files.known import DAILY_BARS
    from atlas_assets.defs.landing.assets import landing_asset
    from atlas_assets.orchestration.resources import LakeResource

    assets = [landing_asset(DAILY_BARS.table)]
    started = time.process_time()
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(assets, resources={"lake": LakeResource()}, instance=instance)
        (check,) = result.get_asset_check_evaluations()
        (made,) = result.get_asset_materialization_events()
    metadata = made.materialization.metadata
    told = {name: metadata[name].value for name in metadata if name.startswith(("files_", "rows_"))}
    told |= {"changed": metadata["changed"].value, "data_version": made.materialization.tags["dagster/data_version"]}
    told |= {"check_passed": check.passed, "cpu_seconds": time.process_time() - started}
    told["peak_mib"] = peak_memory_kib() // 1024
    sys.stdout.write(json.dumps(told))


def peak_memory_kib() -> int:
    """Most memory this process held; ``ru_maxrss`` would count its parent's from before the exec."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main()
