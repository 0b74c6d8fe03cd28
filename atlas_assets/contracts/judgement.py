"""Judges a table against its contract: counts in one SQL scan, then Pandera on a few failing rows.

Pandera alone needs seconds and gigabytes for millions of bad rows and lets infinities pass. The
scan needs neither; Pandera then says row by row what is wrong with a bounded sample.
"""

from __future__ import annotations

import time
import warnings
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import pandera.pandas as pa
from pyarrow import Table, bool_, float64, int64

from atlas_assets.contracts.rules import FINITE, Rule, quote_identifier, quote_relation, sql_rules
from atlas_assets.contracts.schema import primary_key, sql_types

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from atlas_assets.contracts.columns import Contract

UNIQUE = "unique"
EXTRA = "extra column"
SLICE_ROWS = 1_000_000
MAX_SLICES = 16


class TableMissingError(LookupError):
    """The table to judge does not exist."""


@dataclass(frozen=True)
class Violation:
    """A rule that does not hold, and for how many rows."""

    column: str
    rule: str
    rows: int


@dataclass(frozen=True)
class FailingRow:
    """A row that breaks rules: its key and offending values, and what is wrong with it."""

    values: Mapping[str, Any]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """What a judgement found.

    Attributes
    ----------
    rows
        Rows judged.
    shape
        Broken rules about columns, types, missing values and the key.
    truth
        Broken rules about values. Columns that are missing or retyped are not judged.
    sample
        Some failing rows, every kind of failure early.
    seconds
        Time taken.
    """

    rows: int
    shape: tuple[Violation, ...]
    truth: tuple[Violation, ...]
    sample: tuple[FailingRow, ...]
    seconds: float

    @property
    def shape_holds(self) -> bool:
        """Whether columns, types and key are as the contract says."""
        return not self.shape

    @property
    def truth_holds(self) -> bool:
        """Whether every value judged is as the contract says."""
        return not self.truth


def judge(
    connection: duckdb.DuckDBPyConnection, relation: str, contract: type[Contract], *, sample_rows: int = 1000
) -> Verdict:
    """Judge a table against its contract.

    Parameters
    ----------
    connection
        Connection in which the relation can be read.
    relation
        ``schema.table`` or the name of a relation; a table of ``raw`` may have more columns than its contract.
    contract
        Its contract.
    sample_rows
        Failing rows to explain at most.

    Raises
    ------
    TableMissingError
        When there is no such relation.
    UntranslatableCheckError
        When the contract has a check without SQL form.
    """
    started = time.perf_counter()
    source = quote_relation(relation)
    try:
        described = connection.execute(f"select * from {source} limit 0").description
    except duckdb.CatalogException as error:
        raise TableMissingError(f"{relation} does not exist yet.") from error
    wrong, sound = _compare_columns({name: str(kind) for name, kind, *_ in described}, contract)
    if relation.startswith("raw."):
        wrong = [(name, reason) for name, reason in wrong if reason != EXTRA]
    rows, broken = _count(connection, source, [rule for rule in sql_rules(contract) if sound >= set(rule.columns)])
    key = tuple(primary_key(contract))
    if key and sound >= set(key):
        broken |= _count_twins(connection, source, key, rows, sample_rows)
    sample = _explain(connection, source, contract, sound, list(broken), sample_rows)
    shape = [Violation(column, reason, rows) for column, reason in wrong]
    shape += [_violation(rule, failing) for rule, failing in broken.items() if rule.tier == "shape"]
    truth = [_violation(rule, failing) for rule, failing in broken.items() if rule.tier == "truth"]
    return Verdict(rows, tuple(shape), tuple(truth), sample, time.perf_counter() - started)


def _violation(rule: Rule, rows: int) -> Violation:
    return Violation(", ".join(rule.columns), rule.name, rows)


def _compare_columns(present: Mapping[str, str], contract: type[Contract]) -> tuple[list[tuple[str, str]], set[str]]:
    """Columns that differ from the contract with the reason, and the names of those that do not."""
    expected = sql_types(contract)
    wrong = [(name, "missing column") for name in expected if name not in present]
    wrong += [(name, EXTRA) for name in present if name not in expected]
    retyped = {name for name in expected if name in present and present[name] != expected[name]}
    wrong += [(name, f"{present[name]} instead of {expected[name]}") for name in expected if name in retyped]
    return wrong, (expected.keys() & present.keys()) - retyped


def _count(connection: duckdb.DuckDBPyConnection, source: str, rules: Sequence[Rule]) -> tuple[int, dict[Rule, int]]:
    """Rows of the table, and of each rule the rows that break it, where there are any."""
    counts = ", ".join(["count(*)", *(f"count_if({rule.violated})" for rule in rules)])
    rows, *failing = connection.execute(f"select {counts} from {source}").fetchall()[0]
    return rows, {rule: number for rule, number in zip(rules, failing, strict=True) if number}


