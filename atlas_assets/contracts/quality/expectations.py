"""What a table should be beyond its contract: complete, consistent, fresh and plausible, as queries that count.

An expectation is a query of the things that are judged (rows, sessions, series …) with a column ``fails``. What fails
is counted, shown by a few rows, and compared with the share that is tolerated.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

SAMPLE_ROWS = 5


class Family(StrEnum):
    """What an expectation is about."""

    COMPLETENESS = "completeness"
    CONSISTENCY = "consistency"
    FRESHNESS = "freshness"
    ACCURACY = "accuracy"


@dataclass(frozen=True)
class Expectation:
    """One thing that should hold of a table.

    Attributes
    ----------
    family
        What it is about.
    name
        What fails, in the plural, such as ``missing_sessions``: the name of the number.
    says
        What should be so, as a sentence.
    judged
        Query of what is judged, with a column ``fails`` that is true, false or missing (not judged). It may use
        ``$now`` (the present) and ``$scheduled`` (the sources that are loaded by schedule).
    most
        Share that may fail.
    is_error
        Whether more is an error; else it is a warning.
    """

    family: Family
    name: str
    says: str
    judged: str
    most: float = 0.0
    is_error: bool = False


@dataclass(frozen=True)
class Finding:
    """How an expectation was met.

    Attributes
    ----------
    judged, failing
        How many things were judged, and how many of them failed.
    sample
        Some that failed.
    lacks
        Why nothing was judged, when a table or a column is not there; else None.
    """

    expectation: Expectation
    judged: int = 0
    failing: int = 0
    sample: tuple[dict[str, Any], ...] = ()
    lacks: str | None = None

    @property
    def share(self) -> float:
        """Share of what was judged that failed; 0 where nothing was."""
        return self.failing / self.judged if self.judged else 0.0

    @property
    def holds(self) -> bool:
        """Whether no more failed than is tolerated."""
        return self.share <= self.expectation.most


def examine(
    connection: duckdb.DuckDBPyConnection,
    expectations: Iterable[Expectation],
    *,
    now: datetime,
    scheduled: Sequence[str] = (),
) -> list[Finding]:
    """Count what fails each expectation.

    Parameters
    ----------
    connection
        Connection in which the tables can be read by ``schema.table``.
    expectations
        What to look at.
    now
        The present, by which freshness is judged.
    scheduled
        Sources that are loaded by schedule: others come when they come and are never late.
    """
    values = {"now": now, "scheduled": list(scheduled)}
    return [_examined(connection, one, values) for one in expectations]


def missing_values(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str]
) -> tuple[int, dict[str, int]]:
    """Rows of a table, and in how many of them each column has no value."""
    counts = ", ".join(f'count("{column}")' for column in columns)
    rows, *present = connection.execute(f"SELECT count(*), {counts} FROM {table}").fetchall()[0]
    return rows, {column: rows - count for column, count in zip(columns, present, strict=True)}


def _examined(connection: duckdb.DuckDBPyConnection, one: Expectation, values: dict[str, Any]) -> Finding:
    import duckdb

    used = {name: value for name, value in values.items() if f"${name}" in one.judged}
    try:
        ((judged, failing),) = connection.execute(
            f"SELECT count(fails), count(*) FILTER (fails) FROM ({one.judged})", used
        ).fetchall()
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        return Finding(one, lacks=str(error).partition("\n")[0])
    if not failing:
        return Finding(one, judged)
    sample = connection.execute(
        f"SELECT * EXCLUDE (fails) FROM ({one.judged}) WHERE fails ORDER BY ALL LIMIT {SAMPLE_ROWS}", used
    )
    names = [name for name, *_ in sample.description or ()]
    rows = tuple(dict(zip(names, row, strict=True)) for row in sample.fetchall())
    return Finding(one, judged, failing, rows)
