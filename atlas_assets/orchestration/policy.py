"""What holds for every asset: owner, layer, freshness, automation, checks. No asset can forget it."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import dagster as dg

from atlas_assets.data_sources.registry import enabled_sources
from atlas_assets.monitoring.logs import configure_logging
from atlas_assets.orchestration.automation import when_inputs_change
from atlas_assets.orchestration.checks import contract_checks
from atlas_assets.orchestration.coverage_check import coverage_check
from atlas_assets.orchestration.dbt.silver import dbt_resource
from atlas_assets.orchestration.resources import LakeResource, VendorResource, configured_settings
from atlas_assets.orchestration.synthetic import synthetic_labels
from atlas_assets.orchestration.tables import all_tables, table_of
from atlas_assets.sandbox.labels import SYNTHETIC
from atlas_assets.settings import Settings

OWNERS = {
    "raw": "team:data-engineering",
    "silver": "team:data-engineering",
    "gold": "team:quant-research",
    "model": "team:quant-research",
}
FRESHNESS = {
    "raw": dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=72), warn_window=timedelta(hours=36)),
    "silver": dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=78), warn_window=timedelta(hours=40)),
    "gold": dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=84), warn_window=timedelta(hours=44)),
}
EXECUTION = {
    "max_concurrent": 2,
    "start_method": {"forkserver": {"preload_modules": ["atlas_assets.orchestration.preloaded"]}},
}
AUTOMATION = dg.AutomationConditionSensorDefinition(
    "run_when_inputs_change",
    target=dg.AssetSelection.all(),
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=5,
)


def apply_house_policy(declared: dg.Definitions) -> dg.Definitions:
    """Everything declared, with the house's policy applied to each asset."""
    settings = configured_settings()
    configure_logging(level=settings.logging.level, format=settings.logging.format)
    equipped = dg.Definitions.merge(
        declared,
        dg.Definitions(
            resources={"lake": LakeResource(), "vendors": VendorResource(), "dbt": dbt_resource()},
            executor=dg.multiprocess_executor.configured(EXECUTION),
            sensors=[AUTOMATION],
        ),
    )
    graph = equipped.resolve_asset_graph()
    labels = synthetic_labels(graph, SYNTHETIC) if settings.environment == "sandbox" else {}
    governed = equipped.permissive_map_resolved_asset_specs(
        func=lambda spec: _governed(spec, settings, labels.get(spec.key)), selection=None
    )
    present = {tuple(key.path) for key in graph.get_all_asset_keys()}
    tables = [table for table in all_tables() if table.asset_key in present]
    checks = [contract_checks(table) for table in tables if table.layer != "silver"]
    if silver := [table for table in tables if table.layer == "silver"]:  # dbt makes it in one step
        checks.append(contract_checks(*silver))
    enabled = enabled_sources(settings.data_sources)
    checks += [coverage_check(*one) for one in enabled if one[0].table.asset_key in present]
    return dg.Definitions.merge(governed, dg.Definitions(asset_checks=checks))


def _governed(spec: dg.AssetSpec, settings: Settings, synthetic: str | None) -> dg.AssetSpec:
    layer, domain, _ = spec.key.path
    return spec.replace_attributes(
        group_name=domain,
        owners=[OWNERS[layer]],
        tags={**spec.tags, "layer": layer},
        metadata={
            **spec.metadata,
            "dagster/table_name": table_of(tuple(spec.key.path)).name,
            **({"synthetic": synthetic} if synthetic else {}),
        },
        freshness_policy=None
        if spec.partitions_def is None and not spec.deps  # comes when it comes
        else FRESHNESS.get(layer, FRESHNESS["gold"]),
        automation_condition=None if layer == "raw" else when_inputs_change(layer),
        code_version=_code_version(spec, settings),
    )


def _code_version(spec: dg.AssetSpec, settings: Settings) -> str | None:
    """The algorithm's version and, where a model has parameters, their digest: changing one is new code."""
    section = spec.metadata.get("parameters")
    if section is None:
        return spec.code_version
    parameters = getattr(settings.models, section)
    return f"{spec.code_version}-{hashlib.sha256(parameters.model_dump_json().encode()).hexdigest()[:8]}"
