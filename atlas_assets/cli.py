"""The ``atlas`` command.

Exit codes: 0 done, 1 the work failed, 2 wrong usage or configuration. Errors are one sentence.
"""

from __future__ import annotations

import os
import shutil
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd

    from atlas_assets.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

ROWS_SHOWN = 20
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
    format: Annotated[Format, typer.Option(help="How the rows are printed.")] = Format.table,
    output: Annotated[Path | None, typer.Option(help="Write to this file; needed for parquet.")] = None,
) -> None:
    """Print a table, or a part of it."""
    if format is Format.parquet and output is None:
        raise typer.BadParameter("parquet is binary: name a file with --output.")
    lake = _lake()
    frame = lake.read(table, symbols=symbol or None, start=start, end=end, as_of=_as_of(as_of))
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


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3000,
) -> None:
    """Run the Dagster UI and the daemon until Ctrl-C."""
    from atlas_assets.settings import PROJECT_ROOT

    settings = _settings()
    home = dagster_home(settings)
    typer.echo(f"Atlas Quanta runs at http://127.0.0.1:{port} (Ctrl-C stops it).")
    typer.echo(f"Files dropped into {settings.path(settings.landing.folder)} are taken by themselves.")
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
    settings.path(settings.landing.folder).mkdir(parents=True, exist_ok=True)
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
        frame.to_csv(target, index=False)
    elif format is Format.json:
        frame.to_json(target, orient="records", date_format="iso", lines=True)
    else:
        text = frame.to_string(index=False, max_rows=ROWS_SHOWN)
        (output.write_text(f"{text}\n", encoding="utf-8") if output else typer.echo(text))
        if not output:
            typer.echo(f"{len(frame):,} rows")


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
