"""What people decide about quarantined rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

    from atlas_assets.lake import Lake

TABLE = "silver.quarantine"
JUDGED = "silver.daily_bars_by_source"


class UndecidableError(ValueError):
    """A decision that cannot be taken; the message says why."""


def quarantined(
    lake: Lake,
    *,
    symbol: str | None = None,
    start: date | None = None,
    end: date | None = None,
    state: str | None = "open",
) -> pd.DataFrame:
    """The rows of ``silver.quarantine``, newest session first; all states where `state` is None."""
    conditions, values = ["true"], list[object]()
    for condition, value in (
        ("symbol = ?", symbol),
        ("session_date >= ?", start),
        ("session_date <= ?", end),
        ("state = ?", state),
    ):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    found = lake.read(TABLE, where=(" AND ".join(conditions), values))
    return found.sort_values(["session_date", "quarantine_id"], ascending=[False, True]).reset_index(drop=True)


def decide(
    lake: Lake,
    quarantine_ids: Sequence[str],
    decision: Literal["release", "reject"],
    *,
    note: str,
    decided_by: str,
    now: datetime,
) -> int:
    """Record a decision about rows; the next build of silver follows it. How many were decided.

    Raises
    ------
    UndecidableError
        When a row is not in quarantine, has no values to release, or the note is empty.
    """
    from atlas_assets.lake import CommitInfo, QuarantineDecision

    if not note.strip():
        raise UndecidableError("A decision needs a note that says why: give --note.")
    ids = list(dict.fromkeys(quarantine_ids))
    where = (f"quarantine_id IN ({', '.join('?' * len(ids))})", ids)
    rows = {row["quarantine_id"]: row for row in lake.read_arrow(TABLE, where=where).to_pylist()}
    if unknown := [one for one in ids if one not in rows]:
        raise UndecidableError(f"{unknown[0]} is not in quarantine: take the id from atlas quarantine list.")
    unread = [one for one in ids if rows[one]["dataset"] != JUDGED]
    if decision == "release" and unread:
        raise UndecidableError(
            f"{unread[0]} could not be read and so has no values to release: correct it at its source, or reject it."
        )
    lines = [
        QuarantineDecision(
            quarantine_id=one,
            decision=decision,
            note=note.strip(),
            decided_by=decided_by,
            decided_at=now,
            symbol=rows[one]["symbol"],
            session_date=rows[one]["session_date"],
        )
        for one in ids
    ]
    return lake.record(lines, commit=CommitInfo(run_id="by hand", asset="raw/quarantine/decisions", author=decided_by))
