"""Expectations of how rows of tables belong together."""

from atlas_assets.contracts.quality.expectations import Expectation, Family


def found_in(
    among: str,
    *,
    of: str,
    by: str,
    name: str,
    says: str,
    family: Family = Family.COMPLETENESS,
    shown: str = "",
    most: float = 0.0,
    is_error: bool = False,
) -> Expectation:
    """Each row of a table or query has a counterpart in another one.

    Parameters
    ----------
    among, of
        Where the counterpart is looked for, and whose.
    by
        Columns that both have and that must be equal.
    shown
        Further columns that a failing row is shown with.
    """
    columns = f"{by}, {shown}" if shown else by
    return Expectation(
        family,
        name,
        says,
        f"""
        SELECT {columns}, found.is_found IS NULL AS fails
        FROM (SELECT DISTINCT {columns} FROM {of}) AS judged
        LEFT JOIN (SELECT DISTINCT {by}, true AS is_found FROM {among}) AS found USING ({by})
        """,
        most=most,
        is_error=is_error,
    )


def known(table: str, column: str, to: str, *, what: str) -> Expectation:
    """Every value of a column is one of another table's column of the same name."""
    return found_in(
        to,
        of=table,
        by=column,
        name=f"unknown_{what}",
        says=f"Every {column} is in {to}.",
        family=Family.CONSISTENCY,
        is_error=True,
    )


def apart(table: str, *, by: str, starts: str, ends: str) -> Expectation:
    """The periods of each group do not overlap."""
    return Expectation(
        Family.CONSISTENCY,
        "overlapping_periods",
        f"The periods of each {by.replace(', ', ' and ')} do not overlap.",
        f"""
        SELECT
            {by}, {starts}, {ends},
            coalesce(lead({starts}) OVER (PARTITION BY {by} ORDER BY {starts}) <= {ends}, false) AS fails
        FROM {table}
        """,
        is_error=True,
    )
