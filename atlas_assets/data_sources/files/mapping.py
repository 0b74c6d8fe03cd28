"""How dropped files become tables: a dataset and its columns, written in the settings.

A dataset either declares its own table (``raw.landing_<name>``) or names the table of a source whose replies it holds;
those that silver reads are known (`files.known`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from atlas_assets.contracts.raw import LAKE_COLUMNS, Kind, RawColumn, RawTable, integer, raw_table, text
from atlas_assets.data_sources.settings import Section

SOURCE = "landing"
FILE_COLUMNS: Mapping[str, RawColumn] = {
    "file_name": text("Name of the dropped file"),
    "row_number": integer("Position of the row in the file, from 1", ge=1),
}
TABLE_KEY = ("object_id", "row_number")

Bound = Literal["gt", "ge", "lt", "le", "isin", "notin", "str_length"]
EpochUnit = Literal["s", "ms", "us", "ns"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _column(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class FileColumn(Section):
    """A column of a dropped file; ``price: number`` is short for ``price: {kind: number}``.

    Attributes
    ----------
    kind
        ``text``, ``number``, ``integer``, ``flag``, ``day`` or ``instant``.
    names
        Its names in files (``from`` in YAML), the first one that is there counts; its own name unless given.
    unit
        Unit of a number.
    epoch
        Of an instant that is a number: what it counts since 1970 (``s``, ``ms``, ``us`` or ``ns``).
    nullable
        Whether a value, or the whole column, may be missing.
    bounds
        What a value must keep, such as ``{ge: 0}``.
    """

    kind: Kind
    description: str = ""
    names: Names = Field(default=(), alias="from")
    unit: str | None = None
    epoch: EpochUnit | None = None
    nullable: bool = False
    bounds: dict[Bound, Any] = {}

    @model_validator(mode="after")
    def _epoch_of_an_instant(self) -> Self:
        if self.epoch is not None and self.kind != "instant":
            raise ValueError("epoch belongs to a column of kind instant")
        return self


class FileDataset(Section):
    """Files of one kind and where their rows go.

    Attributes
    ----------
    name
        Of the table ``raw.landing_<name>`` and the asset ``raw/landing/<name>``.
    match
        Patterns of the path below the location (``*`` is any text, ``/`` included; case does not matter); the files
        of the folder with the dataset's name unless given.
    columns
        The table's columns by name, in order.
    key
        Columns that name a row of a file: of rows with the same key the first is kept.
    rules
        Truths about each row, such as ``low <= high``.
    delimiter
        Between the values of a CSV; a tab in ``.tsv``.
    source
        Instead of columns: the table of a source whose replies the files are, such as ``raw.cnn_fear_greed``.
    """

    name: str
    match: Names = ()
    description: str = ""
    columns: dict[str, Annotated[FileColumn, BeforeValidator(_column)]] = {}
    key: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    source: str | None = None

    @field_validator("name")
    @classmethod
    def _name_of_a_table(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("a name is lower-case letters, digits and underscores, at most 50, a letter first")
        return name

    @model_validator(mode="before")
    @classmethod
    def _known_ones_have_columns(cls, given: Any) -> Any:
        from atlas_assets.data_sources.files.known import KNOWN_DATASETS

        known = KNOWN_DATASETS.get(given.get("name", "")) if isinstance(given, dict) else None
        if known is None:
            return given
        if not given.keys() <= {"name", "match", "delimiter"}:
            raise ValueError(f"{known.name} has its columns already: give it another match, or another name")
        return {**dict(known), **given}

    @model_validator(mode="after")
    def _columns_agree(self) -> Self:
        if bool(self.columns) == (self.source is not None):
            raise ValueError("a dataset has either columns or a source")
        for name in self.columns:
            if not _NAME.fullmatch(name) or name in FILE_COLUMNS or name in LAKE_COLUMNS:
                raise ValueError(f"{name} cannot name a column: lower-case letters, digits and underscores, none of "
                                 f"{', '.join([*FILE_COLUMNS, *LAKE_COLUMNS])}")  # fmt: skip
        for name in (*self.key, *(name for rule in self.rules for name in _names_in(rule))):
            if name not in self.columns:
                raise ValueError(f"{name} in key or rules is not one of the columns")
        if missing := [name for name in self.key if self.columns[name].nullable]:
            raise ValueError(f"{missing[0]} is part of the key and so cannot be nullable")
        return self

    @property
    def patterns(self) -> tuple[str, ...]:
        """What the path below the location must match."""
        return self.match or (f"{self.name}/*",)

    def takes(self, path: str) -> bool:
        """Whether a file belongs to the dataset; ``path`` is below the location, with ``/``."""
        return any(fnmatchcase(path.lower(), pattern.lower()) for pattern in self.patterns)

    @property
    def table(self) -> RawTable:
        """The table that the dataset declares; always the same one.

        Raises
        ------
        ValueError
            When it names the table of a source instead.
        """
        if self.source is not None:
            raise ValueError(f"{self.name} has no table of its own: its rows go to {self.source}")
        # A contract is made once for each table, so equal declarations must give the same table; a match is none.
        declaration = self.model_dump_json(exclude={"match", "delimiter"})
        return _TABLES.setdefault(declaration, _TABLES.get(declaration) or _table_of(self))


def _names_in(rule: str) -> list[str]:
    try:
        return [node.id for node in ast.walk(ast.parse(rule, mode="eval")) if isinstance(node, ast.Name)]
    except SyntaxError:
        raise ValueError(f"{rule!r} is not a rule such as low <= high") from None


_TABLES: dict[str, RawTable] = {}


def _table_of(dataset: FileDataset) -> RawTable:
    described = dataset.description or f"Rows of files dropped for {dataset.name}"
    columns = {
        name: RawColumn(one.kind, one.description or name, one.unit, one.nullable, {**one.bounds})
        for name, one in dataset.columns.items()
    }
    return raw_table(
        SOURCE,
        dataset.name,
        f"{described.rstrip('.')}. One row per (file, row).",
        columns={**FILE_COLUMNS, **columns},
        key=TABLE_KEY,
        rules=dataset.rules,
        may_be_empty=True,
    )
