"""Runs of fitted models through a lake: a day's run writes that day, and whatever is wrong with a state is mended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from atlas_assets.contracts.schema import arrow_schema, primary_key
from atlas_assets.contracts.silver import CorporateActions, DailyBars, MacroObservations
from atlas_assets.defs.models import dma, tvp_var
from atlas_assets.lake import CommitInfo
from atlas_assets.lake.states import newest_state
from atlas_assets.orchestration import resources
from atlas_assets.orchestration.model_fits import UPDATE_EQUALS_REFIT
from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.resources import LakeResource, configured_lake

SESSIONS = pd.bdate_range("2018-07-02", periods=120, tz="UTC")
CLOSES = 100 * np.exp(np.random.default_rng(2).normal(0, 0.01, (len(SESSIONS), 2)).cumsum(axis=0))
SETTINGS = {
    "TVP_VAR__WINDOW_SIZE": "50",
    "TVP_VAR__SYMBOLS": '["GSPC"]',
    "TVP_VAR__SERIES": '["VIXCLS"]',
    "DMA__WINDOW_SIZE": "50",
    "DMA__SYMBOLS": '["GSPC"]',
    "DMA__SERIES": '["VIXCLS"]',
    "DMA__LAGS": "1",
}


@dataclass(frozen=True)
class Model:
    """An asset, its check, and what its table is called."""

    asset: dg.AssetsDefinition
    check: dg.AssetChecksDefinition
    table: str
    time: str


MODELS = {
    "tvp_var": Model(tvp_var.tvp_var_fit, tvp_var.tvp_var_update_equals_refit, "model.tvp_var_fit", "session_date"),
    "dma": Model(dma.dma_fit, dma.dma_update_equals_refit, "model.dma_fit", "origin_date"),
}


class Desk:
    """A lake with silver of some sessions, and a model that is fitted to it."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.asset = model.asset.key.to_user_string()

    def load(self, sessions: int, *, revised: int | None = None) -> None:
        """Silver of the first sessions; one of them with another close than before."""
        closes = CLOSES[:sessions].copy()
        if revised is not None:
            closes[revised, 0] *= 1.01
        days = SESSIONS[:sessions]
        clocks = {"ingested_at": SESSIONS[0], "object_id": "a" * 64}
        bar = {"instrument_id": "ins_1", "symbol": "GSPC", "currency": "USD", "source": "eodhd", **clocks}
        bars = [
            {**bar, "session_date": day.date(), "event_time": day + pd.Timedelta("21h"), "close_raw": close}
            for day, close in zip(days, closes[:, 0], strict=True)
        ]
        value = {"source": "fred", "series_id": "VIXCLS", "frequency": "", "status": "published", **clocks}
        values = [
            {
                **value,
                "period": day.date(),
                "known_from": day.date(),
                "known_to": date(9999, 12, 31),
                "event_time": day,
                "published_at": day + pd.Timedelta("1h"),
                "value": level,
            }
            for day, level in zip(days, closes[:, 1], strict=True)
        ]
        for table, contract, rows in (
            ("silver.daily_bars", DailyBars, bars),
            ("silver.macro_observations", MacroObservations, values),
            ("silver.corporate_actions", CorporateActions, []),
        ):
            schema = arrow_schema(contract)
            blank = dict.fromkeys(schema.names)
            configured_lake().replace(
                table,
                pa.Table.from_pylist([{**blank, **row} for row in rows], schema=schema),
                schema=schema,
                keys=primary_key(contract),
                window=None,
                commit=CommitInfo(run_id="test", asset=table),
            )

    def run(self, *, fails: bool = False) -> dict[str, Any]:
        """Materialise and check; the metadata, and the check's outcome."""
        result = dg.materialize(
            [self.model.asset, self.model.check], resources={"lake": LakeResource()}, raise_on_error=False
        )
        assert result.success != fails
        if fails:
            return {}
        (made,) = result.asset_materializations_for_node(self.model.asset.key.to_python_identifier())
        (check,) = result.get_asset_check_evaluations()
        assert check.check_name == UPDATE_EQUALS_REFIT
        told = {name: value.value for name, value in made.metadata.items()}
        return {**told, "check": check, "run_id": result.run_id}

    def files(self) -> set[Path]:
        """The files of the model's table."""
        return set(configured_lake().config.tables_folder.joinpath(*self.model.table.split(".")).rglob("*.parquet"))

    def rows(self) -> pd.DataFrame:
        return configured_lake().read(self.model.table)

    def state_file(self) -> Path:
        line = newest_state(configured_lake(), self.asset)
        assert line is not None
        return configured_lake().config.root / "objects" / line.path


@pytest.fixture
def settings(atlas_home, monkeypatch):
    """Changes settings of models, as a new process would see them."""

    def change(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"ATLAS_MODELS__{name}", value)
        resources.configured_settings.cache_clear()

    change(**SETTINGS)
    return change


@pytest.fixture(params=MODELS)
def desk(request, settings) -> Desk:
    return Desk(MODELS[request.param])


def passed(told: dict[str, Any]) -> bool:
    assert told["check"].metadata["largest_difference"].value == 0
    assert told["check"].metadata["sessions_compared"].value > 20
    return told["check"].passed


