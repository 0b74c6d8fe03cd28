"""The fields of a vendor's records: those that no column reads are found, and what became of those that one does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from atlas_assets.data_sources.client.errors import MalformedReply
from atlas_assets.data_sources.client.reply import excerpt

if TYPE_CHECKING:
    from atlas_assets.contracts.raw import RawColumn
    from atlas_assets.data_sources.base import BaseDataSource, Query

NEW_FIELD = "new field "
"""Begins the name of a column that holds a field which nobody declared, as JSON; no declared column has a blank."""

LOST_FIELD = "lost field "
"""Begins the name of a column that says of each row of a reply which new field a field that may be missing was
probably renamed to, as JSON."""

MOST_NEW_FIELDS = 50
"""What has more is keyed by data, such as days, and not by names."""

LONGEST_NAME = 100
EXAMINED_ROWS = 100
MOST_KNOWN = 1000
LEAST_LIKENESS = 0.5
LEAST_LIKENESS_ALONE = 0.6
"""Of names where nothing else tells of a renaming: what may be missing may be so by right, as volume beside a venue."""
KINDS: Mapping[type, str] = {
    bool: "flag", int: "number", float: "number", str: "text", list: "list", dict: "object", type(None): "missing",
}  # fmt: skip
COLUMN_KINDS: Mapping[str, str] = {"number": "number", "integer": "number", "flag": "flag"}


@dataclass(frozen=True)
class Changes:
    """How records differ from what a source documents.

    Attributes
    ----------
    lost
        Fields that no record has and a column needs.
    gained
        Fields that no column reads, with their kind.
    retyped
        Columns whose every value is of another type, with what is wrong.
    renamed
        Lost fields with the gained one that probably took their place.
    """

    lost: tuple[str, ...] = ()
    gained: tuple[tuple[str, str], ...] = ()
    retyped: tuple[tuple[str, str], ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()

    @property
    def plan(self) -> str:
        """What differs, and what to do, in sentences."""
        told = [
            f"Lost: {', '.join(self.lost)}." if self.lost else "",
            f"New: {', '.join(f'{name} ({kind})' for name, kind in self.gained)}." if self.gained else "",
            f"Of another type: {'; '.join(f'{name} ({what})' for name, what in self.retyped)}." if self.retyped else "",
        ]
        advice = [
            f"If {new} is {old} renamed, read {old} from {new} in the source's file." for old, new in self.renamed
        ]
        rest = [name for name in self.lost if name not in dict(self.renamed)]
        if rest:
            advice.append(
                f"If the vendor dropped {', '.join(rest)} for good, declare it nullable and read it with get."
            )
        if self.retyped:
            names = ", ".join(name for name, _ in self.retyped)
            advice.append(
                f"If the new type of {names} is meant, convert it in the source's file, or give it a new column."
            )
        advice.append("Then load again: the days stay in the ledger as missing, and what the lake has stays as it is.")
        return " ".join([one for one in told if one] + advice)


class FormatChanged(MalformedReply):
    """No row of a reply is as documented: a column was lost, renamed or has another type.

    Attributes
    ----------
    changes
        What differs.
    """

    def __init__(self, message: str, changes: Changes) -> None:
        super().__init__(message, advice=changes.plan)
        self.changes = changes


class HeaderChanged(ValueError):
    """The header of a table of text lacks columns.

    Attributes
    ----------
    changes
        What differs.
    """

    def __init__(self, lost: Sequence[str], unread: Sequence[str]) -> None:
        super().__init__(f"the header lacks {', '.join(lost)}")
        gained = [(name, "text") for name in unread[:MOST_NEW_FIELDS]]
        self.changes = Changes(tuple(lost), tuple(gained), (), renamed(lost, gained, {}))


def column_name(field: str, declared: Mapping[str, Any]) -> str:
    """The name of the column that keeps an undeclared field; never that of a declared column."""
    spaced = "".join(f"_{one}" if one.isupper() else one for one in field.strip())
    name = "".join(one if one.isascii() and one.isalnum() else "_" for one in spaced.lower())
    name = "_".join(part for part in name.split("_") if part)[:50] or "unnamed"
    name = name if name[0].isalpha() else f"field_{name}"
    return f"{name}_as_sent" if name in declared else name


def new_fields(source: type[BaseDataSource[Any, Any]], records: Any, query: Query) -> dict[str, list[str | None]]:
    """The fields that no column reads, as columns of JSON; `NEW_FIELD` begins their names.

    Where a field that may be missing is in none of the records and one of them is much like it, `LOST_FIELD` begins the
    name of a column that says so.
    """
    if source.unkept is None or not isinstance(records, list) or not records or not isinstance(records[0], dict):
        return {}
    names = set().union(*records) - source.unkept
    read = _read_fields(source, query, frozenset(names), records[0])
    told = sorted(name for name in names - read if isinstance(name, str) and len(name) <= LONGEST_NAME)
    told = told[:MOST_NEW_FIELDS]
    if not told:
        return {}
    gained = [(name, _kind([record.get(name) for record in records])) for name in told]
    lost = sorted(name for name in read - names if isinstance(name, str))
    return {
        **{f"{NEW_FIELD}{name}": [_as_json(record.get(name)) for record in records] for name in told},
        **probably_renamed(lost, gained, source.table.columns, len(records)),
    }


def probably_renamed(
    missing: Sequence[str], gained: Sequence[tuple[str, str]], columns: Mapping[str, RawColumn], rows: int
) -> dict[str, list[str | None]]:
    """The columns of ``rows`` rows that say which fields that may be missing were probably renamed."""
    lost = [name for name in missing if (column := columns.get(column_name(name, {}))) is None or column.nullable]
    pairs = [(old, new) for old, new in renamed(lost, gained, columns) if _likeness(old, new) >= LEAST_LIKENESS_ALONE]
    return {f"{LOST_FIELD}{old}": [json.dumps(new)] * rows for old, new in pairs}


def changes_in(source: type[BaseDataSource[Any, Any]], records: Any, query: Query, problem: str) -> Changes:
    """How records of which none can be read differ from the documented ones; ``problem`` is what the first shows."""
    some = records[:EXAMINED_ROWS] if isinstance(records, list) else []
    if not some or not all(isinstance(record, dict) for record in some):
        return Changes(retyped=(("the values", problem),))
    lost = _lost(source, some, query)
    present = set().union(*some)
    unread = sorted(map(str, present - _reads(source, some[0], query, lost)[0] - (source.unkept or frozenset())))
    gained = tuple((name, _kind([record.get(name) for record in some])) for name in unread[:MOST_NEW_FIELDS])
    retyped = () if lost else (_retyped(source, some, query) or (("the values", problem),))
    return Changes(lost, gained, retyped, renamed(lost, gained, source.table.columns))


class _Watched(dict[str, Any]):
    """A record that notes which of its fields are read, and lacks none of those that are ``missing``."""

    def __init__(self, record: Mapping[str, Any], missing: Sequence[str] = ()) -> None:
        super().__init__({**dict.fromkeys(missing), **record})
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)


_READ: dict[tuple[Any, ...], set[str]] = {}


def _read_fields(
    source: type[BaseDataSource[Any, Any]], query: Query, names: frozenset[str], record: Mapping[str, Any]
) -> set[str]:
    """The fields that columns read, asked once for records with the same names."""
    key = (source, names)
    if (known := _READ.get(key)) is not None:
        return known
    read, is_whole = _reads(source, record, query)
    if not is_whole:
        # What is read after the failure is not known: rather no new field than a wrong one.
        return {*names}
    if len(_READ) > MOST_KNOWN:
        _READ.clear()
    return _READ.setdefault(key, read)


def _reads(
    source: type[BaseDataSource[Any, Any]], record: Mapping[str, Any], query: Query, missing: Sequence[str] = ()
) -> tuple[set[str], bool]:
    """The fields of a record that columns read, and whether they came to an end."""
    from atlas_assets.data_sources.parsing import READING_ERRORS

    watched = _Watched(record, missing)
    try:
        source.columns([watched], query)
    except READING_ERRORS:
        return watched.read, False
    return watched.read, True


def _lost(source: type[BaseDataSource[Any, Any]], records: Sequence[Any], query: Query) -> tuple[str, ...]:
    """The fields without which no record can be read, and that none of them has."""
    from atlas_assets.data_sources.parsing import READING_ERRORS

    lost: list[str] = []
    for _ in range(MOST_NEW_FIELDS):
        try:
            source.columns([_Watched(record, lost) for record in records], query)
        except KeyError as error:
            name = error.args[0] if error.args else None
            if not isinstance(name, str) or name in lost or any(name in record for record in records):
                break
            lost.append(name)
        except READING_ERRORS:
            break
        else:
            break
    return tuple(lost)


def _retyped(
    source: type[BaseDataSource[Any, Any]], records: Sequence[Any], query: Query
) -> tuple[tuple[str, str], ...]:
    """Columns that hold nothing of their type, with what they hold."""
    from atlas_assets.data_sources.parsing import READING_ERRORS, typed_column, vendor_schema

    try:
        columns = source.columns(records, query)
    except READING_ERRORS:
        return ()
    wrong: list[tuple[str, str]] = []
    for field in vendor_schema(source.table):
        try:
            typed_column(columns[field.name], field)
        except READING_ERRORS as error:
            wrong.append((field.name, excerpt(str(error), 100)))
    return tuple(wrong)


def renamed(
    lost: Sequence[str], gained: Sequence[tuple[str, str]], columns: Mapping[str, RawColumn]
) -> tuple[tuple[str, str], ...]:
    """Each lost field with the gained one of its kind whose name is most like its own, or the only one."""
    pairs: list[tuple[str, str]] = []
    for old in lost:
        column = columns.get(column_name(old, {}))
        kind = None if column is None else COLUMN_KINDS.get(column.kind, "text")
        alike = [name for name, found in gained if kind in (None, found) and name not in dict(pairs).values()]
        best = max(alike, key=lambda name: _likeness(old, name), default=None)
        if best is not None and (_likeness(old, best) >= LEAST_LIKENESS or len(lost) == len(alike) == 1):
            pairs.append((old, best))
    return tuple(pairs)


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one.lower(), other.lower()).ratio()


def _kind(values: Sequence[Any]) -> str:
    kinds = {KINDS.get(type(value), "text") for value in values if value is not None}
    return kinds.pop() if len(kinds) == 1 else "text" if kinds else "missing"


def _as_json(value: Any) -> str | None:
    return None if value is None else json.dumps(value)
