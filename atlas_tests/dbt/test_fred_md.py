"""Real vintages of FRED-MD: what was known when, ragged edges, withdrawn periods and series that ended."""

from __future__ import annotations

import csv
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from atlas_assets.contracts.schema import arrow_schema, primary_key
from atlas_assets.lake import CommitInfo, Lake, LakeConfig, Window
from atlas_assets.orchestration.tables import table
from atlas_tests.dbt.conftest import Workbench, at, dbt_environment

pytestmark = [pytest.mark.xdist_group("dbt_fred_md"), pytest.mark.recorded]

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "fred_md"
RAW, SILVER = "raw.landing_macro_observations", "silver.macro_observations"
VINTAGES = {
    "2019-01-01": "fredmd_2019-01.csv",
    "2022-08-01": "fredmd_2022-08_currentcsv.csv",
    "2024-08-01": "fredmd_2024-08_currentcsv.csv",
}
# Values of 2018-06 in each vintage, and how many series have none yet in its last month.
IN_JUNE_2018 = {
    "RPI": (16195.352, 16312.969, 17140.662),
    "INDPRO": (107.4385, 103.2489, 103.2301),
    "UNRATE": (4.0, 4.0, 4.0),
}
RAGGED = (34, 10, 12)


def long_rows(file: Path) -> list[tuple[str, date, float | None]]:
    """Series, period and value of a wide file; its row of transformation codes and blank rows are left out."""
    with file.open(encoding="utf-8", newline="") as lines:
        header, _codes, *months = csv.reader(lines)
    return [
        (name, datetime.strptime(month[0], "%m/%d/%Y").date(), float(value) if value else None)  # noqa: DTZ007 - a day
        for month in months
        if month and month[0]
        for name, value in zip(header[1:], month[1:], strict=True)
    ]


def _load(lake: Lake, vintage: str, rows: list[tuple[str, date, float | None]], object_id: str) -> None:
    """What the landing asset would have written of a file with these rows."""
    schema, day = arrow_schema(table(RAW).contract), date.fromisoformat(vintage)
    names, periods, values = zip(*rows, strict=True)
    given: dict[str, Any] = {
        "file_name": [f"macro_observations/{vintage}.csv"] * len(rows),
        "row_number": list(range(1, len(rows) + 1)),
        "series_id": list(names),
        "period": list(periods),
        "value": list(values),
        "known_from": [day] * len(rows),
        "partition_date": [day] * len(rows),
        "object_id": [object_id * 64] * len(rows),
        "ingested_at": [at(vintage)] * len(rows),
    }
    columns = [pa.array(given.get(field.name, [None] * len(rows)), field.type) for field in schema]
    lake.replace(
        RAW,
        pa.table(columns, schema=schema),
        schema=schema,
        keys=primary_key(table(RAW).contract),
        window=Window("partition_date", day, day),
        commit=CommitInfo(run_id="loader", asset=RAW),
    )


@pytest.fixture(scope="module")
def vintages() -> dict[str, list[tuple[str, date, float | None]]]:
    """The rows of each vintage that lies there."""
    found = {day: FOLDER / name for day, name in VINTAGES.items() if (FOLDER / name).exists()}
    if len(found) < 2:
        pytest.skip(f"two recorded vintages of FRED-MD are not in {FOLDER}")
    print(f"\nvintages: {', '.join(found)}; absent: {', '.join(sorted(VINTAGES.keys() - found.keys())) or 'none'}")
    return {day: long_rows(file) for day, file in found.items()}


