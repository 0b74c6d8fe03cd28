"""What an asset does with the lake: read at one snapshot, publish once, leave evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dagster as dg

from atlas_assets.contracts.tables import TABLES, Table
from atlas_assets.orchestration.metadata import table_metadata
from atlas_assets.orchestration.resources import LakeResource, configured_settings

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from matplotlib.figure import Figure

    from atlas_assets.lake import Lake, ObjectRecord, Window, WriteResult

DATA_VERSION_TAG = "dagster/data_version"


def table_of(key: dg.AssetKey) -> Table:
    """The table that an asset writes."""
    return next(table for table in TABLES if list(table.asset_key) == list(key.path))


class AssetRun:
    """One asset's view of the lake during one run.

    Every read sees the snapshot that was current when the run began, and is recorded, so that
    the published table names exactly what it was computed from.
    """

    def __init__(self, context: dg.AssetExecutionContext, lake: LakeResource) -> None:
        self.context = context
        self.lake: Lake = lake.open()
        self.snapshot = self.lake.current_snapshot()
        self.table = table_of(context.asset_key)
        self.inputs: dict[str, str] = {}

    def read(self, table: str, **selection: Any) -> pd.DataFrame:
        """A table as it was when the run began; ``selection`` as in ``Lake.read``."""
        self.inputs[table] = self.lake.version(table, as_of=self.snapshot)
        return self.lake.read(table, as_of=self.snapshot, **selection)

    def write(
        self, data: pd.DataFrame | pa.Table, *, window: Window | None = None, objects: Sequence[ObjectRecord] = ()
    ) -> WriteResult:
        """Replace the asset's table, or a window of it, in one commit.

        Parameters
        ----------
        data
            Rows with the columns of the table's contract, in any order.
        window
            The rows to replace; the whole table unless given.
        objects
            Stored replies the rows were read from, for the manifest.
        """
        from atlas_assets.contracts.schema import arrow_schema, primary_key
        from atlas_assets.lake import CommitInfo

        return self.lake.replace(
            self.table.name,
            data,
            schema=arrow_schema(self.table.contract),
            keys=primary_key(self.table.contract),
            window=window,
            objects=objects,
            commit=CommitInfo(
                run_id=self.context.run.run_id,
                asset=self.context.asset_key.to_user_string(),
                partition=self._partition,
                code_version=self._code_version,
                inputs=self.inputs,
            ),
        )

    def describe(
        self,
        data: pd.DataFrame | pa.Table,
        written: WriteResult,
        *,
        metadata: Mapping[str, Any] | None = None,
        plot: Figure | None = None,
    ) -> dg.MaterializeResult[Any]:
        """What was written, as evidence: rows, columns, content hash, snapshots, preview, plot.

        Parameters
        ----------
        data, written
            The rows and what ``write`` said of them.
        metadata
            Numbers of the domain; Dagster plots them over time.
        plot
            One figure, shown in the UI and saved beside the lake.
        """
        settings = configured_settings()
        described = table_metadata(
            self.table, data, lake=self.lake, plot=plot, plot_folder=settings.path(settings.lake.root).parent / "plots"
        )
        evidence = {
            "content_hash": written.version,
            "snapshot_id": written.snapshot_id,
            "read_at_snapshot": self.snapshot,
            "inputs": dg.MetadataValue.json(self.inputs),
            "changed": written.changed,
        }
        return dg.MaterializeResult(
            metadata={**described, **evidence, **(metadata or {})},
            data_version=dg.DataVersion(self._data_version(written)),
        )

    def publish(
        self,
        data: pd.DataFrame | pa.Table,
        *,
        window: Window | None = None,
        objects: Sequence[ObjectRecord] = (),
        metadata: Mapping[str, Any] | None = None,
        plot: Figure | None = None,
    ) -> dg.MaterializeResult[Any]:
        """Write, then describe: all that most assets need."""
        return self.describe(data, self.write(data, window=window, objects=objects), metadata=metadata, plot=plot)

    @cached_property
    def _partition(self) -> str | None:
        if not (self.context.has_partition_key or self.context.has_partition_key_range):
            return None
        keys = self.context.partition_keys
        return keys[0] if len(keys) == 1 else f"{keys[0]}...{keys[-1]}"

    @property
    def _code_version(self) -> str:
        return self.context.assets_def.code_versions_by_key.get(self.context.asset_key) or ""

    def _data_version(self, result: WriteResult) -> str:
        """The content's version; for a partition whose content is the same, the version it had.

        A range run reports one version for all its partitions; a later run of one of them with the
        same bytes must not look like new data.
        """
        if self._partition is None:
            return result.table_version
        if result.changed:
            return result.version
        records = self.context.instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=self.context.asset_key, asset_partitions=[self.context.partition_keys[-1]]),
            limit=1,
        ).records
        previous = records[0].asset_materialization if records else None
        return (previous.tags or {}).get(DATA_VERSION_TAG, result.version) if previous else result.version
