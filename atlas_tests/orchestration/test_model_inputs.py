"""What the models read: series of one source, though others name theirs alike."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pyarrow as pa

from atlas_assets.contracts.schema import arrow_schema, primary_key
from atlas_assets.contracts.silver import DailyBars, MacroObservations
from atlas_assets.defs.models import inputs
from atlas_assets.lake import CommitInfo, Lake, LakeConfig
from atlas_assets.model_settings import TvpVarSettings

DAYS = pd.bdate_range("2018-12-03", periods=4, tz="UTC")
CLOCKS = {"ingested_at": DAYS[-1], "object_id": "a" * 64}


def _write(lake: Lake, table: str, contract: type, rows: list[dict[str, object]]) -> None:
    schema = arrow_schema(contract)
    blank = dict.fromkeys(schema.names)
    data = pa.Table.from_pylist([{**blank, **CLOCKS, **row} for row in rows], schema=schema)
    commit = CommitInfo(run_id="test", asset=table)
    lake.replace(table, data, schema=schema, keys=primary_key(contract), window=None, commit=commit)


def _observation(source: str, day: pd.Timestamp, value: float) -> dict[str, object]:
    return {
        "source": source,
        "series_id": "VIXCLS",
        "frequency": "",
        "period": day.date(),
        "value": value,
        "status": "published",
        "known_from": day.date(),
        "known_to": date(9999, 12, 31),
        "event_time": day,
        "published_at": day + pd.Timedelta("1h"),
    }


class _Run:
    """What an asset reads; nobody told of a corporate action."""

    def __init__(self, lake: Lake) -> None:
        self.read = lake.read

    def adjusted_bars(self, *, symbols: list[str]) -> pd.DataFrame:
        bars = self.read("silver.daily_bars", symbols=symbols)
        return bars.assign(close_total_return_adj=bars["close_raw"])


def test_series_are_those_of_the_source_that_the_settings_name(tmp_path):
    lake = Lake(LakeConfig(root=tmp_path / "lake"))
    bar = {"instrument_id": "ins_1", "symbol": "GSPC", "close_raw": 100.0, "currency": "USD", "source": "eodhd"}
    bars = [
        {**bar, "session_date": day.date(), "event_time": day + pd.Timedelta("21h"), "published_at": day}
        for day in DAYS
    ]
    _write(lake, "silver.daily_bars", DailyBars, bars)
    values = [
        *(_observation("fred", day, 10.0 * 2**place) for place, day in enumerate(DAYS)),
        *(_observation("landing", day, 5.0) for day in DAYS),
    ]
    _write(lake, "silver.macro_observations", MacroObservations, values)

    def changes(source: str) -> list[float]:
        parameters = TvpVarSettings(symbols=["GSPC"], series=["VIXCLS"], series_source=source)
        return inputs.changes(_Run(lake), parameters)["VIXCLS"].round(6).tolist()

    assert changes("fred") == [0.693147] * 3
    assert changes("landing") == [0.0] * 3