@pytest.fixture(scope="module")
def lake(vintages: Any, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with the vintages, each built when it came."""
    folder = tmp_path_factory.mktemp("fred_md")
    bench = Workbench(Lake(LakeConfig(root=folder / "lake")), folder / "target")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in dbt_environment(bench.lake, run_id="test-run").items():
            patch.setenv(name, value)
        for number, (day, rows) in enumerate(vintages.items()):
            _load(bench.lake, day, rows, "abc"[number])
            statuses = bench.dbt(
                *("build", "--select", "macro_observations", "macro_series", "--exclude-resource-type", "unit_test")
            )
            assert set(statuses.values()) <= {"success", "pass"}, statuses
    return bench.lake


def panel(lake: Lake, day: str, **more: Any) -> pd.DataFrame:
    """What was known on a day."""
    return lake.read(SILVER, known_on=day, **more)


@pytest.mark.parametrize(("number", "as_of"), [(0, "2019-02-01"), (1, "2022-09-01"), (2, "2024-09-01")])
def test_what_was_known_of_june_2018(lake: Lake, vintages: Any, number: int, as_of: str) -> None:
    if list(VINTAGES)[number] not in vintages:
        pytest.skip(f"the vintage {list(VINTAGES)[number]} is not in {FOLDER}")
    known = panel(lake, as_of, symbols=list(IN_JUNE_2018), start="2018-06-01", end="2018-06-01")
    values = dict(zip(known["series_id"], known["value"], strict=True))
    print(f"\nas of {as_of}, 2018-06: {values}")
    assert values["RPI"] == IN_JUNE_2018["RPI"][number]
    assert values["INDPRO"] == pytest.approx(IN_JUNE_2018["INDPRO"][number], abs=0.006)
    assert values["UNRATE"] == 4.0


def test_each_vintage_comes_back_as_it_was(lake: Lake, vintages: Any) -> None:
    """Every number of every vintage, and nothing else, is what was known on its day; ragged edges stay."""
    ended: set[str] = set()
    for day, rows in vintages.items():
        sent = pd.DataFrame(rows, columns=["series_id", "period", "value"]).assign(
            period=lambda frame: pd.to_datetime(frame["period"]).astype("datetime64[us]")
        )
        there = set(sent["series_id"])
        known = panel(lake, day)
        ended |= set(known["series_id"]) - there
        known = known[known["series_id"].isin(there)]
        order = ["series_id", "period"]
        published = known[known["status"] == "published"][[*order, "value"]].sort_values(order, ignore_index=True)
        expected = sent.dropna(subset="value").sort_values(order, ignore_index=True)
        pd.testing.assert_frame_equal(published, expected, check_exact=True)
        last = sent["period"].max()
        edge = known[(known["period"] == last) & (known["status"] != "published")]
        statuses = known["status"].value_counts().to_dict()
        print(f"\n{day}: {len(there)} series, {statuses}; ended: {sorted(ended)}")
        print(f"without a value in the last month, {last:%Y-%m}: {len(edge)}")
        assert len(edge) == RAGGED[list(VINTAGES).index(day)]
    assert {"AMBSL", "TWEXMMTH", "VXOCLSx", "MZMSL"} <= ended


def test_withdrawn_is_told_from_missing(lake: Lake, vintages: Any) -> None:
    """A number that a later vintage lacks is withdrawn, a number that never was is missing."""
    frames = {
        day: pd.DataFrame(rows, columns=["series_id", "period", "value"]).set_index(["series_id", "period"])["value"]
        for day, rows in vintages.items()
    }
    first, second = list(frames)[:2]
    before, after = frames[first].dropna(), frames[second]
    kept = before[before.index.get_level_values("series_id").isin(after.index.get_level_values("series_id").unique())]
    lost = {key for key in kept.index if pd.isna(after.get(key))}
    known = panel(lake, second)
    withdrawn = known[known["status"] == "withdrawn"]
    assert {(row.series_id, row.period.date()) for row in withdrawn.itertuples()} == lost
    print(f"\nwithdrawn by {second}: {withdrawn.groupby('series_id').size().to_dict()}")


def test_series_that_ended_fall_behind(lake: Lake, vintages: Any) -> None:
    day = list(vintages)[-1]
    series = lake.read("silver.macro_series", known_on=day)
    behind = series[series["last_period"] < series["last_period"].max()]
    print(f"\nended or renamed by {day}: {sorted(behind['series_id'])}")
    gone = {name for rows in vintages.values() for name, _, _ in rows} - {name for name, _, _ in vintages[day]}
    assert set(behind["series_id"]) == gone
    assert {"AMBSL", "TWEXMMTH", "VXOCLSx", "MZMSL"} <= gone
    assert {"BOGMBASE", "TWEXAFEGSMTHx", "VIXCLSx"} <= set(series["series_id"]) - gone


def test_revisions_are_rows_and_repetitions_are_none(lake: Lake, vintages: Any) -> None:
    counted = lake.sql(
        f"SELECT count(*) AS rows, count(*) FILTER (known_to < DATE '9999-12-31') AS revised FROM lake.{SILVER}"
    ).to_pylist()[0]
    sent = sum(len(rows) for rows in vintages.values())
    print(f"\n{sent:,} values sent, {counted['rows']:,} vintages kept, {counted['revised']:,} of them revised later")
    assert counted["rows"] < sent
