"""Runs of VPIN: each reads the trades of the days since the last one, and makes the rows that these change."""

# pandas carries no static types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dagster as dg

from atlas_assets.model_settings import VpinSettings
from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.reading import LakeView
from atlas_assets.orchestration.updating.saved_states import UNREADABLE, saved_state, state_line
from atlas_assets.orchestration.updating.trades import (
    MOST_TRADES,
    TABLE,
    Traded,
    traded_instruments,
    trades_in_parts,
)

if TYPE_CHECKING:
    import pandas as pd

    from atlas_assets.indicators.vpin_updates import VpinState
    from atlas_assets.lake import ModelState

TRADES_OF_ACCURACY = 1_000_000
_SIDES = ("aggressor_side", "side_method")


@dataclass(frozen=True)
class VpinRun:
    """What a run made: all rows, the line of the new state where there is one, and how it was done."""

    table: pd.DataFrame
    records: tuple[ModelState, ...]
    metadata: dict[str, Any]


@dataclass(frozen=True)
class _Before:
    """What the last run left: its states, its rows by instrument, and each instrument's first trade that changed since.

    Nothing of it where all is to be made anew, for the reason told.
    """

    states: Mapping[str, VpinState] = field(default_factory=dict)
    rows: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    changed: Mapping[str, pd.Timestamp] = field(default_factory=dict)
    why: str = ""

    def state(self, traded: Traded) -> VpinState | None:
        """The state to go on from; None where the past of the instrument is not what the state saw."""
        state, first = self.states.get(traded.instrument_id), self.changed.get(traded.instrument_id)
        if state is None or state.source != traded.source:
            return None
        if first is not None and first.date() < state.open_day:
            return None
        return state if len(self.rows.get(traded.instrument_id, ())) >= state.buckets else None


def run_vpin(run: AssetRun, parameters: VpinSettings) -> VpinRun:
    """Bring every instrument's VPIN up to its last trade."""
    import pandas as pd

    from atlas_assets.indicators.tables import ranked_buckets
    from atlas_assets.indicators.vpin_updates import to_arrays

    before = _before(run, parameters)
    states: dict[str, VpinState] = {}
    tables: list[pd.DataFrame] = []
    told = {"instruments_updated": 0, "instruments_made_anew": 0, "trades_read": 0}
    for traded in traded_instruments(run):
        state, past = before.state(traded), before.rows.get(traded.instrument_id)
        if state is not None and past is not None and traded.instrument_id not in before.changed:
            rows, after = past, state
        else:
            days = traded.days
            new = days if state is None else days[days.index >= pd.Timestamp(state.open_day)]
            rows, after = _continued(run, traded, new, parameters, state)
            if state is not None and past is not None:
                rows = pd.concat([past.iloc[: state.buckets], rows], ignore_index=True)
            told["instruments_made_anew" if state is None else "instruments_updated"] += 1
            told["trades_read"] += int(new.sum())
        states[traded.instrument_id] = after
        tables.append(rows.assign(instrument_id=traded.instrument_id, symbol=traded.symbol))
    table = ranked_buckets(
        pd.concat(tables, ignore_index=True) if tables else run.no_rows().to_pandas(),
        percentile_window=parameters.percentile_window,
        toxic_percentile=parameters.toxic_percentile,
        toxic_buckets=parameters.toxic_buckets,
    )
    records = ()
    if states and (told["trades_read"] or len(states) != len(before.states)):
        last = max(state.open_day for state in states.values())
        records = (state_line(run, to_arrays(states), parameters=parameters, last_session=last),)
    return VpinRun(table, records, told | ({"made_anew_because": before.why} if before.why else {}))


