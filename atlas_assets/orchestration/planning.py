"""What there is to do: partitions that lack something, tables whose inputs, code or parameters changed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from atlas_assets.data_sources.registry import enabled_sources
from atlas_assets.orchestration.coverage import due_partitions
from atlas_assets.orchestration.partitions import partitions_of
from atlas_assets.orchestration.resources import configured_settings
from atlas_assets.orchestration.tables import all_tables

if TYPE_CHECKING:
    from atlas_assets.data_sources.registry import Source
    from atlas_assets.data_sources.settings import SourceSettings
    from atlas_assets.lake import Lake

RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
CODE_VERSION_TAG = "dagster/code_version"


@dataclass(frozen=True)
class Load:
    """Adjacent partitions of a raw asset that lack something."""

    key: dg.AssetKey
    first: str
    last: str
    partitions: int

    @property
    def tags(self) -> dict[str, str]:
        """Run tags that ask for these partitions in one run."""
        return {RANGE_START_TAG: self.first, RANGE_END_TAG: self.last}


def missing_loads(
    key: dg.AssetKey,
    partitions: dg.PartitionsDefinition | None,
    instance: dg.DagsterInstance,
    lake: Lake | None = None,
) -> list[Load]:
    """The loads that bring a partitioned asset up to date; none for an asset without partitions.

    Parameters
    ----------
    lake
        Whose ledger says which loaded partitions lack something: a gap, a day that is over or final by now, a new
        instrument. Without it only partitions that were never loaded count.
    """
    source, section = _sources().get(tuple(key.path), (None, None))
    if partitions is None or (source is not None and source.files_only):
        return []
    keys = partitions.get_partition_keys()
    wanted = set(keys) - set(instance.get_materialized_partitions(key))
    if lake is not None and source is not None and section is not None and len(wanted) < len(keys):
        days = partitions_of(keys, all_keys=keys, history_from=section.history_from)
        wanted |= due_partitions(source, section, days, lake, configured_settings().now())
    runs = [list(days) for is_wanted, days in itertools.groupby(keys, key=wanted.__contains__) if is_wanted]
    return [Load(key, days[0], days[-1], len(days)) for days in runs]


def all_missing_loads(graph: dg.AssetGraph, instance: dg.DagsterInstance, lake: Lake | None = None) -> list[Load]:
    """The loads that bring every asset up to date."""
    nodes = [graph.get(key) for key in graph.toposorted_asset_keys]
    return [load for node in nodes for load in missing_loads(node.key, node.partitions_def, instance, lake)]


def _sources() -> Mapping[tuple[str, ...], tuple[Source, SourceSettings]]:
    """The enabled sources and their settings, by the keys of their assets."""
    enabled = enabled_sources(configured_settings().data_sources)
    return {source.table.asset_key: (source, section) for source, section in enabled}


def stale_assets(graph: dg.AssetGraph, instance: dg.DagsterInstance, lake: Lake) -> dict[dg.AssetKey, str]:
    """Unpartitioned assets that are not what their inputs and code would make now, each with the reason."""
    stale: dict[dg.AssetKey, str] = {}
    names = {dg.AssetKey(list(table.asset_key)): table.name for table in all_tables()}
    nodes = [graph.get(key) for key in graph.toposorted_asset_keys if key.path[0] != "raw"]
    versions = lake.versions({names[parent] for node in nodes for parent in node.parent_keys})
    for node in nodes:
        key = node.key
        event = instance.get_latest_materialization_event(key)
        if event is None or event.asset_materialization is None:
            stale[key] = "never made"
            continue
        made = event.asset_materialization
        if (made.tags or {}).get(CODE_VERSION_TAG) != node.code_version:
            stale[key] = "code or parameters changed"
            continue
        recorded = _recorded_inputs(made.metadata)
        for parent in sorted(node.parent_keys):
            name = names[parent]
            if name in versions and recorded.get(name) != versions[name]:
                stale[key] = f"{name} changed"
                break
    return stale


def next_wave(
    graph: dg.AssetGraph, stale: Mapping[dg.AssetKey, str], never_made: str = "never made"
) -> list[dg.AssetKey]:
    """The stale assets that can run now: those without a stale ancestor, and what was never made below them.

    A stale asset below another waits: if the upper one turns out the same, the lower one need not run.
    """
    wave: list[dg.AssetKey] = []
    for key in graph.toposorted_asset_keys:
        if key not in stale:
            continue
        waits_for = [parent for parent in graph.get(key).parent_keys if parent in stale]
        if not waits_for or (stale[key] == never_made and all(parent in wave for parent in waits_for)):
            wave.append(key)
    return wave


def _recorded_inputs(metadata: Mapping[str, dg.MetadataValue]) -> dict[str, str]:
    value = metadata["inputs"].value if "inputs" in metadata else {}
    return dict(json.loads(value) if isinstance(value, str) else value or {})  # pyright: ignore
