"""Runs of fitted models through a lake: a day's run writes that day, and whatever is wrong with a state is mended."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from atlas_assets.contracts.gold import TvpVarFit
from atlas_assets.contracts.schema import arrow_schema, primary_key
from atlas_assets.contracts.silver import CorporateActions, DailyBars, MacroObservations
from atlas_assets.defs.models import dma, tvp_var
from atlas_assets.lake import CommitInfo, ModelState
from atlas_assets.lake.states import load_state, newest_state, save_state
from atlas_assets.model_settings import TvpVarSettings
from atlas_assets.models.updating import Saved
from atlas_assets.orchestration import resources
from atlas_assets.orchestration.plots import models as plots
from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.resources import LakeResource, configured_lake
from atlas_assets.orchestration.tables import table_of
from atlas_assets.orchestration.updating.model_fits import UPDATE_EQUALS_REFIT
from atlas_assets.orchestration.updating.saved_states import digest, saved_state
from atlas_tests.orchestration.rows import put

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
            put(table, contract, rows)

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

    def check(self) -> dg.AssetCheckEvaluation:
        """The check without a run of the asset."""
        definitions = dg.Definitions(asset_checks=[self.model.check], resources={"lake": LakeResource()})
        result = definitions.resolve_implicit_global_asset_job_def().execute_in_process()
        (check,) = result.get_asset_check_evaluations()
        return check

    def files(self) -> set[Path]:
        """The files of the model's table."""
        return set(configured_lake().config.tables_folder.joinpath(*self.model.table.split(".")).rglob("*.parquet"))

    def state_files(self) -> list[Path]:
        return list((configured_lake().config.root / "objects" / "states").rglob("*.zst"))

    def rows(self) -> pd.DataFrame:
        return configured_lake().read(self.model.table)

    def line(self) -> ModelState:
        line = newest_state(configured_lake(), self.asset)
        assert line is not None
        return line


@pytest.fixture
def settings(atlas_home, monkeypatch):
    """Changes settings of models, as a new process would see them."""

    def change(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"ATLAS_MODELS__{name}", value)
        resources.configured_settings.cache_clear()

    change(**SETTINGS)
    for name in MODELS:
        monkeypatch.setattr(plots, f"{name}_fit", lambda _: None)  # a third of the time, and not asked about here
    return change


def passed(told: dict[str, Any]) -> bool:
    assert told["check"].metadata["largest_difference"].value == 0
    assert told["check"].metadata["sessions_compared"].value > 20
    return told["check"].passed


def rows_in(file: Path) -> int:
    return pq.ParquetFile(file).metadata.num_rows


@pytest.mark.parametrize("name", ["dma", pytest.param("tvp_var", marks=pytest.mark.slow)])
def test_a_run_writes_its_days_and_the_table_is_the_fit_of_all_days(name, settings, monkeypatch):
    desk = Desk(MODELS[name])
    desk.load(100)
    first = desk.run()
    assert first["fitted"] == "refitted: no state is saved"
    assert passed(first)
    lake, files, rows, line = configured_lake(), desk.files(), desk.rows(), desk.line()

    desk.load(102)
    with monkeypatch.context() as ending:
        ending.setattr(AssetRun, "write", killed)
        desk.run(fails=True)
    # The state was stored, and nothing speaks of it.
    assert len(desk.state_files()) == 2
    assert desk.line() == line
    assert desk.files() == files

    told = desk.run()
    assert told["fitted"] == "updated 2 sessions"
    assert told["sessions"] == first["sessions"] + 2
    assert told["dagster/row_count"] == len(desk.rows())
    assert passed(told)
    assert len(desk.state_files()) == 2
    # What was there stays where it was: a file is added, none goes or is deleted from.
    assert files < desk.files()
    (new,) = desk.files() - files
    added = desk.rows()[desk.rows()[desk.model.time] > rows[desk.model.time].max()]
    assert rows_in(new) == len(added) == len(desk.rows()) - len(rows)
    assert sorted(set(added[desk.model.time])) == list(SESSIONS[100:102].tz_localize(None))
    # The line of the state is in the commit of the rows.
    assert (desk.line().run_id, desk.line().last_session) == (told["run_id"], SESSIONS[101].date())
    assert newest_state(lake, desk.asset, as_of=told["snapshot_id"]) == desk.line()
    assert newest_state(lake, desk.asset, as_of=told["snapshot_id"] - 1) == line

    updated = desk.rows()
    (lake.config.root / "objects" / desk.line().path).write_bytes(b"nonsense")
    told = desk.run()
    assert told["fitted"] == "refitted: the saved state could not be read"
    assert "does not match its SHA-256" in told["state_warning"]
    assert passed(told)
    pd.testing.assert_frame_equal(desk.rows(), updated, check_exact=True)


