"""How a vendor's records change: what it adds gets a column of its own, what it takes away is told with a plan."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from atlas_assets.data_sources.fields import LOST_FIELD, MOST_NEW_FIELDS, NEW_FIELD, Changes, column_name

if TYPE_CHECKING:
    import pyarrow as pa

    from atlas_assets.contracts.raw import RawTable
    from atlas_assets.lake import Lake, ObjectRecord, SchemaChange

EXACT = 2**53
"""Larger whole numbers are no exact floats, and kept as text."""

NUMBER, TEXT = "DOUBLE", "VARCHAR"


@dataclass
class SchemaNotes:
    """What one load notes about the records of a table.

    Attributes
    ----------
    table
        Where the rows go.
    lake
        What it has decides how an undeclared column is stored.
    now, run_id
        The load.
    added
        New columns with the first object whose rows have them.
    renamed
        Fields that may be missing and are in no record, with the new field that is probably each of them.
    """

    table: RawTable
    lake: Lake
    now: datetime
    run_id: str
    added: dict[str, str] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)

    def settled(self, rows: pa.Table) -> tuple[pa.Table, list[SchemaChange]]:
        """Rows with undeclared fields in columns of their own, and the lines of the ledger for those that are new.

        A column holds numbers where every value so far is one, otherwise text; a field that changes its mind has
        its texts in another column. Columns that earlier loads added are there too, so that rows which stay keep them.
        """
        import pyarrow as pa

        known = self._known()
        rows, pairs = _renamed_in_all(rows)
        lines: list[SchemaChange] = []
        for carrier in [name for name in rows.column_names if name.startswith(NEW_FIELD)]:
            texts, name = rows[carrier], carrier.removeprefix(NEW_FIELD)
            rows = rows.drop_columns([carrier])
            values = [None if one is None else json.loads(one) for one in texts.to_pylist()]
            if texts.null_count == len(texts):
                continue
            column, kind = self._place(name, values, {**known, **dict.fromkeys(rows.column_names, "")})
            if column in rows.column_names or (column not in known and len(known) >= MOST_NEW_FIELDS):
                continue
            first = rows["object_id"].filter(texts.is_valid())[0].as_py()
            lines += self._renamings(pairs, name, column, first)
            if column not in known:
                known[column] = kind
                lines.append(self._line("added", name, self._advice(name, column, kind), first, column))
                self.added[column] = first
            rows = rows.append_column(column, pa.array(_stored(values, kind), _arrow(kind)))
        for column, kind in known.items():
            if column not in rows.column_names and kind in (NUMBER, TEXT):
                rows = rows.append_column(column, pa.nulls(rows.num_rows, _arrow(kind)))
        return rows, lines

    def refused(self, changes: Changes, objects: Sequence[ObjectRecord]) -> list[SchemaChange]:
        """The line of the ledger for an answer of which no row is as documented."""
        if not objects:
            return []
        first = next((one for one in objects if not one.rows), objects[-1])
        concerned = ", ".join([*changes.lost, *(name for name, _ in changes.retyped)])[:200]
        return [self._line("refused", concerned, changes.plan, first.object_id, None)]

    def _renamings(
        self, pairs: Sequence[tuple[str, str]], new: str, column: str, object_id: str
    ) -> Iterator[SchemaChange]:
        """The lines for fields that are probably a new one, but where the ledger has them."""
        for old in [one for one, other in pairs if other == new]:
            is_told = old in self.renamed or self._is_told("renamed", old, column)
            self.renamed[old] = new
            if not is_told:
                plan = (
                    f"{old} is in no record, and {new} (kept as {self.table.name}.{column}) is much like it. If it is "
                    f"{old} renamed, read {old} from {new} in the source's file; if not, nothing is wrong."
                )
                yield self._line("renamed", old, plan, object_id, column)

    def _is_told(self, change: str, name: str, column: str) -> bool:
        _, source, dataset = self.table.asset_key
        found = self.lake.sql(
            "SELECT 1 FROM lake.raw.schema_changes"
            " WHERE source = ? AND dataset = ? AND change = ? AND field = ? AND column_name = ? LIMIT 1",
            [source, dataset, change, name, column],
        )
        return found.num_rows > 0

    def _known(self) -> dict[str, str]:
        """The table's undeclared columns in the lake, and their types."""
        _, name = self.table.name.split(".")
        found = self.lake.sql(
            "SELECT column_name, data_type FROM duckdb_columns()"
            " WHERE database_name = 'lake' AND schema_name = 'raw' AND table_name = ? ORDER BY column_index",
            [name],
        ).to_pylist()
        return {one["column_name"]: one["data_type"] for one in found if one["column_name"] not in self.table.columns}

    def _place(self, name: str, values: Sequence[Any], taken: dict[str, str]) -> tuple[str, str]:
        """The column and the type for the values of a field."""
        kind = NUMBER if all(one is None or _is_number(one) for one in values) else TEXT
        column = column_name(name, self.table.columns)
        if taken.get(column, kind) == kind:
            return column, kind
        return (column, TEXT) if taken[column] == TEXT else (f"{column}_text", TEXT)

    def _advice(self, name: str, column: str, kind: str) -> str:
        return (
            f"{name} is kept as {self.table.name}.{column} ({'numbers' if kind == NUMBER else 'text'}); "
            "declare the column in the source's file to give it a meaning, or name the field in unkept."
        )

    def _line(self, change: str, name: str, plan: str, object_id: str, column: str | None) -> SchemaChange:
        from atlas_assets.lake import SchemaChange

        _, source, dataset = self.table.asset_key
        return SchemaChange(
            source=source,
            dataset=dataset,
            change=change,
            field=name,
            column_name=column,
            plan=plan,
            object_id=object_id,
            noted_at=self.now,
            run_id=self.run_id,
        )


