"""What every materialisation says about itself, always in the same words."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import cache
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from matplotlib.figure import Figure

    from atlas_assets.contracts.tables import Table
    from atlas_assets.lake import Lake

PREVIEW_ROWS = 5
PREVIEW_COLUMNS = 8
TIME_COLUMNS = (
    "session_date",
    "period",
    "event_time",
    "bucket_end",
    "origin_date",
    "date",
    "partition_date",
    "realtime_start",
)


@cache
def column_schema(table: Table) -> dg.TableSchema:
    """The columns of a table as the UI shows them."""
    from atlas_assets.contracts.schema import primary_key, sql_types

    keys = set(primary_key(table.contract))
    columns = table.contract.to_schema().columns
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name,
                sql_type,
                description=columns[name].description,
                constraints=dg.TableColumnConstraints(nullable=columns[name].nullable, unique=keys == {name}),
                tags={"unit": _tag(unit)} if (unit := (columns[name].metadata or {}).get("unit")) else None,
            )
            for name, sql_type in sql_types(table.contract).items()
        ]
    )


def table_metadata(
    table: Table, written: pd.DataFrame | pa.Table, *, lake: Lake, plot: Figure | None, plot_folder: Path
) -> dict[str, Any]:
    """Rows, columns, place, time range, preview and plot of what was just written."""
    from atlas_assets.contracts.schema import sql_types

    given: Any = written if hasattr(written, "iloc") else written.to_pandas()  # pyright: ignore[reportCallIssue]
    frame = given[list(sql_types(table.contract))]
    metadata: dict[str, Any] = {
        "dagster/row_count": len(written),
        "dagster/table_name": table.name,
        "dagster/column_schema": column_schema(table),
        "dagster/uri": str(lake.config.tables_folder.joinpath(*table.name.split("."))),
        "preview": preview(frame),
    }
    if time_range := _time_range(frame):
        metadata["time_range"] = time_range
    if plot is not None:
        file = plot_folder / f"{table.name.replace('.', '_')}.png"
        metadata["plot"] = figure_metadata(plot, file)
        metadata["plot_file"] = dg.MetadataValue.path(file)
    return metadata


def preview(frame: pd.DataFrame) -> dg.MetadataValue:
    """The last rows as a Markdown table, long texts cut."""
    known_by_symbol = frame.drop(columns="instrument_id", errors="ignore") if "symbol" in frame else frame
    shown = known_by_symbol.tail(PREVIEW_ROWS).iloc[:, :PREVIEW_COLUMNS]
    hidden = frame.shape[1] - shown.shape[1]
    more = f"\n\n{hidden} more columns" if hidden else ""
    return dg.MetadataValue.md(_markdown(shown) + more)


def known_numbers(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """All but what is NaN or infinite, which the UI's protocol cannot say."""
    return {name: value for name, value in metadata.items() if not isinstance(value, float) or isfinite(value)}


def forecast_errors(table: pd.DataFrame) -> dict[str, float]:
    """How good the forecasts of a table were (forecast, standard_error, realised), beside a forecast of zero."""
    past = table.dropna(subset="realised")
    error = past["realised"] - past["forecast"]
    return {
        "root_mean_squared_error": float((error**2).mean() ** 0.5),
        "root_mean_squared_of_zero": float((past["realised"] ** 2).mean() ** 0.5),
        "coverage_90": float((error.abs() <= 1.645 * past["standard_error"]).mean()),
    }


def forecaster_errors(table: pd.DataFrame) -> dict[str, float]:
    """How good each forecaster of a table was (forecaster, forecast, lower, upper, realised), over what has come.

    The part of the squared error of a forecast of zero that a forecaster takes away is the out-of-sample R2 of Campbell
    and Thompson (2008): below 0 it is worse than no forecast at all.
    """
    past = table.dropna(subset="realised")
    of_zero = float((past.drop_duplicates("origin_date")["realised"] ** 2).mean())
    said: dict[str, float] = {}
    for forecaster, rows in past.groupby("forecaster"):
        error, bounded = rows["realised"] - rows["forecast"], rows.dropna(subset=["lower", "upper"])
        inside = bounded["realised"].between(bounded["lower"], bounded["upper"])
        said[f"root_mean_squared_error_{forecaster}"] = float((error**2).mean() ** 0.5)
        if of_zero > 0:
            said[f"error_reduction_against_zero_{forecaster}"] = float(1 - (error**2).mean() / of_zero)
        if len(inside):
            said[f"coverage_{forecaster}"] = float(inside.mean())
    return said


def side_accuracy(table: pd.DataFrame) -> dict[str, Any]:
    """Share of the volume of bars that each rule classifies rightly, mean of instruments; and all there is to say.

    Nothing where no true side is known.
    """
    if table.empty:
        return {}
    means = table.groupby("method")["share_by_bar"].mean()
    shares = {f"classification_{str(method).replace(' ', '_')}": float(share) for method, share in means.items()}
    return {**shares, "classification": dg.MetadataValue.md(_markdown(table))}


def figure_metadata(figure: Figure, file: Path) -> dg.MetadataValue:
    """A figure as an embedded image; the same image is kept as a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=96)
    figure.clear()
    encoded = base64.b64encode(file.read_bytes()).decode("ascii")
    return dg.MetadataValue.md(f"![{file.stem}](data:image/png;base64,{encoded})")


def _markdown(frame: pd.DataFrame) -> str:
    header = [str(name) for name in frame.columns]
    rows = [[_cell(value) for value in row] for row in frame.itertuples(index=False)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, ["---"] * len(header), *rows])


def _time_range(frame: pd.DataFrame) -> str | None:
    column = next((name for name in TIME_COLUMNS if name in frame.columns), None)
    if column is None or frame.empty:
        return None
    first, last = (_cell(bound)[:19] for bound in (frame[column].min(), frame[column].max()))
    return f"{column}: {first} to {last}"


def _cell(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value).removesuffix(" 00:00:00")
    text = " ".join(text.split()).replace("|", "\\|")
    return text if len(text) <= 40 else f"{text[:37]}…"


def _tag(unit: str) -> str:
    return "".join(character if character.isalnum() or character in "_-." else "_" for character in unit)[:63]
