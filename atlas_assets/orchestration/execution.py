"""Bring the whole graph up to date in this process, telling what happens as it happens."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import dagster as dg

from atlas_assets.orchestration.event_log import kept_open
from atlas_assets.orchestration.inboxes import waiting_for
from atlas_assets.orchestration.planning import Load, all_missing_loads, next_wave, stale_assets
from atlas_assets.orchestration.resources import configured_lake, configured_settings

MOST_WAVES = 20


@dataclass
class AssetOutcome:
    """What one asset did."""

    key: dg.AssetKey
    reason: str
    rows: int | None = None
    seconds: float = 0.0
    checks_passed: int = 0
    checks_failed: list[str] = field(default_factory=list)
    plot: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Report:
    """What was done, in order, and how long it took."""

    outcomes: tuple[AssetOutcome, ...]
    seconds: float

    @property
    def failed(self) -> bool:
        """Whether any asset failed."""
        return any(outcome.error for outcome in self.outcomes)


Listener = Callable[[str, AssetOutcome], None]


def bring_up_to_date(definitions: dg.Definitions, instance: dg.DagsterInstance, *, listener: Listener) -> Report:
    """Load what is missing, then remake what its inputs or code have changed, wave by wave.

    Parameters
    ----------
    listener
        Called with ``"started"``, ``"finished"`` or ``"failed"`` and the asset's outcome.
    """
    started = time.perf_counter()
    with kept_open(instance):
        outcomes = _brought_up_to_date(definitions, instance, listener)
    return Report(tuple(outcomes), time.perf_counter() - started)


def _brought_up_to_date(
    definitions: dg.Definitions, instance: dg.DagsterInstance, listener: Listener
) -> list[AssetOutcome]:
    graph = definitions.resolve_asset_graph()
    outcomes: list[AssetOutcome] = []
    for loads in _in_one_run(all_missing_loads(graph, instance, configured_lake()), graph):
        reasons = {load.key: f"{load.partitions} days, {load.first} to {load.last}" for load in loads}
        outcomes += _run(definitions, instance, reasons, loads[0].tags, listener)
    if waiting := _waiting(graph, instance):
        outcomes += _run(definitions, instance, waiting, {}, listener)
    for _ in range(MOST_WAVES):
        stale = stale_assets(graph, instance, configured_lake())
        wave = next_wave(graph, stale)
        if not wave or any(outcome.error for outcome in outcomes):
            break
        outcomes += _run(definitions, instance, {key: stale[key] for key in wave}, {}, listener)
    return outcomes


def _in_one_run(loads: list[Load], graph: dg.AssetGraph) -> list[list[Load]]:
    """Loads of the same days of assets with the same partitions together: starting a run costs a second."""
    groups: dict[tuple[object, str, str], list[Load]] = {}
    for load in loads:
        groups.setdefault((graph.get(load.key).partitions_def, load.first, load.last), []).append(load)
    return list(groups.values())


def _waiting(graph: dg.AssetGraph, instance: dg.DagsterInstance) -> dict[dg.AssetKey, str]:
    """The raw assets that no partition is missing of: files to take, and what silver reads but was never made."""
    unpartitioned = [
        key for key in graph.toposorted_asset_keys if key.path[0] == "raw" and graph.get(key).partitions_def is None
    ]
    reasons = {key: "never made" for key in unpartitioned if instance.get_latest_materialization_event(key) is None}
    for table, files in waiting_for(configured_settings(), now_seconds=math.inf).items():
        reasons[dg.AssetKey(table.asset_key)] = f"{len(files)} files waited"
    return reasons


def _run(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    reasons: Mapping[dg.AssetKey, str],
    tags: Mapping[str, str],
    listener: Listener,
) -> list[AssetOutcome]:
    """One run of these assets and their checks."""
    follower = _Follower(reasons, listener)
    run_id = str(uuid.uuid4())
    instance.add_event_listener(run_id, follower.handle)
    job = definitions.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=instance,
        asset_selection=list(reasons),
        run_id=run_id,
        tags=dict(tags),
        raise_on_error=False,
    )
    follower.close(succeeded=result.success)
    return follower.outcomes


class _Follower:
    """Turns a run's events into outcomes."""

    def __init__(self, reasons: Mapping[dg.AssetKey, str], listener: Listener) -> None:
        self._by_key = {key: AssetOutcome(key, reason) for key, reason in reasons.items()}
        self._listener = listener
        self._step_of: dict[dg.AssetKey, str | None] = {}
        self._step_started: dict[str, float] = {}
        self._done: set[dg.AssetKey] = set()

    @property
    def outcomes(self) -> list[AssetOutcome]:
        return list(self._by_key.values())

    def handle(self, entry: dg.EventLogEntry) -> None:
        event = entry.dagster_event
        if event is None:
            return
        if event.event_type_value == "ASSET_MATERIALIZATION_PLANNED" and event.asset_key:
            self._step_of[event.asset_key] = event.step_key
        elif event.is_step_start and event.step_key:
            self._started(event.step_key, entry.timestamp)
        elif event.is_step_materialization:
            self._materialised(event, entry.timestamp)
        elif event.event_type_value == "ASSET_CHECK_EVALUATION":
            self._checked(event)
        elif event.is_step_failure:
            self._failed(event)

    def close(self, *, succeeded: bool) -> None:
        """Assets that never reported were skipped because something above them failed."""
        for key, outcome in self._by_key.items():
            if key not in self._done and not succeeded and outcome.error is None:
                outcome.error = "not made because something it needs failed"
                self._listener("failed", outcome)

    def _started(self, step: str, timestamp: float) -> None:
        self._step_started[step] = timestamp
        first = next((key for key in self._by_key if self._step_of.get(key) == step), None)
        if first is not None:
            self._listener("started", self._by_key[first])

    def _materialised(self, event: dg.DagsterEvent, timestamp: float) -> None:
        materialisation = event.step_materialization_data.materialization
        outcome = self._by_key.get(materialisation.asset_key)
        if outcome is None or materialisation.asset_key in self._done:
            return
        self._done.add(materialisation.asset_key)
        metadata = materialisation.metadata
        rows = metadata.get("dagster/row_count")
        outcome.rows = int(rows.value) if rows is not None else None  # pyright: ignore
        outcome.plot = str(metadata["plot_file"].value) if "plot_file" in metadata else None
        started = self._step_started.get(event.step_key or "", timestamp)
        outcome.seconds = timestamp - started
        self._step_started[event.step_key or ""] = timestamp
        self._listener("finished", outcome)

    def _checked(self, event: dg.DagsterEvent) -> None:
        evaluation = event.asset_check_evaluation_data
        outcome = self._by_key.get(evaluation.asset_key)
        if outcome is None:
            return
        if evaluation.passed:
            outcome.checks_passed += 1
        else:
            outcome.checks_failed.append(f"{evaluation.check_name} ({evaluation.severity.value.lower()})")

    def _failed(self, event: dg.DagsterEvent) -> None:
        error = event.step_failure_data.error
        cause = error.cause if error and error.cause else error
        message = " ".join((cause.message if cause else "unknown error").split())
        for key, outcome in self._by_key.items():
            if key not in self._done and self._step_of.get(key) == event.step_key:
                outcome.error = message
                self._done.add(key)
                self._listener("failed", outcome)