def standing_changes(lake: Lake) -> list[dict[str, Any]]:
    """Changes that still stand: what was added and nobody declared yet, the first refusal since rows last came.

    A renaming stands as long as the rows received last have the new field, which nobody reads.
    """
    from atlas_assets.contracts.rules import quote_identifier
    from atlas_assets.orchestration.tables import table

    refused = lake.sql(
        "WITH good AS ("
        "SELECT source, dataset, max(fetched_at) AS last FROM lake.raw.objects WHERE rows > 0 GROUP BY ALL)"
        " SELECT changes.* FROM lake.raw.schema_changes AS changes LEFT JOIN good USING (source, dataset)"
        " WHERE change = 'refused' AND noted_at >= coalesce(last, noted_at)"
        " QUALIFY row_number() OVER (PARTITION BY source, dataset ORDER BY noted_at, object_id) = 1"
        " ORDER BY source, dataset"
    ).to_pylist()
    added = lake.sql(
        "SELECT * FROM lake.raw.schema_changes WHERE change IN ('added', 'renamed')"
        " ORDER BY source, dataset, noted_at, change, field"
    ).to_pylist()

    def is_declared(line: dict[str, Any]) -> bool:
        try:
            contract = table(f"raw.{line['source']}_{line['dataset']}")
        except KeyError:  # of a dataset that the settings do not have any more
            return False
        return line["column_name"] in getattr(contract, "columns", {})

    def is_past(line: dict[str, Any]) -> bool:
        name = "lake.raw." + quote_identifier(f"{line['source']}_{line['dataset']}")
        column = quote_identifier(line["column_name"])
        newest = f"SELECT max(ingested_at) FROM {name}"
        return lake.sql(f"SELECT count({column}) AS n FROM {name} WHERE ingested_at = ({newest})")["n"][0].as_py() == 0

    standing = [line for line in added if not is_declared(line)]
    return [*refused, *(line for line in standing if line["change"] == "added" or not is_past(line))]


def _renamed_in_all(rows: pa.Table) -> tuple[pa.Table, list[tuple[str, str]]]:
    """Rows without what replies say of renamings, and the renamings of which every row says the same."""
    pairs: list[tuple[str, str]] = []
    for carrier in [name for name in rows.column_names if name.startswith(LOST_FIELD)]:
        said = rows[carrier].unique().to_pylist()
        rows = rows.drop_columns([carrier])
        if len(said) == 1 and said[0] is not None:
            pairs.append((carrier.removeprefix(LOST_FIELD), json.loads(said[0])))
    return rows, pairs


def _is_number(value: Any) -> bool:
    is_whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= EXACT
    return is_whole or (isinstance(value, float) and abs(value) < float("inf"))


def _arrow(kind: str) -> Any:
    import pyarrow as pa

    return pa.float64() if kind == NUMBER else pa.string()


def _stored(values: Sequence[Any], kind: str) -> list[Any]:
    if kind == NUMBER:
        return [None if one is None else float(one) for one in values]
    return [None if one is None else _text(one) for one in values]


def _text(value: Any) -> str:
    """A text as sent where the lake can hold it, anything else as JSON."""
    is_text = isinstance(value, str) and not any(one == "\0" or "\ud800" <= one <= "\udfff" for one in value)
    return value if is_text else json.dumps(value)
