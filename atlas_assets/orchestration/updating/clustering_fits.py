"""Fits of training samples that assets keep from run to run, and the check that holds one against a new fit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.updating.saved_states import digest, saved_state, state_line

if TYPE_CHECKING:
    from pydantic import BaseModel

    from atlas_assets.clustering.kept_fits import Fit, FloatArray, KeptFits
    from atlas_assets.lake import Lake, ModelState

DESCRIPTION = "The newest fit that is kept is the one that its training sample gives."


def kept_fits(run: AssetRun, parameters: BaseModel) -> KeptFits:
    """The fits that the last run left; none where they are not of this code and these parameters, or damaged."""
    from atlas_assets.clustering.kept_fits import KeptFits

    try:
        return KeptFits(saved_state(run, parameters).arrays)
    except ValueError as error:
        run.context.log.warning(str(error))
        return KeptFits()


def fits_line(run: AssetRun, fits: KeptFits, parameters: BaseModel, *, last_session: date) -> list[ModelState]:
    """The line that names the fits of this run; none where they are those of the last one."""
    if not fits.changed:
        return []
    return [state_line(run, fits.arrays(), parameters=parameters, last_session=last_session)]


def judge_fits(lake: Lake, asset: str, parameters: BaseModel, fit: Callable[[FloatArray], Fit]) -> dg.AssetCheckResult:
    """Fit the newest training sample again."""
    import numpy as np

    from atlas_assets.clustering.kept_fits import KeptFits
    from atlas_assets.lake import LakeError
    from atlas_assets.lake.states import load_state, newest_state

    line = newest_state(lake, asset)
    if line is None or line.parameters != digest(parameters):
        return dg.AssetCheckResult(
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"No fit with these parameters is kept: materialise {asset} where there is history enough.",
        )
    try:
        newest = KeptFits(load_state(lake, line)).newest
    except (LakeError, ValueError) as error:
        return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, description=str(error))
    if newest is None:
        return dg.AssetCheckResult(
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"The state that was kept holds no fit: materialise {asset} anew.",
        )
    sample, kept = newest
    again = fit(sample)
    same = kept.keys() == again.keys() and all(np.array_equal(kept[name], again[name]) for name in again)
    return dg.AssetCheckResult(
        passed=same,
        description=DESCRIPTION if same else "The newest fit that is kept is not what its training sample gives.",
        metadata={"sessions_fitted": len(sample)},
    )
