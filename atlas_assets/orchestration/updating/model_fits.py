"""Fitted models as tables: a run goes on from the saved state, and a check holds its rows against a refit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import dagster as dg

from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.reading import LakeView
from atlas_assets.orchestration.updating.saved_states import UNREADABLE, digest, saved_state, state_line

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from pydantic import BaseModel

    from atlas_assets.contracts.tables import Table
    from atlas_assets.lake import Lake, ModelState
    from atlas_assets.models.updating import Saved, TableFit

UPDATE_EQUALS_REFIT = "update_equals_refit"
DESCRIPTION = "The rows that updates made day by day are those of a refit from scratch, on the last sessions."
SESSIONS_COMPARED = 60
LARGEST_DIFFERENCE = 1e-12


def publish_fit(
    run: AssetRun,
    changes: pd.DataFrame,
    estimator: TableFit,
    *,
    parameters: BaseModel,
    metadata: Callable[[pd.DataFrame], Mapping[str, Any]],
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
        As in ``AssetRun.publish``, of the whole table.
    """
    from atlas_assets.lake import Window
    from atlas_assets.models.updating import advance

    if len(changes) <= (needed := estimator.before_the_first):
        return run.publish_nothing(
            f"The fit needs more than {needed} sessions on which all its variables have changes, and there are "
            f"{len(changes)}: load more history."
        )
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
            records=[
                state_line(
                    run,
                    done.saved.arrays(),
                    parameters=parameters,
                    last_session=done.saved.history.index[-1].date(),
                )
            ],
        )
    evidence: dict[str, Any] = {"fitted": done.how, "sessions": len(set(done.table[estimator.time_column]))}
    if kept.warning:
        run.context.log.warning(kept.warning)
        evidence["state_warning"] = kept.warning
    return run.describe(done.table, written, metadata={**metadata(done.table), **evidence}, plot=plot(done.table))


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
    from atlas_assets.contracts.schema import primary_key
    from atlas_assets.lake import LakeError
    from atlas_assets.lake.states import newest_state
    from atlas_assets.models.updating import first_change, largest_difference

    begun = perf_counter()
    line = newest_state(lake, "/".join(table.asset_key))
    if line is None or line.parameters != digest(parameters):
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
    difference = largest_difference(
        rows,
        refit[refit[estimator.time_column] >= last[0]],
        keys=primary_key(table.contract),
        within=estimator.time_column,
    )
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
    from atlas_assets.models.updating import Saved

    state = saved_state(run, parameters)
    if state.arrays is None:
        return _Kept(why=state.why, warning=state.warning)
    try:
        return _Kept(Saved.of(state.arrays), run.lake.read(run.table.name, as_of=run.snapshot))
    except ValueError as error:
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
