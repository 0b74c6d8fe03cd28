"""Rules that tie the columns of a row together, and every rule of a contract as SQL."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import pandera.pandas as pa

from atlas_assets.contracts.schema import primary_key, sql_types

if TYPE_CHECKING:
    from atlas_assets.contracts.columns import Contract

FINITE = "finite"

# The grammar that pandas and SQL read alike; division is out because they differ on zero.
_GRAMMAR = (
    ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.BinOp, ast.Add, ast.Sub, ast.Mult,
    ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Name, ast.Load, ast.Constant,
)  # fmt: skip


class UntranslatableCheckError(TypeError):
    """A check of a contract that has no SQL form."""


@dataclass(frozen=True)
class Rule:
    """One rule of a contract as SQL.

    Attributes
    ----------
    columns
        Columns it speaks of.
    name
        What it asks, in Pandera's words: ``greater_than(0)``, ``not_nullable``, ``high >= low``.
    tier
        ``shape`` or ``truth``.
    violated
        SQL condition that is true for a row that breaks it; null counts as not broken.
    """

    columns: tuple[str, ...]
    name: str
    tier: Literal["shape", "truth"]
    violated: str


def rule(expression: str) -> Any:
    """Declare a truth about each row, such as ``high_at_least_low = rule("high >= low")``.

    The expression may compare, add, subtract and multiply columns and constants and join the
    results with ``and``, ``or`` and ``not``; Pandera and SQL evaluate the same text. A row in which
    one of its columns is missing or not finite keeps the rule: other rules speak of that.

    Raises
    ------
    ValueError
        When the expression uses anything else.
    """
    names = list(_columns(expression))

    def holds(cls: type[Contract], frame: pd.DataFrame) -> pd.Series:
        judged = frame[names].notna().all(axis=1)
        for name in names:
            if frame[name].dtype.kind == "f":
                judged &= np.isfinite(frame[name])
        kept = np.ones(len(frame), dtype=bool)
        kept[judged] = np.asarray(frame[judged].eval(expression, engine="python"), dtype=bool)
        return pd.Series(kept, index=frame.index)

    # Of a rule that two contracts inherit, Pandera would hand a name to the first only.
    holds.__name__ = expression
    return pa.dataframe_check(statistics={"expression": expression}, description=expression)(holds)


def quote_identifier(name: str) -> str:
    """Quote a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote_relation(name: str) -> str:
    """Quote ``schema.table`` or the name of a relation."""
    return ".".join(map(quote_identifier, name.split(".")))


def sql_rules(contract: type[Contract]) -> tuple[Rule, ...]:
    """Every rule about the rows of a contract, key uniqueness aside, as SQL.

    Bounds speak of finite numbers, ``finite`` speaks of the others: DuckDB orders NaN above every
    number, so that ``NaN >= 0`` holds there.

    Raises
    ------
    UntranslatableCheckError
        When a check has no SQL form.
    """
    schema, types = contract.to_schema(), sql_types(contract)
    rules: list[Rule] = []
    for name, column in schema.columns.items():
        if column.unique or column.regex or not column.required or (name in primary_key(contract) and column.nullable):
            raise UntranslatableCheckError(f"{contract.__name__}.{name}: unique, regex, optional or a nullable key")
        quoted = quote_identifier(name)
        if not column.nullable:
            rules.append(Rule((name,), "not_nullable", "shape", f"{quoted} is null"))
        if types[name] == "DOUBLE":
            rules.append(Rule((name,), FINITE, "truth", f"not isfinite({quoted})"))
        for check in column.checks or []:
            violated = f"{_judged(name, types)} and not ({_condition(quoted, check)})"
            rules.append(Rule((name,), check.error or check.name, "truth", violated))
    for check in schema.checks or []:
        if "expression" not in check.statistics:
            raise UntranslatableCheckError(f"{contract.__name__}.{check.name}: write it with contracts.rules.rule")
        expression: str = check.statistics["expression"]
        names = _columns(expression)
        judged = " and ".join(_judged(name, types) for name in names)
        rules.append(Rule(names, expression, "truth", f"{judged} and not ({_sql(expression)})"))
    return tuple(rules)


def _judged(name: str, types: Mapping[str, str]) -> str:
    quoted = quote_identifier(name)
    return f"coalesce(isfinite({quoted}), false)" if types[name] == "DOUBLE" else f"{quoted} is not null"


def _columns(expression: str) -> tuple[str, ...]:
    tree = ast.parse(expression, mode="eval")
    for node in ast.walk(tree):
        chained = isinstance(node, ast.Compare) and len(node.ops) > 1
        quoted = isinstance(node, ast.Constant) and isinstance(node.value, str) and "'" in node.value
        if chained or quoted or not isinstance(node, _GRAMMAR):
            raise ValueError(f"{expression!r}: {ast.unparse(node) or node} is not part of a rule")
    return tuple(dict.fromkeys(node.id for node in ast.walk(tree) if isinstance(node, ast.Name)))


def _sql(expression: str) -> str:
    tree = ast.parse(expression, mode="eval")
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = quote_identifier(node.id)
    return ast.unparse(tree)


def _literal(value: Any) -> str:
    if isinstance(value, bool | int | float):
        return repr(value)
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    raise UntranslatableCheckError(f"{value!r} has no SQL literal")


def _listed(values: Any) -> str:
    return "(" + ", ".join(map(_literal, values)) + ")"


def _length(column: str, bounds: Mapping[str, int | None]) -> str:
    operators = {"min_value": ">=", "max_value": "<=", "exact_value": "="}
    return " and ".join(
        f"length({column}) {operators[key]} {value}" for key, value in bounds.items() if value is not None
    )


_CONDITIONS: dict[str, Callable[[str, Mapping[str, Any]], str]] = {
    "greater_than": lambda column, bound: f"{column} > {_literal(bound['min_value'])}",
    "greater_than_or_equal_to": lambda column, bound: f"{column} >= {_literal(bound['min_value'])}",
    "less_than": lambda column, bound: f"{column} < {_literal(bound['max_value'])}",
    "less_than_or_equal_to": lambda column, bound: f"{column} <= {_literal(bound['max_value'])}",
    "isin": lambda column, bound: f"{column} in {_listed(bound['allowed_values'])}",
    "notin": lambda column, bound: f"{column} not in {_listed(bound['forbidden_values'])}",
    "str_length": _length,
}


def _condition(column: str, check: pa.Check) -> str:
    if check.name not in _CONDITIONS:
        raise UntranslatableCheckError(f"{column}: {check.name} has no SQL form; add it to contracts.rules")
    return _CONDITIONS[check.name](column, check.statistics)
