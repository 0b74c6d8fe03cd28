"""Modules that steps need, imported once by the fork server so that each step starts at once."""

import duckdb
import pandas
import pandera.pandas
import pyarrow

import atlas_assets.contracts.gold
import atlas_assets.contracts.raw
import atlas_assets.contracts.silver
import atlas_assets.lake.lake
import atlas_assets.orchestration.plots

__all__ = ["atlas_assets", "duckdb", "pandas", "pandera", "pyarrow"]
