"""What every reader of a format yields: a row's cells by column, or what is wrong with it, and where it stands."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from atlas_assets.data_sources.client.reply import excerpt
from atlas_assets.data_sources.fields import LONGEST_NAME, MOST_NEW_FIELDS, renamed
from atlas_assets.data_sources.files.errors import FileRefused
from atlas_assets.data_sources.files.mapping import FileDataset

MEBIBYTE = 2**20
LARGEST_FILE = 256 * MEBIBYTE
LARGEST_ROW = MEBIBYTE
MOST_ROWS = 2_000_000
MOST_COLUMNS = 10_000


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a file.

    Attributes
    ----------
    place
        Line and byte offset, or what else the format knows; put into the reason when the row is set aside.
    cells
        What it holds for each column of the dataset, as the format gives it.
    problem
        Why it cannot be read, where it cannot.
    shown
        What stands there then.
    others
        What it holds under names that no column of the dataset has; None for nothing.
    """

    place: str
    cells: Sequence[Any] = ()
    problem: str | None = None
    shown: Any = None
    others: Mapping[str, Any] | None = None


Rows = Iterator[Row]


@dataclass(frozen=True, slots=True)
class Line:
    """A line: its number (from 1), byte offset and content; of one that is too long, the beginning."""

    number: int
    offset: int
    content: bytes

    @property
    def is_too_long(self) -> bool:
        """Whether there is more of it than a row may have."""
        return len(self.content) > LARGEST_ROW

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"line {self.number}, byte {self.offset}"


def lines_of(body: bytes, offset: int) -> Iterator[Line]:
    """The lines of a text, whose first byte has the given offset in its file."""
    file, number = io.BytesIO(body), 0
    while content := file.readline(LARGEST_ROW + 1):
        number += 1
        yield Line(number, offset, content)
        offset += len(content)
        while len(content) > LARGEST_ROW and not content.endswith(b"\n"):
            content = file.readline(LARGEST_ROW + 1)
            offset += len(content)


class Header:
    """The columns of a dataset in a file whose columns have names.

    Attributes
    ----------
    places
        Where each column of the dataset stands; None for one that the file lacks.
    undeclared
        Names of the file that no column has, with their places.

    Raises
    ------
    FileRefused
        When a column that must be there is not, or is there twice.
    """

    def __init__(self, names: Sequence[str], dataset: FileDataset) -> None:
        if len(names) > MOST_COLUMNS:
            raise FileRefused(f"The file has {len(names)} columns, more than {MOST_COLUMNS}.")
        places: dict[str, list[int]] = {}
        for place, name in enumerate(names):
            places.setdefault(normal(name), []).append(place)
        self.places: list[int | None] = []
        missing: list[str] = []
        for name, aliases in aliases_of(dataset).items():
            found = next((places[alias] for alias in aliases if alias in places), [])
            if len(found) > 1:
                raise FileRefused(f"The column {excerpt(names[found[0]], 60)} is there {len(found)} times: keep one.")
            if not found and not dataset.columns[name].nullable:
                missing.append(name)
            self.places.append(found[0] if found else None)
        self.undeclared = undeclared(names, dataset)
        if missing:
            raise FileRefused(_lacking(missing, names, [name for name, _ in self.undeclared]))

    def cells(self, values: Sequence[Any]) -> list[Any]:
        """A row's cells in the dataset's order; None for a column that the file lacks."""
        return [None if place is None else values[place] for place in self.places]

    def others(self, values: Sequence[Any]) -> Mapping[str, Any] | None:
        """What a row holds beside them."""
        return {name: values[place] for name, place in self.undeclared if values[place]} if self.undeclared else None


def undeclared(names: Sequence[Any], dataset: FileDataset) -> list[tuple[str, int]]:
    """The names of a file that no column has, with their places; of too many the first."""
    declared = {alias for aliases in aliases_of(dataset).values() for alias in aliases}
    found: dict[str, int] = {}
    for place, name in enumerate(names):
        if isinstance(name, str) and 0 < len(name.strip()) <= LONGEST_NAME and normal(name) not in declared:
            found.setdefault(name.strip(), place)
    return list(found.items())[:MOST_NEW_FIELDS]


def _lacking(missing: Sequence[str], names: Sequence[str], others: Sequence[str]) -> str:
    there = excerpt(", ".join(str(name) for name in names[:50]), 200)
    told = f"Missing column {', '.join(missing)}; the file has: {there or 'none'}."
    pairs = renamed(missing, [(name, "text") for name in others], {})
    plan = [
        f"if {new} is {old} renamed, write {old} in the file or add {new} to its names (from)" for old, new in pairs
    ]
    return f"{told} Plan: {excerpt('; '.join(plan), 300)}." if plan else told


def aliases_of(dataset: FileDataset) -> Mapping[str, tuple[str, ...]]:
    """The names in files of each column, as `normal` writes them."""
    return {name: tuple(normal(alias) for alias in one.names or (name,)) for name, one in dataset.columns.items()}


def normal(name: Any) -> str:
    """A column's name without outer blanks, in lower case."""
    return str(name).strip().lower()
