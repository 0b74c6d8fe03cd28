"""The code location: everything declared under ``defs/``, one policy for all, and what runs by itself."""

import warnings
from pathlib import Path

import dagster as dg

from atlas_assets.orchestration.policy import apply_house_policy


@dg.definitions
def defs() -> dg.Definitions:
    """The whole asset graph.

    Not by ``dg.load_from_defs_folder``: it also describes the components of every installed library, which takes 2 s
    of each process, and none is used here.
    """
    folder = Path(__file__).with_name("defs")
    with warnings.catch_warnings():
        for kind in (dg.BetaWarning, dg.PreviewWarning):
            warnings.simplefilter("ignore", kind)
        return apply_house_policy(dg.ComponentTree.for_project(folder).build_defs(folder))
