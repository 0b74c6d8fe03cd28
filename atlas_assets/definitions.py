"""The code location: everything declared under ``defs/``, one policy for all, and what runs by itself."""

from pathlib import Path

import dagster as dg

from atlas_assets.orchestration.policy import apply_house_policy


@dg.definitions
def defs() -> dg.Definitions:
    """The whole asset graph."""
    return apply_house_policy(dg.load_from_defs_folder(path_within_project=Path(__file__).parent))
