"""The ``atlas`` command.

Exit codes: 0 done, 1 the work failed, 2 wrong usage or configuration. Errors are one sentence.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    import pandas as pd

    from atlas_assets.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
stream = typer.Typer(no_args_is_help=True, help="Stream into the lake.")
app.add_typer(stream, name="stream")
quarantine = typer.Typer(no_args_is_help=True, help="Rows that were set aside: look at them and decide.")
app.add_typer(quarantine, name="quarantine")

ROWS_SHOWN = 20
# How a text begins that spreadsheets run as a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
# What Typer returns after Ctrl-C.
INTERRUPTED = 130


class Format(StrEnum):
    """How data is printed."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


class WorkFailed(Exception):
    """The work was tried and failed; the message says why in one sentence."""


@app.callback()
def atlas() -> None:
    """Atlas Quanta: a lakehouse for market data in which every dataset and model is an asset."""


@app.command()
def demo() -> None:
    """Bring the whole graph up to date, with live progress and a summary."""
    from atlas_assets.definitions import defs
    from atlas_assets.orchestration.demo import run_demo

    if not run_demo(defs, dagster_home(_settings())):
        raise WorkFailed("The graph is not up to date: the table above says which asset failed and why.")


@app.command()
def status() -> None:
    """What is fresh, failed or missing."""
    from atlas_assets.definitions import defs
    from atlas_assets.orchestration.demo import print_status

    print_status(defs, dagster_home(_settings()))


@app.command()
def doctor() -> None:
    """What is wrong with this machine or configuration."""
    from atlas_assets.orchestration.doctor import examine

    findings = examine(_settings())
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        typer.echo(f"{'ok     ' if finding.ok else 'PROBLEM'}  {finding.subject:<{width}}  {finding.detail}")
    problems = sum(not finding.ok for finding in findings)
    if problems:
        raise WorkFailed(f"{problems} of {len(findings)} examinations found a problem: the lines above say what to do.")