SERVES = [
    (TvpVarSettings(), "1-0123abcd", ""),
    (TvpVarSettings(horizon=3), "1-4567cdef", ""),
    (TvpVarSettings(covariance_decay=0.9), "1-0123abcd", "the parameters changed"),
    (TvpVarSettings(series_source="landing"), "1-0123abcd", "the parameters changed"),
    (TvpVarSettings(), "2-0123abcd", "the code changed from version 1 to 2"),
]


def test_a_state_serves_its_own_parameters_and_code_only(atlas_home):
    lake, own = configured_lake(), Saved({}, pd.DataFrame({"y": [1.0]}, index=SESSIONS[:1].tz_localize(None)), rows=0)
    stored = save_state(lake, own.arrays(), asset="model/tvp_var/fit")
    line = ModelState(
        asset="model/tvp_var/fit",
        parameters=digest(TvpVarSettings()),
        code_version="1",
        last_session=SESSIONS[0].date(),
        read_snapshot=0,
        saved_at=SESSIONS[0].to_pydatetime(),
        run_id="run-1",
        **vars(stored),
    )
    empty = arrow_schema(TvpVarFit).empty_table()
    commit = CommitInfo(run_id="run-1", asset=line.asset)
    lake.replace(
        "model.tvp_var_fit",
        empty,
        schema=empty.schema,
        keys=primary_key(TvpVarFit),
        window=None,
        commit=commit,
        records=[line],
    )
    own_table = table_of(("model", "tvp_var", "fit"))
    for parameters, code, why in SERVES:
        run = SimpleNamespace(lake=lake, asset=line.asset, snapshot=None, code_version=code, table=own_table)
        kept = saved_state(run, parameters)
        assert (kept.why, kept.warning) == (why, "")
        assert (kept.arrays is None) == bool(why)


def killed(*_: Any, **__: Any) -> None:
    raise RuntimeError("killed")


@pytest.mark.slow
def test_what_changed_is_fitted_anew_and_the_check_finds_what_no_fit_gives(settings, monkeypatch):
    desk = Desk(MODELS["tvp_var"])
    desk.load(100)
    check = desk.check()
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "materialise model/tvp_var/fit" in check.description

    desk.run()
    desk.load(101, revised=80)
    told = desk.run()
    assert told["fitted"] == f"refitted: history changed at {SESSIONS[80].date()}"
    assert passed(told)

    settings(TVP_VAR__COVARIANCE_DECAY="0.9")
    assert desk.run()["fitted"] == "refitted: the parameters changed"
    # Those of before come back, but the rows are no longer theirs.
    settings(TVP_VAR__COVARIANCE_DECAY="0.96")
    monkeypatch.setattr(AssetRun, "code_version", "9-0123abcd")
    told = desk.run()
    assert told["fitted"] == "refitted: the code changed from version 2 to 9"
    assert passed(told)

    # Neither the digest in the code version nor how far ahead is forecast are parameters of the fit.
    settings(TVP_VAR__HORIZON="3")
    monkeypatch.setattr(AssetRun, "code_version", "9-ffffffff")
    snapshot = configured_lake().current_snapshot()
    told = desk.run()
    assert (told["fitted"], told["changed"]) == ("up to date: no new session", False)
    assert configured_lake().current_snapshot() == snapshot

    lake, line = configured_lake(), desk.line()
    arrays = load_state(lake, line)
    del arrays["model.centre"]
    of_other_code = save_state(lake, arrays, asset=desk.asset)
    commit = CommitInfo(run_id="test", asset=desk.asset)
    lake.record([replace(line, **vars(of_other_code), read_snapshot=snapshot)], commit=commit)
    desk.load(102, revised=80)
    told = desk.run()
    assert told["fitted"] == "refitted: the saved state could not be read"
    assert "centre missing" in told["state_warning"]
    assert passed(told)

    rows = desk.rows()
    rows.loc[rows.index[-1], "value"] *= 1 + 1e-9
    put(desk.model.table, TvpVarFit, rows.to_dict("records"))
    check = desk.check()
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert 1e-12 < check.metadata["largest_difference"].value <= 1e-9
