# pyarrow has no type stubs.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportMissingTypeStubs=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
"""The one join by time: to each decision what was known when it was taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# Of what was published at one time, the latest event counts, then what was received last.
_TIES = ("event_time", "ingested_at")


def as_known(
    left: pd.DataFrame,
    right: pd.DataFrame,
    *,
    on: str,
    by: str | Sequence[str] = (),
    published_at: str = "published_at",
    latest: str | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Each row of `left` beside the newest row of `right` that was known at its decision time.

    That is the row with the latest ``published_at <= on``, never a later one: rows of `right` published after a
    decision cannot change its row, whatever they hold. DuckDB's ``ASOF JOIN`` does the work; the dbt macro
    ``asof_known`` means the same.

    Parameters
    ----------
    left
        Decisions, in any order.
    right
        What became known, in any order.
    on
        Decision time, a column of `left`.
    by
        Columns that must be equal in both, such as ``instrument_id``; a missing one equals nothing.
    published_at
        When a row of `right` could be known.
    latest
        A column of `right`, such as ``period``: rows that speak of less than the greatest one published so far are
        passed over, so that a late revision of an older period does not hide the newer one.
    columns
        Columns of `right` that are wanted; all but `by` unless given.

    Returns
    -------
    `left` with its index and row order, and the columns of `right`; these are missing (NaN, None, NaT; whole numbers
    become floats unless they are nullable) where nothing was known.

    Notes
    -----
    Missing values: a row of `right` counts whatever its other columns hold, so drop first those that must not count
    (``right.dropna(subset="value")``). A missing decision time knows nothing; what has no `published_at` (or no
    `latest`, where one is named) is never known.

    Ties: of rows published at the same time the one with the greatest `latest` counts, then the latest
    ``event_time``, then the latest ``ingested_at`` (where `right` has these columns; missing ones last), then the one
    given last.

    Time zones: both times are instants, so both columns must have a zone; they may differ. They are compared to the
    nanosecond where one of them has them.

    Raises
    ------
    ValueError
        When a column is missing, would be there twice, or a time has no zone.
    """
    import duckdb

    keys = [by] if isinstance(by, str) else list(by)
    taken = [name for name in right.columns if name not in keys] if columns is None else list(columns)
    _refuse(left, right, keys, taken, on, published_at, latest)
    unit = "ns" if "ns" in (left[on].dt.unit, right[published_at].dt.unit) else "us"
    ties = [name for name in (latest, *_TIES) if name is not None and name in right.columns]
    decided = _table(left, keys, {"instant": _ticks(left[on], unit)})
    known = _table(
        right,
        keys,
        {"instant": _ticks(right[published_at], unit), **{f"tie{n}": right[name] for n, name in enumerate(ties)}},
    )
    group = "".join(f"key{place}, " for place in range(len(keys)))
    newest = (
        f"QUALIFY tie0 >= max(tie0) OVER (PARTITION BY {group}true ORDER BY instant "
        "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
        if latest is not None
        else ""
    )
    order = "".join(f"tie{place} DESC NULLS LAST, " for place in range(len(ties)))
    equal = "".join(f"decided.key{place} = offered.key{place} AND " for place in range(len(keys)))
    query = f"""
        WITH newest AS (SELECT * FROM known WHERE instant IS NOT NULL {newest}),
        offered AS (
            SELECT * FROM newest QUALIFY row_number() OVER (PARTITION BY {group}instant ORDER BY {order}place DESC) = 1
        )
        SELECT CASE WHEN decided.instant IS NULL THEN -1 ELSE coalesce(offered.place, -1) END AS place
        FROM decided ASOF LEFT JOIN offered ON {equal}decided.instant >= offered.instant
        ORDER BY decided.place
    """
    # Where DuckDB joins by sorting, a missing instant lies after all others, hence the CASE above.
    # Of Arrow tables DuckDB guesses that they are tiny and would compare each row with each other one.
    with duckdb.connect(":memory:", config={"asof_loop_join_threshold": 0}) as connection:
        connection.register("decided", decided)
        connection.register("known", known)
        places = connection.execute(query).fetchnumpy()["place"]
    found = right[taken].reset_index(drop=True).reindex(places)
    return left.assign(**{name: found[name].set_axis(left.index) for name in taken})


def _refuse(
    left: pd.DataFrame,
    right: pd.DataFrame,
    keys: list[str],
    taken: list[str],
    on: str,
    published_at: str,
    latest: str | None,
) -> None:
    needed = [published_at, *keys, *taken, *([latest] if latest else [])]
    for side, frame, names in (("left", left, [on, *keys]), ("right", right, needed)):
        if missing := [name for name in names if name not in frame.columns]:
            there = ", ".join(map(str, frame.columns))
            raise ValueError(f"The {side} frame has no column {missing[0]}: it has {there}.")
    if twice := [name for name in taken if name in left.columns]:
        raise ValueError(f"Both frames have a column {twice[0]}: rename one, or name the wanted ones with columns=.")
    for side, times in (("left", left[on]), ("right", right[published_at])):
        if getattr(times.dtype, "tz", None) is None:
            raise ValueError(f"The {side} frame's {times.name} has no time zone: give it one with dt.tz_localize.")


def _ticks(times: pd.Series, unit: str) -> pa.Array:
    """Instants as whole numbers since 1970, so that nothing is rounded; missing ones stay missing."""
    import pyarrow as pa

    return pa.Array.from_pandas(times.dt.tz_convert("UTC").dt.as_unit(unit)).cast(pa.int64())


def _table(frame: pd.DataFrame, keys: list[str], more: dict[str, pa.Array | pd.Series]) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    columns = {f"key{place}": frame[name] for place, name in enumerate(keys)} | more
    return pa.table(
        {"place": np.arange(len(frame))}
        | {
            name: values if isinstance(values, pa.Array) else pa.Array.from_pandas(values)
            for name, values in columns.items()
        }
    )
