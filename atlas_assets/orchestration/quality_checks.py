"""The four families of checks of silver: completeness, consistency, freshness and accuracy, as numbers over time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from atlas_assets.contracts.quality import EXPECTATIONS
from atlas_assets.contracts.quality.expectations import Family, Finding, examine, missing_values
from atlas_assets.contracts.tables import Table

if TYPE_CHECKING:
    from atlas_assets.lake import Lake

OWNER = "team:data-engineering"
DESCRIPTIONS = {
    Family.COMPLETENESS: "What should be there is there: sessions, periods, days, values.",
    Family.CONSISTENCY: "Rows, tables and sources agree with each other.",
    Family.FRESHNESS: "The newest row is as new as the calendar lets expect, whatever was loaded of earlier years.",
    Family.ACCURACY: "Values are plausible beside their neighbours.",
}
# Silver's names of a vendor that are not the vendor's.
FEEDS = {"alpaca": ("alpaca", "alpaca_iex")}


def quality_specs(table: Table) -> list[dg.AssetCheckSpec]:
    """A check for each family of which something is expected of the table."""
    families = {one.family for one in EXPECTATIONS.get(table.name, ())}
    return [
        dg.AssetCheckSpec(
            family.value,
            asset=dg.AssetKey(table.asset_key),
            description=f"{DESCRIPTIONS[family]} {_expected(table, family)}",
            metadata={"owner": OWNER},
        )
        for family in Family
        if family in families
    ]


def quality_results(table: Table, lake: Lake) -> Iterator[dg.AssetCheckResult]:
    """What each family of the table amounts to."""
    from atlas_assets.data_sources.registry import enabled_sources
    from atlas_assets.orchestration.resources import configured_settings

    expectations = EXPECTATIONS.get(table.name, ())
    settings = configured_settings()
    vendors = {source.table.asset_key[1] for source, _ in enabled_sources(settings.data_sources)}
    scheduled = sorted(name for vendor in vendors for name in FEEDS.get(vendor, (vendor,)))
    with lake.reader() as connection:
        findings = examine(connection, expectations, now=settings.now(), scheduled=scheduled)
        for family in dict.fromkeys(one.family for one in expectations):
            metadata = _missing(connection, table) if family is Family.COMPLETENESS else {}
            yield _result(table, family, [one for one in findings if one.expectation.family is family], metadata)


def _missing(connection: Any, table: Table) -> dict[str, Any]:
    """How much of each column that may be empty is; nothing is ever filled in."""
    columns = [name for name, one in table.contract.to_schema().columns.items() if one.nullable]
    if not columns:
        return {}
    rows, missing = missing_values(connection, table.name, columns)
    values = rows * len(columns)
    return {
        "missing_values": sum(missing.values()),
        "missing_values_share": sum(missing.values()) / values if values else 0.0,
        "missing_values_by_column": dg.MetadataValue.json({name: count for name, count in missing.items() if count}),
    }


def _result(table: Table, family: Family, findings: list[Finding], metadata: dict[str, Any]) -> dg.AssetCheckResult:
    import pandas as pd

    from atlas_assets.orchestration.metadata import preview

    broken = [one for one in findings if not one.holds]
    for one in findings:
        name = one.expectation.name
        metadata[name] = one.failing
        metadata[f"{name}_share"] = one.share
        metadata[f"{name}_judged"] = one.judged
        if one.sample:
            metadata[f"{name}_sample"] = preview(pd.DataFrame(one.sample))
        if one.lacks:
            metadata[f"{name}_not_judged"] = one.lacks
    return dg.AssetCheckResult(
        passed=not broken,
        asset_key=dg.AssetKey(table.asset_key),
        check_name=family.value,
        severity=dg.AssetCheckSeverity.ERROR
        if any(one.expectation.is_error for one in broken)
        else dg.AssetCheckSeverity.WARN,
        description=" ".join(map(_described, broken)) or DESCRIPTIONS[family],
        metadata=metadata,
    )


def _described(finding: Finding) -> str:
    one = finding.expectation
    tolerated = f", of which {one.most:.2%} are tolerated" if one.most else ""
    return f"{finding.failing} of {finding.judged} {one.name.replace('_', ' ')}{tolerated}: {one.says}"


def _expected(table: Table, family: Family) -> str:
    return " ".join(
        f"{one.says}{f' Of these, {one.most:.2%} may fail.' if one.most else ''}"
        for one in EXPECTATIONS[table.name]
        if one.family is family
    )
