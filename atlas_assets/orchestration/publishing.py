"""What an asset does with the lake: read at one snapshot, publish once, leave evidence."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dagster as dg

from atlas_assets.orchestration.metadata import known_numbers, table_metadata
from atlas_assets.orchestration.reading import LakeView
from atlas_assets.orchestration.resources import LakeResource, configured_settings
from atlas_assets.orchestration.tables import table_of
from atlas_assets.orchestration.upkeep import keep_few_files

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from matplotlib.figure import Figure

    from atlas_assets.lake import Record, Window, WriteResult

DATA_VERSION_TAG = "dagster/data_version"
MOST_ROWS_READ_BACK = 1_000_000


class AssetRun(LakeView):
    """One asset's view of the lake during one run.

    Every read sees the snapshot that was current when the run began, and is recorded, so that
    the published table names exactly what it was computed from.
    """

    def __init__(self, context: dg.AssetExecutionContext, lake: LakeResource) -> None:
        super().__init__(lake.open())
        self.context = context
        self.table = table_of(tuple(context.asset_key.path))
        self._written: list[WriteResult] = []

    def changed(self, table: str, *, by: Sequence[str], first: str | None = None) -> pd.DataFrame | None:
        """Where an input differs from what the asset's table was last made of; None where all of it is to be made anew.

        Parameters
        ----------
        table, by, first
            As in ``Lake.changed``.
        """
        from atlas_assets.lake import LakeError

        try:
            last = self.lake.snapshots(self.table.name, 1)[0].info
        except (LakeError, IndexError):
            return None
        made_so = last.get("asset") == self.asset and last.get("code_version") == self.code_version
        if not made_so or last.get("snapshot_read") is None:
            return None
        found = self.lake.changed(table, by=by, first=first, since=last["snapshot_read"], as_of=self.snapshot)
        return None if found is None else found.to_pandas()

    def write(
        self,
        data: pd.DataFrame | pa.Table,
        *,
        window: Window | Sequence[Window] | None = None,
        records: Sequence[Record] = (),
    ) -> WriteResult:
        """Replace the asset's table, or a window of it, in one commit.

        Parameters
        ----------
        data
            Rows with the columns of the table's contract, in any order.
        window
            The rows to replace; the whole table unless given.
        records
            Lines of the ledgers that speak of these rows.
        """
        from atlas_assets.contracts.schema import arrow_schema, primary_key
        from atlas_assets.lake import CommitInfo

        result = self.lake.replace(
            self.table.name,
            data,
            schema=arrow_schema(self.table.contract),
            keys=primary_key(self.table.contract),
            window=window,
            records=records,
            commit=CommitInfo(
                run_id=self.context.run.run_id,
                asset=self.asset,
                partition=self._partition,
                code_version=self.code_version,
                inputs=self.inputs,
                snapshot_read=self.snapshot,
            ),
        )
        self._written.append(result)
        keep_few_files(self.lake)
        return result

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
            Numbers of the domain; Dagster plots them over time. One that is not known (NaN) is left out.
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
            "rows_added": written.added,
            "rows_removed": written.removed,
        }
        return dg.MaterializeResult(
            metadata={**described, **evidence, **known_numbers(metadata or {})},
            data_version=dg.DataVersion(self._data_version(written)),
        )

    def describe_partitions(self, *, metadata: Mapping[str, Any]) -> dg.MaterializeResult[Any]:
        """What the run's partitions hold now, after any number of writes to them."""
        keys = self.context.partition_keys
        within = ("partition_date BETWEEN ? AND ?", [keys[0], keys[-1]])
        written = _together(self._written or [self.write(self.no_rows(), window=())])
        counted = self.lake.sql(f"SELECT count(*) AS rows FROM lake.{self.table.name} WHERE {within[0]}", within[1])
        rows = int(counted["rows"][0].as_py())
        shown = self.lake.read_arrow(
            self.table.name, where=within if rows <= MOST_ROWS_READ_BACK else ("partition_date = ?", [keys[-1]])
        )
        return self.describe(shown, written, metadata={**metadata, "dagster/row_count": rows})

    def publish(
        self,
        data: pd.DataFrame | pa.Table,
        *,
        window: Window | Sequence[Window] | None = None,
        records: Sequence[Record] = (),
        metadata: Mapping[str, Any] | None = None,
        plot: Figure | None = None,
    ) -> dg.MaterializeResult[Any]:
        """Write, then describe: all that most assets need."""
        return self.describe(data, self.write(data, window=window, records=records), metadata=metadata, plot=plot)

    def publish_nothing(self, reason: str) -> dg.MaterializeResult[Any]:
        """No rows yet, and why: an empty table is a warning of its check, a failure would come again daily."""
        return self.publish(self.no_rows(), metadata={"left_out": reason})

    def no_rows(self) -> pa.Table:
        """The asset's table without rows."""
        from atlas_assets.contracts.schema import arrow_schema

        return arrow_schema(self.table.contract).empty_table()

    @cached_property
    def _partition(self) -> str | None:
        if not (self.context.has_partition_key or self.context.has_partition_key_range):
            return None
        keys = self.context.partition_keys
        return keys[0] if len(keys) == 1 else f"{keys[0]}...{keys[-1]}"

    @property
    def asset(self) -> str:
        """The asset's key, its parts joined by slashes."""
        return self.context.asset_key.to_user_string()

    @property
    def code_version(self) -> str:
        """Of the algorithm and, where it has parameters, of these; empty where none is declared."""
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


def _together(written: Sequence[WriteResult]) -> WriteResult:
    """Several writes of one run as one."""
    if len(written) == 1:
        return written[0]
    version = hashlib.sha256(" ".join(one.version for one in written).encode()).hexdigest()
    return replace(
        written[-1],
        rows=sum(one.rows for one in written),
        version=version,
        changed=any(one.changed for one in written),
        added=sum(one.added for one in written),
        removed=sum(one.removed for one in written),
    )
