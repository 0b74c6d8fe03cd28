"""How fast what was known on a day is read from many vintages, and joined."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from atlas_assets.contracts.point_in_time import as_known
from atlas_assets.contracts.schema import arrow_schema
from atlas_assets.contracts.silver import MacroObservations
from atlas_assets.lake import Lake, LakeConfig
from atlas_tests.benchmarks.measure import Figure, timed

TABLE = "silver.macro_observations"
PERIODS, VINTAGES = 400, 25
SERIES = 1000
PANEL = ("series_id", "period", "value")
DAY = "2001-06-15"
PROMISED = 0.2


def load(lake: Lake, series: int = SERIES, *, object_id: str = "repeat(md5(series), 2)") -> int:
    """Fill the table with series of monthly periods, each revised every month; sorted as the model leaves it.

    Returns
    -------
    Number of rows.
    """
    lake.create_table(TABLE, arrow_schema(MacroObservations))
    with lake.commit_lock(), lake.connect() as connection:
        connection.execute(
            f"""
            INSERT INTO lake.{TABLE} BY NAME
            WITH numbers AS (
                SELECT
                    'SERIES' || lpad(series::VARCHAR, 5, '0') AS series,
                    (DATE '1980-01-01' + to_months(period::INTEGER))::DATE AS period,
                    (DATE '1980-02-15' + to_months((period + vintage)::INTEGER))::DATE AS known_from,
                    (DATE '1980-03-14' + to_months((period + vintage)::INTEGER))::DATE AS known_to,
                    hash(series, period, vintage) AS noise,
                    vintage = {VINTAGES - 1} AS is_last
                FROM range({series}) AS a (series), range({PERIODS}) AS b (period), range({VINTAGES}) AS c (vintage)
            )
            SELECT
                series AS series_id, 'm' AS frequency, period, 100 + (noise % 1000000) / 1e5 AS value,
                'published' AS status, known_from, if(is_last, DATE '9999-12-31', known_to) AS known_to,
                period::TIMESTAMP AT TIME ZONE 'UTC' AS event_time,
                (known_from + INTERVAL 14 HOUR) AT TIME ZONE 'UTC' AS published_at,
                (known_from + INTERVAL 14 HOUR) AT TIME ZONE 'UTC' AS ingested_at,
                'fred' AS source, {object_id} AS object_id
            FROM numbers
            ORDER BY source, series_id, frequency, period, known_from
            """
        )
    return series * PERIODS * VINTAGES


def figures() -> Iterator[Figure]:
    """Reads as of a day and the join by time."""
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(LakeConfig(root=Path(folder) / "lake"))
        rows = load(lake)
        whole = lake.read(TABLE, columns=[*PANEL, "known_from", "known_to"])
        day = pd.Timestamp(DAY)

        def filtered() -> pd.DataFrame:
            return whole[(whole["known_from"] <= day) & (whole["known_to"] >= day)]

        panel = timed(lambda: lake.read(TABLE, known_on=DAY, columns=PANEL), repetitions=6)
        yield Figure(
            f"whole panel as of a day, {len(filtered()):,} of {rows:,} rows",
            panel,
            timed(filtered, repetitions=3),
            "pandas, all in memory",
            promise=PROMISED,
        )
        some = [f"SERIES{number:05}" for number in range(0, SERIES, SERIES // 10)]
        yield Figure(
            f"one series as of a day, of {rows:,} rows",
            timed(lambda: lake.read(TABLE, known_on=DAY, symbols=some[:1]), repetitions=8),
            promise=PROMISED,
        )
        yield Figure(
            f"ten series as of a day, of {rows:,} rows",
            timed(lambda: lake.read(TABLE, known_on=DAY, symbols=some), repetitions=8),
            promise=PROMISED,
        )
    yield _join()


def _join(decisions: int = 200_000, announcements: int = 100_000, groups: int = 500) -> Figure:
    rng = np.random.default_rng(0)

    def frame(rows: int, time: str) -> pd.DataFrame:
        instants = pd.to_datetime(rng.integers(0, 10**15, rows) * 1000, utc=True).as_unit("us")
        return pd.DataFrame({"group": rng.integers(0, groups, rows), time: instants})

    left, right = frame(decisions, "decided_at"), frame(announcements, "published_at").assign(value=1.0)

    def merged() -> pd.DataFrame:
        return pd.merge_asof(
            left.sort_values("decided_at"),
            right.sort_values("published_at"),
            left_on="decided_at",
            right_on="published_at",
            by="group",
        )

    return Figure(
        f"join of {decisions:,} decisions with what was known of {announcements:,}",
        timed(lambda: as_known(left, right, on="decided_at", by="group", columns=["value"]), repetitions=4),
        timed(merged, repetitions=4),
        "pandas merge_asof, sorting included",
    )
