"""Which assets stand on made-up data: only the sandbox has any, and it must be seen at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import dagster as dg


def synthetic_labels(graph: dg.AssetGraph, synthetic: Mapping[str, str]) -> dict[dg.AssetKey, str]:
    """What is synthetic in each asset or in what it is made from; assets on real data only are absent.

    Parameters
    ----------
    synthetic
        What is made up, by ``source/dataset``, or ``source/part`` where only parts of a dataset are.
    """
    datasets = {"/".join(key.path[1:]) for key in graph.get_all_asset_keys() if key.path[0] == "raw"}
    found: dict[dg.AssetKey, dict[str, str]] = {}
    for key in graph.toposorted_asset_keys:
        layer, source, dataset = key.path
        found[key] = _own(synthetic, source, dataset, datasets) if layer == "raw" else {}
        for parent in graph.get(key).parent_keys:
            found[key] |= found[parent]
    return {
        key: "; ".join(f"{name}: {what}" for name, what in sorted(parts.items()))
        for key, parts in found.items()
        if parts
    }


def _own(synthetic: Mapping[str, str], source: str, dataset: str, datasets: Collection[str]) -> dict[str, str]:
    whole = f"{source}/{dataset}"
    if whole in synthetic:
        return {whole: synthetic[whole]}
    return {name: what for name, what in synthetic.items() if name.startswith(f"{source}/") and name not in datasets}