def _count_twins(
    connection: duckdb.DuckDBPyConnection, source: str, key: tuple[str, ...], rows: int, sample_rows: int
) -> dict[Rule, int]:
    """Count the rows that share their key, and make the rule they break, where there are any."""
    names = ", ".join(map(quote_identifier, key))
    # Grouping millions of keys at once takes hundreds of megabytes; twins always meet in one slice.
    slices = min(MAX_SLICES, 1 + rows // SLICE_ROWS)
    found: dict[str, int] = {}
    for part in range(slices):
        groups = f"from {source} where hash({names}) % {slices} = {part} group by {names} having count(*) > 1"
        query = f"select coalesce(sum(twins), 0)::bigint from (select count(*) as twins {groups})"
        twins = f"({names}) in (select ({names}) {groups} limit {sample_rows})"
        found[twins] = connection.execute(query).fetchall()[0][0]
    total = sum(found.values())
    return {Rule(key, UNIQUE, "shape", max(found, key=found.__getitem__)): total} if total else {}


def _explain(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    contract: type[Contract],
    sound: AbstractSet[str],
    broken: Sequence[Rule],
    sample_rows: int,
) -> tuple[FailingRow, ...]:
    """Pandera's word on up to ``sample_rows`` failing rows, some of every broken rule."""
    if not broken:
        return ()
    names = [name for name in sql_types(contract) if name in sound]
    listed = ", ".join(map(quote_identifier, names))
    # Twins may be equal in every column, so they are not merged with the others.
    ordered = sorted(broken, key=lambda rule: rule.name == UNIQUE)
    share = max(2, sample_rows // len(ordered))
    query = f"(select {listed} from {source} where {ordered[0].violated} limit {share})"
    for rule in ordered[1:]:
        union = "union all" if rule.name == UNIQUE else "union"
        query += f" {union} (select {listed} from {source} where {rule.violated} limit {share})"
    rows = connection.execute(f"select * from ({query}) limit {sample_rows}").to_arrow_table()
    reasons = _failures(_frame(rows), contract, sound, broken)
    key = [name for name in primary_key(contract) if name in sound]
    found: list[FailingRow] = []
    for position, row in enumerate(rows.to_pylist()):
        if position in reasons:
            shown = [*key, *(name for rule in reasons[position] for name in rule.columns)]
            texts = tuple(f"{', '.join(rule.columns)}: {rule.name}" for rule in reasons[position])
            found.append(FailingRow({name: row[name] for name in shown}, texts))
    return _varied(found)


def _frame(rows: Table) -> pd.DataFrame:
    frame = rows.to_pandas(
        types_mapper={int64(): pd.Int64Dtype(), bool_(): pd.BooleanDtype()}.get, date_as_object=False
    )
    for name in rows.column_names:
        if rows.schema.field(name).type == float64():
            # pandas cannot tell NaN from missing; infinity is as little finite.
            missing = rows[name].is_null().to_numpy()
            frame[name] = frame[name].where(frame[name].notna() | missing, np.inf)
    return frame


def _failures(
    frame: pd.DataFrame, contract: type[Contract], sound: AbstractSet[str], broken: Sequence[Rule]
) -> dict[int, list[Rule]]:
    """Rules that each row breaks according to Pandera, by position, in the contract's order."""
    schema = contract.to_schema()
    order = {rule: place for place, rule in enumerate(broken)}
    single = {(rule.columns[0], rule.name): rule for rule in broken}
    across = {rule.name: rule for rule in broken}
    finite = pa.Check(np.isfinite, name=FINITE)
    # Types were compared in the scan; coercing here would hide them and cannot hold the year 9999.
    sampled = pa.DataFrameSchema(
        {
            name: pa.Column(
                None,
                [*(column.checks or []), *([finite] if (name, FINITE) in single else [])],
                nullable=column.nullable,
            )
            for name, column in schema.columns.items()
            if name in sound
        },
        checks=[check for check in schema.checks or [] if check.name in across],
        unique=schema.unique if UNIQUE in across else None,
    )
    try:
        with warnings.catch_warnings():
            # Pandera itself concatenates frames of failures in a way that pandas will change.
            warnings.simplefilter("ignore", FutureWarning)
            sampled.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        cases = errors.failure_cases
    else:
        return {}
    reasons: defaultdict[int, set[Rule]] = defaultdict(set)
    for case in cases.itertuples():
        name = UNIQUE if case.check == "multiple_fields_uniqueness" else case.check
        # The scan decides what is broken; Pandera may also call an infinity out of bounds.
        if rule := single.get((case.column, name)) if case.schema_context == "Column" else across.get(name):
            reasons[int(case.index)].add(rule)
    return {position: sorted(_without_repeats(found), key=order.__getitem__) for position, found in reasons.items()}


def _without_repeats(broken: set[Rule]) -> list[Rule]:
    """Without bounds of a value that is not finite."""
    endless = {rule.columns for rule in broken if rule.name == FINITE}
    return [rule for rule in broken if rule.name == FINITE or rule.columns not in endless]


def _varied(rows: list[FailingRow]) -> tuple[FailingRow, ...]:
    """Order the rows so that every combination of reasons shows before one repeats."""
    seen: Counter[tuple[str, ...]] = Counter()
    turns: list[int] = []
    for row in rows:
        turns.append(seen[row.reasons])
        seen[row.reasons] += 1
    return tuple(row for _, row in sorted(zip(turns, rows, strict=True), key=lambda pair: pair[0]))