def sides_known(view: LakeView) -> Iterator[tuple[str, pd.DataFrame]]:
    """Of each instrument its symbol and its newest trades whose side the exchange sent, a million at most."""
    import pandas as pd

    from atlas_assets.indicators.vpin_updates import TRADE_COLUMNS

    for traded in traded_instruments(view):
        days = traded.days
        newest = days[days[::-1].cumsum()[::-1] <= max(TRADES_OF_ACCURACY, int(days.iloc[-1]))]
        rows = pd.concat(trades_in_parts(view, traded, newest, columns=[*TRADE_COLUMNS, *_SIDES]), ignore_index=True)
        yield traded.symbol, rows[(rows["side_method"] == "exchange") & rows["aggressor_side"].notna()]


def judge_vpin(view: LakeView, parameters: VpinSettings) -> dg.AssetCheckResult:
    """Hold an instrument's rows, made day by day, against those of all its trades at once: the largest that fits."""
    sizes = {traded: int(traded.days.sum()) for traded in traded_instruments(view)}
    fitting = [traded for traded, trades in sizes.items() if trades <= MOST_TRADES]
    if not fitting:
        return dg.AssetCheckResult(
            passed=True, description=f"No instrument has trades, or each has more than {MOST_TRADES:,}: none compared."
        )
    chosen = max(fitting, key=lambda traded: sizes[traded])
    anew, _ = _continued(view, chosen, chosen.days, parameters, None)
    kept = _bucket_rows(view).get(chosen.instrument_id, anew.iloc[:0])
    different = len(anew) != len(kept) or not anew.equals(kept[anew.columns].astype(anew.dtypes))
    return dg.AssetCheckResult(
        passed=not different,
        description=f"Rows of {chosen.symbol} {'differ from' if different else 'are'} those of all its trades at once.",
        metadata={"symbol": chosen.symbol, "trades": sizes[chosen], "buckets": len(anew)},
    )


def _before(run: AssetRun, parameters: VpinSettings) -> _Before:
    from atlas_assets.indicators.vpin_updates import of_arrays

    kept = saved_state(run, parameters)
    if kept.arrays is None or kept.line is None:
        return _Before(why=kept.why)
    try:
        states = of_arrays(kept.arrays)
    except ValueError as error:
        run.context.log.warning(str(error))
        return _Before(why=UNREADABLE)
    changed = run.lake.changed(
        TABLE, by=["instrument_id"], first="event_time", since=kept.line.read_snapshot, as_of=run.snapshot
    )
    if changed is None:
        return _Before(why="what changed since the last run cannot be told any more")
    first = changed.to_pandas().set_index("instrument_id")["event_time"].dt.tz_convert("UTC")
    return _Before(states, _bucket_rows(run), dict(zip(first.index.astype(str), first, strict=True)))


def _bucket_rows(view: LakeView) -> dict[str, pd.DataFrame]:
    """The buckets that the table has, by instrument."""
    from atlas_assets.indicators.vpin_updates import BUCKET_COLUMNS
    from atlas_assets.lake import LakeError

    try:
        table = view.lake.read("gold.vpin", columns=["instrument_id", *BUCKET_COLUMNS], as_of=view.snapshot)
    except LakeError:  # it was never made
        return {}
    return {
        str(instrument): rows.sort_values("bucket_number")[[*BUCKET_COLUMNS]].reset_index(drop=True)
        for instrument, rows in table.groupby("instrument_id")
    }


def _continued(
    view: LakeView, traded: Traded, days: pd.Series, parameters: VpinSettings, state: VpinState | None
) -> tuple[pd.DataFrame, VpinState]:
    import pandas as pd

    from atlas_assets.indicators.vpin_updates import TRADE_COLUMNS, continued

    last = pd.concat(trades_in_parts(view, traded, days.iloc[-1:], columns=TRADE_COLUMNS))
    return continued(
        state,
        source=traded.source,
        closed_days=trades_in_parts(view, traded, days.iloc[:-1], columns=TRADE_COLUMNS),
        open_day=pd.DatetimeIndex(days.index)[-1].date(),
        trades_of_open_day=last,
        bar_seconds=parameters.bar_seconds,
        buckets_per_day=parameters.buckets_per_day,
        window=parameters.window,
    )