def test_a_days_run_writes_that_day_and_is_the_fit_of_all_days(desk):
    desk.load(100)
    first = desk.run()
    assert first["fitted"] == "refitted: no state is saved"
    assert passed(first)
    files, rows, snapshot = desk.files(), desk.rows(), configured_lake().current_snapshot()

    again = desk.run()
    assert (again["fitted"], again["changed"]) == ("up to date: no new session", False)
    assert configured_lake().current_snapshot() == snapshot

    desk.load(102)
    told = desk.run()
    assert told["fitted"] == "updated 2 sessions"
    assert told["sessions"] == first["sessions"] + 2
    assert told["dagster/row_count"] == len(desk.rows())
    assert passed(told)
    # What was there stays where it was: files are added, none goes or is deleted from.
    (new,) = desk.files() - files
    assert "delete" not in new.name
    assert files < desk.files()
    added = desk.rows()[desk.rows()[desk.model.time] > rows[desk.model.time].max()]
    assert len(added) == pq_rows(new) == len(desk.rows()) - len(rows)
    assert sorted(added[desk.model.time].unique()) == sorted(SESSIONS[100:102].tz_localize(None).unique())
    # The line of the state is in the commit of the rows.
    lake, line = configured_lake(), newest_state(configured_lake(), desk.asset)
    assert line.run_id == told["run_id"]
    assert line.last_session == SESSIONS[101].date()
    assert newest_state(lake, desk.asset, as_of=told["snapshot_id"]) == line
    assert newest_state(lake, desk.asset, as_of=told["snapshot_id"] - 1) != line

    updated = desk.rows()
    desk.state_file().unlink()
    assert desk.run()["fitted"] == "refitted: the saved state could not be read"
    pd.testing.assert_frame_equal(desk.rows(), updated, check_exact=True)


def pq_rows(file: Path) -> int:
    import pyarrow.parquet as pq

    return pq.ParquetFile(file).metadata.num_rows


def test_what_changed_is_fitted_anew_and_says_so(desk, settings):
    desk.load(100)
    desk.run()
    desk.load(101, revised=80)
    told = desk.run()
    assert told["fitted"] == f"refitted: history changed at {SESSIONS[80].date()}"
    assert passed(told)

    settings(TVP_VAR__COVARIANCE_DECAY="0.9", DMA__VARIANCE_DECAY="0.9")
    told = desk.run()
    assert told["fitted"] == "refitted: the parameters changed"
    assert passed(told)
    # Those of before come back: the rows are no longer theirs.
    settings(TVP_VAR__COVARIANCE_DECAY="0.96", DMA__VARIANCE_DECAY="0.95")
    told = desk.run()
    assert told["fitted"] == "refitted: the parameters changed"
    assert passed(told)
    assert desk.run()["fitted"] == "up to date: no new session"


def test_how_far_ahead_is_forecast_changes_nothing_of_the_fit(settings):
    desk = Desk(MODELS["tvp_var"])
    desk.load(100)
    desk.run()
    settings(TVP_VAR__HORIZON="3")
    assert desk.run()["fitted"] == "up to date: no new session"


def test_other_code_fits_anew(desk, monkeypatch):
    desk.load(100)
    desk.run()
    monkeypatch.setattr(AssetRun, "code_version", "9-0123abcd")
    assert desk.run()["fitted"].endswith("to 9")
    # Parameters are told apart by their own digest.
    monkeypatch.setattr(AssetRun, "code_version", "9-ffffffff")
    assert desk.run()["fitted"] == "up to date: no new session"


@pytest.mark.parametrize("content", [b"", b"nonsense"])
def test_a_damaged_state_is_a_warning_and_a_refit(desk, content):
    desk.load(100)
    desk.run()
    desk.state_file().write_bytes(content)
    desk.load(101)
    told = desk.run()
    assert told["fitted"] == "refitted: the saved state could not be read"
    assert "does not match its SHA-256" in told["state_warning"]
    assert passed(told)
    desk.load(102)
    told = desk.run()
    assert told["fitted"] == "updated 1 session"
    assert "state_warning" not in told


def test_a_run_that_ends_between_state_and_rows_leaves_neither(desk, monkeypatch):
    desk.load(100)
    desk.run()
    rows, line = desk.rows(), newest_state(configured_lake(), desk.asset)
    desk.load(101)
    stored: list[int] = []
    write = AssetRun.write

    def ended(*_: Any, records: Any, **__: Any) -> None:
        stored.append(len(list((configured_lake().config.root / "objects" / "states").rglob("*.zst"))))
        raise RuntimeError("killed")

    monkeypatch.setattr(AssetRun, "write", ended)
    desk.run(fails=True)
    assert stored == [2]
    assert newest_state(configured_lake(), desk.asset) == line
    pd.testing.assert_frame_equal(desk.rows(), rows, check_exact=True)
    monkeypatch.setattr(AssetRun, "write", write)
    told = desk.run()
    assert told["fitted"] == "updated 1 session"
    assert passed(told)


def test_the_check_finds_a_table_that_no_refit_gives(desk):
    desk.load(100)
    desk.run()
    rows = desk.rows()
    rows.loc[rows.index[-1], "value"] *= 1 + 1e-9
    lake, contract = configured_lake(), AssetRun  # the contract's table, written by another hand
    del contract
    schema = lake.read_arrow(desk.model.table).schema
    keys = [name for name in rows.columns if name != "value"]
    lake.replace(
        desk.model.table,
        pa.Table.from_pandas(rows, schema=schema, preserve_index=False),
        schema=schema,
        keys=keys,
        window=None,
        commit=CommitInfo(run_id="test", asset="another"),
    )
    result = dg.materialize([desk.model.check], resources={"lake": LakeResource()})
    (check,) = result.get_asset_check_evaluations()
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.ERROR
    assert 0 < check.metadata["largest_difference"].value <= 1e-9


def test_the_check_says_what_is_missing(desk, settings):
    desk.load(100)
    result = dg.materialize([desk.model.check], resources={"lake": LakeResource()})
    (check,) = result.get_asset_check_evaluations()
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "materialise model/" in check.description
