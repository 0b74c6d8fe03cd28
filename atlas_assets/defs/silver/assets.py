"""Silver: cleaned tables, one row per fact, made by the dbt project."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from atlas_assets.orchestration.dbt.library import DbtCliResource, dbt_assets
from atlas_assets.orchestration.dbt.silver import dbt_assets_arguments, run_silver
from atlas_assets.orchestration.resources import LakeResource


@dbt_assets(**dbt_assets_arguments())
def silver(context: dg.AssetExecutionContext, lake: LakeResource, dbt: DbtCliResource) -> Iterator[Any]:
    """Build and test the selected silver tables in one dbt invocation."""
    yield from run_silver(context, lake.open(), dbt)
