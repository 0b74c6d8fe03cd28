"""Raw tables: what a vendor said, column by column as sent, with the object it came from.

Prices and quantities that the vendor sends as strings stay strings, ``"."`` stays ``"."``. A table is declared
beside the source that fills it, without pandas; its Pandera contract is made when a run needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from atlas_assets.contracts.tables import Table

if TYPE_CHECKING:
    from atlas_assets.contracts.columns import Contract

Kind = Literal["text", "number", "integer", "flag", "day", "instant"]


@dataclass(frozen=True)
class RawColumn:
    """A column of a raw table: its kind, meaning, unit, whether it may be missing, and bounds (Pandera's names)."""

    kind: Kind
    description: str
    unit: str | None = None
    nullable: bool = False
    bounds: Mapping[str, Any] = field(default_factory=dict)


def text(description: str, *, nullable: bool = False, **bounds: Any) -> RawColumn:
    """A column of text as sent."""
    return RawColumn("text", description, None, nullable, bounds)


def number(description: str, *, unit: str | None = None, nullable: bool = False, **bounds: Any) -> RawColumn:
    """A column of finite numbers (64-bit floats)."""
    return RawColumn("number", description, unit, nullable, bounds)


def integer(description: str, *, unit: str | None = None, nullable: bool = False, **bounds: Any) -> RawColumn:
    """A column of whole numbers (64 bits)."""
    return RawColumn("integer", description, unit, nullable, bounds)


def flag(description: str, *, nullable: bool = False) -> RawColumn:
    """A column of truth values."""
    return RawColumn("flag", description, None, nullable)


def day(description: str, *, nullable: bool = False) -> RawColumn:
    """A column of calendar days."""
    return RawColumn("day", description, None, nullable)


def instant(description: str, *, nullable: bool = False) -> RawColumn:
    """A column of instants (UTC, microseconds)."""
    return RawColumn("instant", description, None, nullable)


# What the lake adds to what the vendor sent.
LAKE_COLUMNS: Mapping[str, RawColumn] = {
    "partition_date": day("Daily partition that loaded the row"),
    "object_id": text(
        "SHA-256 of the stored reply the row was read from", str_length={"min_value": 64, "max_value": 64}
    ),
    "ingested_at": instant("When the reply was received (UTC)"),
}


@dataclass(frozen=True, eq=False)
class RawTable(Table):
    """A raw table; see `raw_table`."""

    description: str = ""
    columns: Mapping[str, RawColumn] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()

    @property
    def contract(self) -> type[Contract]:
        """The Pandera model; always the same one."""
        from atlas_assets.contracts.columns import contract_of

        return contract_of(self)


def raw_table(
    source: str,
    dataset: str,
    description: str,
    *,
    columns: Mapping[str, RawColumn],
    key: tuple[str, ...],
    rules: tuple[str, ...] = (),
    may_be_empty: bool = False,
) -> RawTable:
    """The table ``raw.<source>_<dataset>``, written by the asset ``raw/<source>/<dataset>``.

    Parameters
    ----------
    source, dataset
        Vendor and dataset: lower-case letters, digits and underscores.
    description
        What the table is, and what a row means: ``One row per (symbol, date).``
    columns
        The vendor's columns in order; the lake's own follow them.
    key
        Columns that name a row; none of them may be missing.
    rules
        Truths about each row, such as ``"low <= high"`` (see ``contracts.rules.rule``).
    may_be_empty
        Whether no rows at all is nothing to wonder about.
    """
    return RawTable(
        f"raw.{source}_{dataset}",
        ("raw", source, dataset),
        may_be_empty,
        description,
        {**columns, **LAKE_COLUMNS},
        key,
        rules,
    )
