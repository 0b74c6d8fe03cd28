"""One factory for the checks of every table: its shape, its truth, and what is surprising about it."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from atlas_assets.contracts.tables import Table
from atlas_assets.orchestration.quality_checks import quality_results, quality_specs

if TYPE_CHECKING:
    from atlas_assets.contracts.judgement import FailingRow, Verdict, Violation
    from atlas_assets.lake import Lake

SHAPE = "contract_shape"
TRUTH = "contract_truth"
SURPRISE = "row_count_surprise"

DESCRIPTIONS = {
    SHAPE: "Columns, types, missing values and key are as the contract says.",
    TRUTH: "Values are finite, within bounds and agree with each other as the contract says.",
    SURPRISE: "The table is not empty and kept at least half its rows since the commit before.",
}

# Tables grow or are rewritten whole; losing half of one has always been a vendor's or a reader's fault.
LEAST_SHARE_KEPT = 0.5
SHOWN_ROWS = 10
SHOWN_CHARACTERS = 60


def contract_checks(*tables: Table) -> dg.AssetChecksDefinition:
    """Make the checks of tables from their contracts, answered in one step.

    ``contract_shape`` (columns, types, missing values, key) stops what is downstream,
    ``contract_truth`` (bounds, finiteness, rules between columns) is an error that does not, and
    ``row_count_surprise`` warns of a table that is empty or has lost more than half its rows
    since the commit before. Silver has the four families of `quality_checks` besides. They need
    the resource ``lake``, of which ``open()`` gives the lake. A step costs a process: tables that
    one run makes together are better judged together, unless one stands on the other.
    """

    @dg.multi_asset_check(
        name=f"judge_{'_'.join(tables[0].asset_key if len(tables) == 1 else tables[0].asset_key[:1])}",
        specs=[spec for table in tables for spec in _specs(table)],
        required_resource_keys={"lake"},
        can_subset=True,
    )
    def judge_tables(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        lake: Lake = context.op_execution_context.resources.lake.open()
        selected = context.op_execution_context.selected_asset_check_keys
        for table in tables:
            asset = dg.AssetKey(table.asset_key)
            names = {key.name for key in selected if key.asset_key == asset}
            if names:
                yield from (result for result in _judged(table, asset, names, lake) if result.check_name in names)

    return judge_tables


def _specs(table: Table) -> list[dg.AssetCheckSpec]:
    asset = dg.AssetKey(table.asset_key)
    return [
        dg.AssetCheckSpec(name, asset=asset, description=description, blocking=name == SHAPE)
        for name, description in DESCRIPTIONS.items()
    ] + quality_specs(table)


def _judged(table: Table, asset: dg.AssetKey, names: set[str], lake: "Lake") -> Iterator[dg.AssetCheckResult]:
    from atlas_assets.contracts.judgement import TableMissingError, judge

    try:
        with lake.reader() as connection:
            verdict = judge(connection, table.name, table.contract)
    except TableMissingError:
        yield from _missing(table, asset)
        return
    yield _result(SHAPE, asset, verdict, verdict.shape)
    yield _result(TRUTH, asset, verdict, verdict.truth)
    yield _surprise(table, verdict.rows, _rows_before(lake, table))
    if not names <= DESCRIPTIONS.keys():
        yield from quality_results(table, lake)


def _missing(table: Table, asset: dg.AssetKey) -> Iterator[dg.AssetCheckResult]:
    for name in [*DESCRIPTIONS, *(spec.name for spec in quality_specs(table))]:
        yield dg.AssetCheckResult(
            passed=False,
            check_name=name,
            asset_key=asset,
            severity=dg.AssetCheckSeverity.ERROR if name in (SHAPE, TRUTH) else dg.AssetCheckSeverity.WARN,
            description=f"Table {table.name} does not exist yet: materialise {asset.to_user_string()} first.",
        )


def _result(
    name: str, asset: dg.AssetKey, verdict: "Verdict", violations: Sequence["Violation"]
) -> dg.AssetCheckResult:
    failing = {f"{violation.column}: {violation.rule}": violation.rows for violation in violations}
    metadata: dict[str, Any] = {
        "rows_judged": verdict.rows,
        "broken_rules": len(failing),
        "failing_rows_by_rule": dg.MetadataValue.json(failing),
        "seconds": round(verdict.seconds, 3),
    }
    if sample := [row for row in verdict.sample if not failing.keys().isdisjoint(row.reasons)]:
        metadata["failing_rows"] = dg.MetadataValue.md(_markdown(sample[:SHOWN_ROWS]))
    broken = [f"{reason} ({rows} of {verdict.rows} rows)" for reason, rows in failing.items()]
    return dg.AssetCheckResult(
        passed=not violations,
        check_name=name,
        asset_key=asset,
        severity=dg.AssetCheckSeverity.ERROR,
        description="; ".join(broken) or DESCRIPTIONS[name],
        metadata=metadata,
    )


def _surprise(table: Table, rows: int, before: int | None) -> dg.AssetCheckResult:
    metadata = {"rows": rows} if before is None else {"rows": rows, "rows_before": before}
    if rows == 0:
        description = "The table is empty."
    elif before is None:
        description = f"{rows} rows; no earlier commit to compare with."
    else:
        description = f"{rows} rows, {before} in the commit before."
    return dg.AssetCheckResult(
        passed=(rows > 0 or table.may_be_empty) and rows >= LEAST_SHARE_KEPT * (before or 0),
        check_name=SURPRISE,
        asset_key=dg.AssetKey(table.asset_key),
        severity=dg.AssetCheckSeverity.WARN,
        description=description,
        metadata=metadata,
    )


def _rows_before(lake: "Lake", table: Table) -> int | None:
    """Rows of the table as its last commit but one left it; None where there is no such commit."""
    from atlas_assets.contracts.rules import quote_relation

    commits = lake.snapshots(table.name, limit=2)
    if len(commits) < 2:
        return None
    with lake.reader(as_of=commits[1].id) as connection:
        return connection.execute(f"select count(*) from {quote_relation(table.name)}").fetchall()[0][0]


def _markdown(rows: Sequence["FailingRow"]) -> str:
    lines = ["| what is wrong | row |", "| --- | --- |"]
    for row in rows:
        values = ", ".join(f"{name} = {_cell(value)}" for name, value in row.values.items())
        lines.append(f"| {'; '.join(map(_escape, row.reasons))} | {values} |")
    return "\n".join(lines)


def _cell(value: object) -> str:
    text = "missing" if value is None else _escape(str(value))
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"


def _escape(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
