"""Fitted models as tables: a run goes on from the saved state, and a check holds its rows against a refit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import dagster as dg

from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.reading import LakeView
from atlas_assets.orchestration.resources import configured_settings

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from pydantic import BaseModel

    from atlas_assets.contracts.tables import Table
    from atlas_assets.lake import Lake, ModelState
    from atlas_assets.models.updating import Advance, Saved, TableFit

UPDATE_EQUALS_REFIT = "update_equals_refit"
DESCRIPTION = "The rows that updates made day by day are those of a refit from scratch, on the last sessions."
UNREADABLE = "the saved state could not be read"
SESSIONS_COMPARED = 60
LARGEST_DIFFERENCE = 1e-12


def publish_fit(
    run: AssetRun,
    changes: pd.DataFrame,
    estimator: TableFit,
    *,
    parameters: BaseModel,
    metadata: Mapping[str, Any],
    plot: Callable[[pd.DataFrame], Figure],
) -> dg.MaterializeResult[Any]:
    """Bring a fit up to the last session, and write what is new with the line that names the new state.

    Parameters
    ----------
    changes
        What the model is fitted to, one row a session.
    estimator
        The table's, with these parameters.
    parameters
        Settings that decide what the fit is.
    metadata, plot
        As in ``AssetRun.publish``; the plot shows the whole table.
    """
    from atlas_assets.lake import Window
    from atlas_assets.models.updating import advance

    kept = _kept(run, parameters)
    try:
        done = advance(changes, estimator, saved=kept.saved, table=kept.table, why=kept.why)
    except (ValueError, TypeError, KeyError) as error:
        if kept.saved is None:
            raise
        # Whole, but the estimator's code does not take it any more.
        kept = _Kept(why=UNREADABLE, warning=str(error))
        done = advance(changes, estimator, saved=None, table=None, why=kept.why)
    if done.written.empty:
        written = run.write(run.no_rows(), window=())
    else:
        sessions = done.written[estimator.time_column]
        written = run.write(
            done.written,
            window=None if done.is_refit else Window(estimator.time_column, sessions.min(), sessions.max()),
            records=[_record(run, done, parameters)],
        )
    evidence: dict[str, Any] = {"fitted": done.how, "sessions": len(set(done.table[estimator.time_column]))}
    if kept.warning:
        run.context.log.warning(kept.warning)
        evidence["state_warning"] = kept.warning
    return run.describe(done.table, written, metadata={**metadata, **evidence}, plot=plot(done.table))


def judge_update(
    lake: Lake,
    table: Table,
    estimator: TableFit,
    *,
    parameters: BaseModel,
    changes: Callable[[LakeView], pd.DataFrame],
) -> dg.AssetCheckResult:
    """Refit a model from scratch and hold the last sessions of its table against that.

    The refit takes the history that the saved state saw, after it was held against what the lake said at the snapshot
    that the state names; where the state cannot be read, it takes what the lake said.
    """
    from atlas_assets.lake import LakeError
    from atlas_assets.lake.states import newest_state
    from atlas_assets.models.updating import first_change, largest_difference

    begun = perf_counter()
    line = newest_state(lake, "/".join(table.asset_key))
    if line is None or line.parameters != _digest(parameters):
        return _outcome(
            f"No state with these parameters is saved: materialise {'/'.join(table.asset_key)}.",
            severity=dg.AssetCheckSeverity.WARN,
        )
    history = changes(LakeView(lake, snapshot=line.read_snapshot))
    told: dict[str, Any] = {}
    try:
        saved = _saved(lake, line)
        if change := first_change(saved.history, history):
            return _outcome(f"The history that the state saw {change} in what it was read from: fit anew.")
        history = saved.history
    except LakeError as error:
        told["state_warning"] = str(error)
    refit = estimator.fit(history).rows
    last = sorted(set(refit[estimator.time_column]))[-SESSIONS_COMPARED:]
    rows = lake.read(table.name, start=last[0], time_column=estimator.time_column)
    difference = largest_difference(rows, refit[refit[estimator.time_column] >= last[0]], within=estimator.time_column)
    return _outcome(
        "" if difference <= LARGEST_DIFFERENCE else f"Rows differ from those of a refit by up to {difference:.2g}.",
        largest_difference=difference,
        tolerance=LARGEST_DIFFERENCE,
        sessions_compared=len(last),
        sessions_refitted=len(history),
        seconds=round(perf_counter() - begun, 3),
        **told,
    )


def _outcome(
    wrong: str, *, severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR, **metadata: Any
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=not wrong, severity=severity, description=wrong or DESCRIPTION, metadata=metadata)


@dataclass(frozen=True)
class _Kept:
    """What the last fit left, or why nothing of it serves; a warning where that is a fault."""

    saved: Saved | None = None
    table: pd.DataFrame | None = None
    why: str = ""
    warning: str = ""


def _kept(run: AssetRun, parameters: BaseModel) -> _Kept:
    from atlas_assets.lake import LakeError
    from atlas_assets.lake.states import newest_state

    line = newest_state(run.lake, run.asset, as_of=run.snapshot)
    if line is None:
        return _Kept(why="no state is saved")
    if line.code_version != _algorithm(run):
        return _Kept(why=f"the code changed from version {line.code_version} to {_algorithm(run)}")
    if line.parameters != _digest(parameters):
        return _Kept(why="the parameters changed")
    try:
        return _Kept(_saved(run.lake, line), run.lake.read(run.table.name, as_of=run.snapshot))
    except LakeError as error:
        return _Kept(why=UNREADABLE, warning=str(error))


def _saved(lake: Lake, line: ModelState) -> Saved:
    """Raises ``LakeError`` for a state that cannot be read, whatever is wrong with it."""
    from atlas_assets.lake import LakeError
    from atlas_assets.lake.states import load_state
    from atlas_assets.models.updating import Saved

    try:
        return Saved.of(load_state(lake, line))
    except ValueError as error:
        raise LakeError(f"The state {line.path} is none ({error}): fit the model again.") from error


def _record(run: AssetRun, done: Advance, parameters: BaseModel) -> ModelState:
    from atlas_assets.lake import ModelState
    from atlas_assets.lake.states import save_state

    stored = save_state(run.lake, done.saved.arrays(), asset=run.asset)
    return ModelState(
        asset=run.asset,
        parameters=_digest(parameters),
        code_version=_algorithm(run),
        last_session=done.saved.history.index[-1].date(),
        read_snapshot=run.snapshot,
        object_id=stored.object_id,
        path=stored.path,
        bytes=stored.bytes,
        saved_at=configured_settings().now(),
        run_id=run.context.run.run_id,
    )


def _digest(parameters: BaseModel) -> str:
    # How far ahead is forecast changes nothing of the fit.
    told = parameters.model_dump(mode="json", exclude={"horizon"})
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _algorithm(run: AssetRun) -> str:
    """The code version without the digest of the parameters, which has a column of its own."""
    return run.code_version.partition("-")[0]
