"""What a run leaves for the next one to go on from: arrays in an object, named by a line beside its rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.resources import configured_settings

if TYPE_CHECKING:
    import numpy.typing as npt
    from pydantic import BaseModel

    from atlas_assets.lake import ModelState

UNREADABLE = "the saved state could not be read"


@dataclass(frozen=True)
class SavedState:
    """The state that the last run left, or why it does not serve; a warning where that is a fault."""

    arrays: Mapping[str, npt.NDArray[Any]] | None = None
    line: ModelState | None = None
    why: str = ""
    warning: str = ""


def saved_state(run: AssetRun, parameters: BaseModel) -> SavedState:
    """The newest state of the asset, where it was left by the same code and parameters."""
    from atlas_assets.lake import LakeError
    from atlas_assets.lake.states import load_state, newest_state

    line = newest_state(run.lake, run.asset, as_of=run.snapshot)
    if line is None:
        return SavedState(why="no state is saved")
    if line.code_version != _algorithm(run):
        return SavedState(why=f"the code changed from version {line.code_version} to {_algorithm(run)}")
    if line.parameters != digest(parameters):
        return SavedState(why="the parameters changed")
    try:
        return SavedState(load_state(run.lake, line), line)
    except LakeError as error:
        return SavedState(why=UNREADABLE, warning=str(error))


def state_line(
    run: AssetRun, arrays: Mapping[str, npt.NDArray[Any]], *, parameters: BaseModel, last_session: date
) -> ModelState:
    """Save a state; it counts once this line is committed with the rows that it stands behind."""
    from atlas_assets.lake import ModelState
    from atlas_assets.lake.states import save_state

    stored = save_state(run.lake, arrays, asset=run.asset)
    return ModelState(
        asset=run.asset,
        parameters=digest(parameters),
        code_version=_algorithm(run),
        last_session=last_session,
        read_snapshot=run.snapshot,
        object_id=stored.object_id,
        path=stored.path,
        bytes=stored.bytes,
        saved_at=configured_settings().now(),
        run_id=run.context.run.run_id,
    )


def digest(parameters: BaseModel) -> str:
    """What tells the parameters of a state from others."""
    # How far ahead is forecast changes nothing of the fit.
    told = parameters.model_dump(mode="json", exclude={"horizon"})
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _algorithm(run: AssetRun) -> str:
    """The code version without the digest of the parameters, which has a column of its own."""
    return run.code_version.partition("-")[0]
