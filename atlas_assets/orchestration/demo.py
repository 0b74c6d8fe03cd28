"""The demo and the status as a person sees them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path

import dagster as dg
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.status import Status
from rich.table import Table

from atlas_assets.orchestration.execution import AssetOutcome, Report, bring_up_to_date
from atlas_assets.orchestration.planning import all_missing_loads, stale_assets
from atlas_assets.orchestration.resources import configured_lake, configured_settings, shared_state

WIDTH_OF_A_PIPE = 130
console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_OF_A_PIPE, file=sys.stdout)


def run_demo(load: Callable[[], dg.Definitions], home: Path) -> bool:
    """Bring the graph up to date on this machine and say what happened; False when something failed."""
    console.print(
        f"[bold]Atlas Quanta[/bold], environment {configured_settings().environment}: reading the asset graph …"
    )
    definitions = load()
    with open_instance(home) as instance:
        with _noise_goes_to(home.parent / "logs" / "demo.log"), console.status("making …") as status:
            report = bring_up_to_date(definitions, instance, listener=partial(_say, status))
        if not report.outcomes:
            console.print(
                "Nothing new: every asset is up to date, no work was done. [dim]atlas status shows them.[/dim]"
            )
            return True
        _print_report(report)
    return not report.failed


def print_status(load: Callable[[], dg.Definitions], home: Path) -> None:
    """Every asset with its rows, when it was made, and what is stale, missing or failing."""
    graph = load().resolve_asset_graph()
    with open_instance(home) as instance:
        missing = {
            load.key: f"{load.partitions} days missing from {load.first}"
            for load in all_missing_loads(graph, instance, configured_lake())
        }
        stale = stale_assets(graph, instance, configured_lake())
        table = Table("asset", "rows", "made (UTC)", "state", "checks failing", box=SIMPLE_HEAD)
        for key in graph.toposorted_asset_keys:
            event = instance.get_latest_materialization_event(key)
            made = event.asset_materialization if event else None
            rows = made.metadata.get("dagster/row_count") if made else None
            state = missing.get(key) or stale.get(key) or ("up to date" if made else "never made")
            table.add_row(
                key.to_user_string(),
                f"{rows.value:,}" if rows is not None else "",
                _time(event),
                state if state == "up to date" else f"[yellow]{state}[/yellow]",
                ", ".join(_failing_checks(graph, instance, key)) or "none",
            )
        console.print(table)
    _print_limits()


def _print_limits() -> None:
    """Where each vendor's limits stand, once any was asked."""
    from atlas_assets.data_sources.client.status import vendor_status

    vendors = vendor_status(shared_state(), configured_settings().now())
    if not vendors:
        return
    table = Table("vendor", "a minute", "calls", "quota left", "asked again", "breaker", box=SIMPLE_HEAD)
    for vendor in vendors:
        blocked = (
            "now" if vendor.blocked_until is None else f"[yellow]{vendor.blocked_until:%Y-%m-%d %H:%M:%S}[/yellow]"
        )
        table.add_row(
            vendor.source,
            f"{vendor.used} of {vendor.rate_limit or '?'}",
            str(vendor.calls),
            "" if vendor.quota_left is None else f"{vendor.quota_left:,}",
            blocked,
            vendor.breaker if vendor.breaker == "closed" else f"[yellow]{vendor.breaker}[/yellow]",
        )
    console.print(table)


@contextmanager
def open_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """The Dagster instance of a folder, quiet on the console."""
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


@contextmanager
def _noise_goes_to(file: Path) -> Iterator[None]:
    """What Dagster and dbt print, into a file that one can read when something failed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8") as log, redirect_stdout(log), redirect_stderr(log):
        yield


def _say(status: Status, what: str, outcome: AssetOutcome) -> None:
    name = outcome.key.to_user_string()
    if what == "started":
        status.update(f"making {name} …")
    elif what == "failed":
        console.print(f"  [red]failed[/red]  {name}: {outcome.error}")
    else:
        rows = "" if outcome.rows is None else f"{outcome.rows:>9,} rows"
        console.print(
            f"  [green]made[/green]    {name:<42} {rows}  {outcome.seconds:5.1f} s  [dim]{outcome.reason}[/dim]"
        )


def _print_report(report: Report) -> None:
    table = Table(title="What was made", box=SIMPLE_HEAD, title_justify="left")
    table.add_column("asset", no_wrap=True)
    table.add_column("rows", justify="right")
    table.add_column("seconds", justify="right")
    table.add_column("checks")
    table.add_column("plot", no_wrap=True)
    for outcome in report.outcomes:
        table.add_row(
            outcome.key.to_user_string(),
            "" if outcome.rows is None else f"{outcome.rows:,}",
            f"{outcome.seconds:.1f}",
            _checks(outcome),
            Path(outcome.plot).name if outcome.plot else "",
        )
    console.print(table)
    plots = [outcome.plot for outcome in report.outcomes if outcome.plot]
    passed = sum(outcome.checks_passed for outcome in report.outcomes)
    failed = sum(len(outcome.checks_failed) for outcome in report.outcomes)
    console.print(f"{len(report.outcomes)} assets in {report.seconds:.0f} s; {passed} checks passed, {failed} failed.")
    if plots:
        console.print(f"Plots: {Path(plots[0]).parent}")
    console.print(
        "Next: [bold]make ui[/bold] · [bold].venv/bin/atlas status[/bold]\n"
        "      [bold].venv/bin/atlas read silver.daily_bars --symbol GSPC --from 2018-01-01[/bold]\n"
        "      drop a CSV of daily bars into landing/ while the UI runs"
    )


def _checks(outcome: AssetOutcome) -> str:
    if outcome.error:
        return f"[red]{outcome.error}[/red]"
    if outcome.checks_failed:
        return f"{outcome.checks_passed} passed, failed: {', '.join(outcome.checks_failed)}"
    return f"{outcome.checks_passed} passed"


def _time(event: dg.EventLogEntry | None) -> str:
    from datetime import UTC, datetime

    return "" if event is None else datetime.fromtimestamp(event.timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _failing_checks(graph: dg.AssetGraph, instance: dg.DagsterInstance, key: dg.AssetKey) -> list[str]:
    keys = list(graph.get_check_keys_for_assets({key}))
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys) if keys else {}
    return sorted(
        check.name
        for check, record in records.items()
        if record.event is not None
        and record.event.dagster_event is not None
        and record.event.dagster_event.event_type_value == "ASSET_CHECK_EVALUATION"
        and not record.event.dagster_event.asset_check_evaluation_data.passed
    )
