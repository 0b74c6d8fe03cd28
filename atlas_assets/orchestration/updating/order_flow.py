"""Order-flow features brought up to date: only what changed trades may change is made anew."""

# pandas carries no static types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.updating.trades import TABLE, Traded, traded_instruments, trades_in_parts

if TYPE_CHECKING:
    import pandas as pd

    from atlas_assets.model_settings import OrderFlowFeatureSettings

_COLUMNS = ("event_time", "price", "quantity", "aggressor_side", "session_date")


@dataclass(frozen=True)
class Updated:
    """The rows of one instrument, and what making them took.

    Attributes
    ----------
    table
        All its rows of ``gold.order_flow_features``.
    computed
        How many of them were made anew: the last ones.
    trades_read
        For that, those that were only looked back at included.
    """

    table: pd.DataFrame
    computed: int = 0
    trades_read: int = 0


def updated_features(run: AssetRun, settings: OrderFlowFeatureSettings) -> list[Updated]:
    """Every traded instrument: its rows are kept up to its first changed trade and made from there on.

    An instrument without changed trades is not read. One of which another source counts than did is made anew.
    """
    changed = _first_changes(run)
    kept = {} if changed is None else _rows_by_instrument(run)
    found: list[Updated] = []
    for traded in traded_instruments(run):
        rows = kept.get(traded.instrument_id)
        if changed is None or traded.instrument_id in changed:
            same_source = rows is not None and (rows["source"] == traded.source).all()
            since = changed[traded.instrument_id] if changed is not None and same_source else None
            found.append(_updated(run, traded, rows, since, settings))
        elif rows is not None:
            found.append(Updated(rows))
    return found


def _updated(
    run: AssetRun,
    traded: Traded,
    rows: pd.DataFrame | None,
    changed: pd.Timestamp | None,
    settings: OrderFlowFeatureSettings,
) -> Updated:
    """One instrument whose trades differ from a time on; from the first on where none is given."""
    import pandas as pd

    from atlas_assets.clustering.order_flow_buckets import buckets_of_parts, days_to_make

    counts = traded.days
    days = pd.DatetimeIndex(counts.index)
    read, first = 0, 0
    if changed is not None:
        read, first = days_to_make(days, changed=changed, trailing_days=settings.trailing_days)
    parts = trades_in_parts(run, traded, counts.iloc[read:], columns=_COLUMNS)
    made = buckets_of_parts(parts, since=days[first], **settings.model_dump()).assign(
        instrument_id=traded.instrument_id, source=traded.source
    )
    # Rows before the first day that is left are of trades that are gone.
    before = rows[rows["bucket_start"] < days[first].tz_localize("UTC")] if rows is not None and first else made[:0]
    table = pd.concat([before, made], ignore_index=True).assign(symbol=traded.symbol)
    return Updated(table, computed=len(made), trades_read=int(counts.iloc[read:].sum()))


def _first_changes(run: AssetRun) -> dict[str, pd.Timestamp] | None:
    """Time of the first trade that differs, by instrument; None where everything is to be made anew."""
    found = run.changed(TABLE, by=["instrument_id"], first="event_time")
    if found is None:
        return None
    times = found["event_time"].dt.tz_convert("UTC").dt.tz_localize(None)
    return dict(zip(found["instrument_id"].tolist(), times.tolist(), strict=True))


def _rows_by_instrument(run: AssetRun) -> dict[str, pd.DataFrame]:
    rows = run.lake.read(run.table.name, as_of=run.snapshot)
    return {str(instrument_id): own for instrument_id, own in rows.groupby("instrument_id")}
