"""Modules that steps need, imported once by the fork server so that each step starts at once."""

from importlib import import_module

import dagster as dg

MODULES = (
    "dagster._core.executor.multiprocess",
    "duckdb",
    "pandas",
    "pandera.pandas",
    "pyarrow.compute",
    "pyarrow.parquet",
    "matplotlib.figure",
    "atlas_assets.contracts.gold",
    "atlas_assets.contracts.judgement",
    "atlas_assets.contracts.silver",
    "atlas_assets.data_sources.fixed_layout_kernel",  # the first kernel brings in numba, 1.2 s a step
    "atlas_assets.lake.lake",
    "atlas_assets.orchestration.plots.canvas",
)

for _module in MODULES:
    import_module(_module)

# A first instance and a first load of the definitions bring in some 400 modules more, 1.5 s a step.
with dg.DagsterInstance.local_temp():
    import_module("atlas_assets.definitions").defs()
