"""Time buckets that fits judge, brought up to date: each run goes on from the last fit of each instrument."""

# pandas carries no static types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.updating.saved_states import UNREADABLE, saved_state, state_line

if TYPE_CHECKING:
    import pandas as pd
    from pydantic import BaseModel

    from atlas_assets.clustering.last_fits import LastFits
    from atlas_assets.lake import Lake, ModelState

TABLE = "gold.order_flow_features"
DESCRIPTION = "The rows of the instrument with fewest, made run by run, are those of one pass over its buckets."


@dataclass(frozen=True)
class JudgedRun:
    """What a run made: all rows, the line of the new fits where there is one, and how it was done."""

    table: pd.DataFrame
    records: tuple[ModelState, ...]
    metadata: dict[str, Any]


def run_judged_buckets(run: AssetRun, parameters: BaseModel, make: Callable[..., pd.DataFrame]) -> JudgedRun:
    """Judge the buckets from each instrument's last fit on; the rows before it stay.

    Parameters
    ----------
    parameters
        Of ``make``.
    make
        One of the tables of :mod:`atlas_assets.clustering.order_flow_tables`.

    Raises
    ------
    TooLittleHistory
        When no instrument has a fit.
    """
    import pandas as pd

    features = run.read(TABLE)
    before, rows, why = _before(run, parameters)
    made = make(features, last_fits=before, **parameters.model_dump())
    first = made.groupby("instrument_id")["bucket_start"].min()
    stay = [
        rows[(rows["instrument_id"] == instrument) & (rows["bucket_start"] < first[instrument])]
        for instrument, fit in before.known.items()
        if instrument in first.index and first[instrument] == pd.Timestamp(fit.since, unit="us", tz="UTC")
    ]
    table = pd.concat([*stay, made])[made.columns].sort_values(["instrument_id", "bucket_start"], ignore_index=True)
    records: tuple[ModelState, ...] = ()
    if before.changed:
        last = table["bucket_start"].max().date()
        records = (state_line(run, before.arrays(), parameters=parameters, last_session=last),)
    told = {"fits_kept": before.kept, "fits_made": before.made, "buckets_judged": len(made)}
    return JudgedRun(table, records, told | ({"made_anew_because": why} if why else {}))


def check_judged_buckets(
    lake: Lake, table: str, parameters: BaseModel, make: Callable[..., pd.DataFrame]
) -> dg.AssetCheckResult:
    """Hold the rows of the instrument with fewest against those of one pass."""
    import pandas as pd

    from atlas_assets.lake import LakeError

    try:
        rows = lake.read(table)
    except LakeError:
        rows = pd.DataFrame(columns=["instrument_id"])
    if rows.empty:
        return dg.AssetCheckResult(passed=True, description="No instrument has rows: none compared.")
    fewest = rows["instrument_id"].value_counts().sort_index().idxmin()
    kept = rows[rows["instrument_id"] == fewest].sort_values("bucket_start", ignore_index=True)
    features = lake.read(TABLE)
    anew = make(features[features["instrument_id"] == fewest], **parameters.model_dump())
    different = len(anew) != len(kept) or not anew.equals(kept[anew.columns].astype(anew.dtypes))
    return dg.AssetCheckResult(
        passed=not different,
        description=f"Rows of {kept['symbol'].iloc[0]} {'differ from' if different else 'are'} those of one pass.",
        metadata={"symbol": str(kept["symbol"].iloc[0]), "buckets": len(anew)},
    )


def _before(run: AssetRun, parameters: BaseModel) -> tuple[LastFits, pd.DataFrame, str]:
    """The fits whose past is unchanged, the rows of the last run, and why no fit of it serves where that is so."""
    import pandas as pd

    from atlas_assets.clustering.last_fits import LastFits

    kept, nothing = saved_state(run, parameters), pd.DataFrame(columns=["instrument_id", "bucket_start"])
    if kept.warning:
        run.context.log.warning(kept.warning)
    if kept.arrays is None or kept.line is None:
        return LastFits(), nothing, kept.why
    try:
        fits = LastFits(kept.arrays)
    except ValueError as error:
        run.context.log.warning(str(error))
        return LastFits(), nothing, UNREADABLE
    changed = run.lake.changed(
        TABLE, by=["instrument_id"], first="bucket_start", since=kept.line.read_snapshot, as_of=run.snapshot
    )
    if changed is None:
        return LastFits(), nothing, "what changed since the last run cannot be told any more"
    differs = changed.to_pandas().set_index("instrument_id")["bucket_start"].to_dict()
    rows = run.lake.read(run.table.name, as_of=run.snapshot)
    for instrument, fit in fits.known.items():
        since = pd.Timestamp(fit.since, unit="us", tz="UTC")
        behind = int(((rows["instrument_id"] == instrument) & (rows["bucket_start"] < since)).sum())
        # Rows are gone where a run between found too little history.
        if differs.get(instrument, since) < since or behind != fit.behind:
            fits.forget([instrument])
    return fits, rows, ""
