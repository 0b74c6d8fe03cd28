"""What becomes of a page's rows when a fault befalls them: records (JSON objects), lists of values, or XML items."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, cast

from atlas_assets.sandbox.faults import FaultKind

Rows = list[Any]

_ROW_LISTS = (
    "observations",
    "data",
    "vintage_dates",
    "releases",
    "release_dates",
    "seriess",
    "symbols",
    "prices",
    "articles",
    "children",
)
_ROW_LISTS_BY_SYMBOL = ("bars", "trades")
# Where records and lists hold a price or value, and where the time.
_VALUES = ("close", "value", "p", "c")
_VALUE_PLACE = 4
_TIMES = ("T", "timestamp", "time", "t")
_TIME_PLACES = (0, 6)
_FIRST_MILLISECOND = 10**11


def rows_of(document: Any) -> Rows:
    """The list that holds a document's rows; an empty one when there is none."""
    if isinstance(document, list):
        return cast("Rows", document)
    if not isinstance(document, dict):
        return []
    if isinstance(document.get("data"), dict):
        document = document["data"]
    lists = [document[name] for name in _ROW_LISTS if isinstance(document.get(name), list)]
    for name in _ROW_LISTS_BY_SYMBOL:
        by_symbol = document.get(name)
        lists += by_symbol.values() if isinstance(by_symbol, dict) else []
    return cast("Rows", lists[0]) if lists else []


def _repeat(rows: Rows, draw: Random) -> None:
    rows += rows


def _shuffle(rows: Rows, draw: Random) -> None:
    rows.sort(key=lambda _: draw.random())


def _empty(rows: Rows, draw: Random) -> None:
    rows.clear()


def _add_column(rows: Rows, draw: Random) -> None:
    """A list of values has no place for one more."""
    for row in rows:
        if isinstance(row, dict):
            row["added_by_the_vendor"] = 1


def _rename_column(rows: Rows, draw: Random) -> None:
    for row in rows:
        place = _value_place(row)
        if isinstance(row, dict) and place is not None:
            row[f"{place}_renamed"] = row.pop(place)
        elif isinstance(row, list) and place is not None:
            cast("Rows", row).append("renamed")


def _retype_column(rows: Rows, draw: Random) -> None:
    for row in rows:
        place = _value_place(row)
        if place is not None:
            row[place] = _number(row[place]) if isinstance(row[place], str) else str(row[place])


def _change_time_unit(rows: Rows, draw: Random) -> None:
    for row in rows:
        for place in _time_places(row):
            row[place] = _rescaled(row[place])


def _multiply_values(rows: Rows, draw: Random) -> None:
    for row in rows:
        place = _value_place(row)
        if place is not None and _number(row[place]):
            row[place] = _like(row[place], float(row[place]) * 100)


def _revise(rows: Rows, draw: Random) -> None:
    """Change one value of one row a little: the close of a bar or candle, a price, a value."""
    if not rows:
        return
    row = rows[int(draw.random() * len(rows))]
    place = _value_place(row)
    if place is None or not _number(row[place]):
        return
    new = _like(row[place], float(row[place]) * 0.999)
    if float(new) == float(row[place]):
        digits = len(row[place].partition(".")[2]) if isinstance(row[place], str) else 4
        new = _like(row[place], float(row[place]) + 10**-digits)
    row[place] = new


def _leave(rows: Rows, draw: Random) -> None:
    """The rows stay; the document around them does not."""


ROW_CHANGES: Mapping[FaultKind, Callable[[Rows, Random], None]] = {
    FaultKind.DUPLICATED_PAGE: _repeat,
    FaultKind.REORDERED_ROWS: _shuffle,
    FaultKind.ADDED_COLUMN: _add_column,
    FaultKind.MISSING_KEY: _leave,
    FaultKind.RENAMED_COLUMN: _rename_column,
    FaultKind.RETYPED_COLUMN: _retype_column,
    FaultKind.TIME_UNIT: _change_time_unit,
    FaultKind.PRICE_UNIT: _multiply_values,
    FaultKind.EMPTY_LIST: _empty,
    FaultKind.SILENT_REVISION: _revise,
}


def _value_place(row: Any) -> Any:
    """Where a row holds its price or value: an index, a key or None."""
    if isinstance(row, list):
        return min(_VALUE_PLACE, len(row) - 1) if len(row) > 1 else None
    return next((name for name in _VALUES if isinstance(row, dict) and name in row), None)


def _time_places(row: Any) -> list[Any]:
    """Where a row holds times."""
    if isinstance(row, list):
        return [place for place in _TIME_PLACES if place < len(cast("Rows", row))]
    return [name for name in _TIMES if isinstance(row, dict) and name in row]


def _number(value: Any) -> float:
    """The value as a number, 0 where it is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0


def _like(old: Any, new: float) -> Any:
    """A number written as the old one is."""
    if not isinstance(old, str):
        return round(new, 4)
    return f"{new:.{len(old.partition('.')[2])}f}"


def _rescaled(time: Any) -> Any:
    """A time in seconds as milliseconds, or the other way; anything else as it is."""
    if not (isinstance(time, int) or (isinstance(time, str) and time.isdecimal())):
        return time
    other = int(time) // 1000 if int(time) >= _FIRST_MILLISECOND else int(time) * 1000
    return str(other) if isinstance(time, str) else other
