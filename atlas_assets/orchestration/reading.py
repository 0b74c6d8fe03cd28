"""The lake at one snapshot, and what was read from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from atlas_assets.orchestration.resources import configured_settings

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from atlas_assets.lake import Lake


class LakeView:
    """Every read sees one snapshot and is recorded.

    Parameters
    ----------
    lake
        Which is read.
    snapshot
        The current one unless given.
    """

    def __init__(self, lake: Lake, *, snapshot: int | None = None) -> None:
        self.lake = lake
        self.snapshot = lake.current_snapshot() if snapshot is None else snapshot
        self.inputs: dict[str, str] = {}

    def sql(self, query: str, parameters: Sequence[object] | None = None, *, reads: Sequence[str]) -> pa.Table:
        """The result of a SELECT from some tables, as they were at the snapshot; see ``Lake.sql``."""
        for table in reads:
            self._recorded(table)
        return self.lake.sql(query, parameters, as_of=self.snapshot)

    def read(self, table: str, **selection: Any) -> pd.DataFrame:
        """A table as it was at the snapshot; ``selection`` as in ``Lake.read``."""
        self._recorded(table)
        return self.lake.read(table, as_of=self.snapshot, **selection)

    def adjusted_bars(self, *, symbols: Sequence[str] | None = None) -> pd.DataFrame:
        """``silver.daily_bars`` with prices adjusted for what was known on the present day."""
        from atlas_assets.contracts.adjustment import adjusted_prices

        bars = self.read("silver.daily_bars", symbols=symbols)
        actions = self.read("silver.corporate_actions")
        return adjusted_prices(bars, actions=actions, as_of=configured_settings().now().date())

    def _recorded(self, table: str) -> None:
        if table not in self.inputs:
            self.inputs[table] = self.lake.version(table, as_of=self.snapshot)
