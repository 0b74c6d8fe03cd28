"""What the models read."""

from typing import TYPE_CHECKING

import dagster as dg

from atlas_assets.model_settings import DmaSettings, TvpVarSettings
from atlas_assets.orchestration.reading import LakeView

if TYPE_CHECKING:
    import pandas as pd

INPUTS = [
    dg.AssetKey(["silver", "market", "daily_bars"]),
    dg.AssetKey(["silver", "market", "corporate_actions"]),
    dg.AssetKey(["silver", "macro", "macro_observations"]),
]


def changes(run: LakeView, parameters: TvpVarSettings | DmaSettings) -> "pd.DataFrame":
    """Log returns beside log changes of macro series, as they were known at each close."""
    from atlas_assets.models.market_changes import market_changes

    return market_changes(
        run.adjusted_bars(symbols=parameters.symbols),
        run.read(
            "silver.macro_observations",
            symbols=parameters.series,
            where=("source = ?", [parameters.series_source]),
        ),
        symbols=parameters.symbols,
        series=parameters.series,
    )