@app.command()
def read(
    table: Annotated[str, typer.Argument(help="Table, such as silver.daily_bars.")],
    symbol: Annotated[list[str] | None, typer.Option(help="Only this symbol; may be repeated.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="First day or time, inclusive.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Last day or time, inclusive.")] = None,
    as_of: Annotated[str | None, typer.Option(help="Snapshot number, or a time: the table as it was then.")] = None,
    known_on: Annotated[
        str | None, typer.Option(help="Day: what the world knew then, of a table with vintages.")
    ] = None,
    format: Annotated[Format, typer.Option(help="How the rows are printed.")] = Format.table,
    output: Annotated[Path | None, typer.Option(help="Write to this file; needed for parquet.")] = None,
) -> None:
    """Print a table, or a part of it."""
    if format is Format.parquet and output is None:
        raise typer.BadParameter("parquet is binary: name a file with --output.")
    lake = _lake()
    frame = lake.read(
        table, symbols=symbol or None, start=start, end=end, as_of=_as_of(as_of), known_on=known_on or None
    )
    _print(frame, format, output)


@app.command()
def sql(
    query: Annotated[
        str, typer.Argument(help='One statement that reads, such as "select count(*) from silver.trades".')
    ],
    as_of: Annotated[str | None, typer.Option(help="Snapshot number, or a time: the lake as it was then.")] = None,
    format: Annotated[Format, typer.Option(help="How the rows are printed.")] = Format.table,
    output: Annotated[Path | None, typer.Option(help="Write to this file; needed for parquet.")] = None,
) -> None:
    """Ask the lake in SQL; nothing can be written."""
    if format is Format.parquet and output is None:
        raise typer.BadParameter("parquet is binary: name a file with --output.")
    _print(_lake().sql(query, as_of=_as_of(as_of)).to_pandas(), format, output)


@stream.command()
def binance(
    seconds: Annotated[float | None, typer.Option(help="End after so many seconds.", min=0)] = None,
    batch_seconds: Annotated[float | None, typer.Option(help="Seconds from one commit to the next.", min=0.1)] = None,
) -> None:
    """Stream trades and candles of Binance into the lake until Ctrl-C; what is missing is fetched."""
    from atlas_assets.orchestration.stream_commands import stream_binance

    _stream(stream_binance, seconds, batch_seconds)


@stream.command()
def kafka(
    seconds: Annotated[float | None, typer.Option(help="End after so many seconds.", min=0)] = None,
    batch_seconds: Annotated[float | None, typer.Option(help="Seconds from one commit to the next.", min=0.1)] = None,
) -> None:
    """Stream the messages of Kafka topics into the lake until Ctrl-C."""
    from atlas_assets.orchestration.stream_commands import stream_kafka

    _stream(stream_kafka, seconds, batch_seconds)


def _stream(run: Callable[..., None], seconds: float | None, batch_seconds: float | None) -> None:
    from atlas_assets.monitoring.logs import configure_logging
    from atlas_assets.orchestration.stream_commands import Interval
    from atlas_assets.streaming.errors import SinkUnavailable, StreamError

    settings = _settings()
    configure_logging(level=settings.logging.level, format=settings.logging.format)
    try:
        run(settings, _lake(), Interval(seconds, batch_seconds), typer.echo)
    except (StreamError, SinkUnavailable) as error:
        raise WorkFailed(str(error)) from None


@quarantine.command("list")
def list_quarantined(
    symbol: Annotated[str | None, typer.Option(help="Only this ticker.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="First session.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Last session.")] = None,
    all_states: Annotated[bool, typer.Option("--all", help="Decided rows as well.")] = False,
    format: Annotated[Format, typer.Option(help="How it is printed.")] = Format.table,
) -> None:
    """The rows that nobody decided about yet."""
    from atlas_assets.orchestration.quarantine import quarantined

    if format is Format.parquet:
        raise typer.BadParameter("parquet is binary: print table, csv or json.")
    state = None if all_states else "open"
    found = quarantined(_lake(), symbol=symbol, start=_day(start), end=_day(end), state=state)
    shown = ["quarantine_id", "source", "symbol", "session_date", "rule", "reason", "content", "state"]
    _print(found[shown if format is Format.table else list(found.columns)], format, None)


@quarantine.command()
def release(
    ids: Annotated[list[str], typer.Argument(help="Ids, as atlas quarantine list shows them.")],
    note: Annotated[str, typer.Option(help="Why.")],
) -> None:
    """Let rows into silver after all."""
    _decide(ids, "release", note)


@quarantine.command()
def reject(
    ids: Annotated[list[str], typer.Argument(help="Ids, as atlas quarantine list shows them.")],
    note: Annotated[str, typer.Option(help="Why.")],
) -> None:
    """Keep rows out for good; they stay in the list of all states."""
    _decide(ids, "reject", note)


def _decide(ids: list[str], decision: Literal["release", "reject"], note: str) -> None:
    import getpass

    from atlas_assets.orchestration.quarantine import UndecidableError, decide

    try:
        number = decide(_lake(), ids, decision, note=note, decided_by=getpass.getuser(), now=_settings().now())
    except UndecidableError as error:
        raise typer.BadParameter(str(error)) from error
    typer.echo(f"{number} decided. Materialise silver/market/daily_bars_by_source and what follows it to apply it.")


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text} is no day: write it as 2018-12-31.") from None


@app.command()
def coverage(
    source: Annotated[str | None, typer.Argument(help="Only this source, such as binance.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Only this dataset, such as klines.")] = None,
    gaps: Annotated[bool, typer.Option("--gaps", help="The missing days, with the reasons.")] = False,
    format: Annotated[Format, typer.Option(help="How it is printed.")] = Format.table,
) -> None:
    """What is there of each instrument, until when it is final, and what is missing."""
    import pandas as pd

    from atlas_assets.orchestration.coverage import overview

    if format is Format.parquet:
        raise typer.BadParameter("parquet is binary: print table, csv or json.")
    known = overview(_lake(), source, dataset)
    if not known:
        if source is None and dataset is None:
            raise WorkFailed("Nothing was asked for yet: run atlas demo, or materialise raw assets in atlas ui, first.")
        raise typer.BadParameter("Nothing was asked for yet of what you name: see atlas coverage without arguments.")
    names = ("source", "dataset", "instrument")
    if gaps:
        columns = (*names, "first_day", "last_day", "asked_again", "reason")
        lines = [
            (
                one.source,
                one.dataset,
                one.instrument,
                gap.first,
                gap.last,
                not gap.is_settled,
                gap.reason or "not asked",
            )
            for one in known
            for gap in one.gaps
        ]
    else:
        columns = (*names, "first_day", "final_until", "present_until", "partial_until", "gaps")
        lines = [(*(getattr(one, name) for name in columns[:-1]), len(one.gaps)) for one in known]
    frame = pd.DataFrame([[str(value) if isinstance(value, date) else value for value in line] for line in lines])
    _print(frame.set_axis(columns, axis=1) if lines else pd.DataFrame(columns=columns), format, None)


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3000,
) -> None:
    """Run the Dagster UI and the daemon until Ctrl-C."""
    from atlas_assets.settings import PROJECT_ROOT

    settings = _settings()
    home = dagster_home(settings)
    typer.echo(f"Atlas Quanta runs at http://127.0.0.1:{port} (Ctrl-C stops it).")
    places = [*(str(settings.path(folder)) for folder in settings.landing.folders), *settings.landing.urls]
    typer.echo(f"Files dropped into {' or '.join(places)} are taken by themselves.")
    sys.stdout.flush()
    command = Path(sys.executable).with_name("dagster")
    workspace = PROJECT_ROOT / "workspace.yaml"
    os.environ["DAGSTER_HOME"] = str(home)
    os.execv(command, [str(command), "dev", "-w", str(workspace), "-h", "127.0.0.1", "-p", str(port)])


def dagster_home(settings: Settings) -> Path:
    """Dagster's folder, made ready: ``DAGSTER_HOME`` or ``data/dagster``, with the house's configuration."""
    from atlas_assets.settings import PROJECT_ROOT

    home = Path(os.environ.get("DAGSTER_HOME") or settings.path(Path("data/dagster"))).absolute()
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        shutil.copyfile(PROJECT_ROOT / "dagster.yaml", home / "dagster.yaml")
    for folder in settings.landing.folders:
        settings.path(folder).mkdir(parents=True, exist_ok=True)
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def _settings() -> Settings:
    from atlas_assets.settings import load_settings

    return load_settings()


def _lake():  # noqa: ANN202 - the type would import DuckDB
    from atlas_assets import open_lake

    return open_lake(_settings())


def _as_of(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.isdecimal() else text


def _print(frame: pd.DataFrame, format: Format, output: Path | None) -> None:
    target = output or sys.stdout
    if output is not None and format is Format.parquet:
        frame.to_parquet(output, index=False)
    elif format is Format.csv:
        _harmless(frame).to_csv(target, index=False)
    elif format is Format.json:
        frame.to_json(target, orient="records", date_format="iso", lines=True)
    else:
        blank = frame.apply(lambda column: column.where(column.notna(), "") if column.dtype == object else column)
        text = blank.to_string(index=False, max_rows=ROWS_SHOWN, na_rep="")
        (output.write_text(f"{text}\n", encoding="utf-8") if output else typer.echo(text))
        if not output:
            typer.echo(f"{len(frame):,} rows")


def _harmless(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with a ``'`` before texts that a spreadsheet would run as a formula; other formats keep every byte."""

    def guarded(cell: object) -> object:
        return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell

    return frame.apply(lambda column: column.map(guarded) if column.dtype == object else column)


def main() -> None:
    """Run the command and turn every expected error into one sentence and its exit code."""
    from atlas_assets.settings import SettingsError

    try:
        code = app(args=sys.argv[1:] or ["--help"], standalone_mode=False)
        if code == INTERRUPTED:
            raise WorkFailed("Stopped.")
        raise SystemExit(code)
    except SettingsError as error:
        _fail(error, 2)
    except typer.TyperException as error:
        _fail(f"{' '.join(error.format_message().split())} See atlas --help.", 2)
    except WorkFailed as error:
        _fail(error, 1)
    except Exception as error:
        from atlas_assets.lake import LakeError

        if not isinstance(error, LakeError):
            raise
        _fail(error, 1)


def _fail(message: object, code: int) -> None:
    typer.echo(f"atlas: {message}", err=True)
    raise SystemExit(code)
