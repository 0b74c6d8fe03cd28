"""Runs of regimes and market states: a training sample is fitted once, and the check holds what was kept."""

from __future__ import annotations

from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from atlas_assets.clustering.tables import fitted_regimes
from atlas_assets.contracts.silver import CorporateActions, DailyBars
from atlas_assets.defs.clustering import assets, states
from atlas_assets.lake.states import newest_state
from atlas_assets.orchestration import resources
from atlas_assets.orchestration.plots import clustering as plots
from atlas_assets.orchestration.resources import LakeResource, configured_lake
from atlas_assets.orchestration.updating.clustering_fits import judge_fits
from atlas_tests.orchestration.rows import put

SESSIONS = pd.bdate_range("2017-01-02", periods=400, tz="UTC")
CLOSES = 100 * np.exp(np.random.default_rng(2).normal(0, 0.01, len(SESSIONS)).cumsum())
RUNS = {
    "regimes": (assets.regimes, assets.regimes_update_equals_refit, 1),
    "market_states": (states.market_states, states.market_states_update_equals_refit, 2),
}


@pytest.fixture(autouse=True)
def settings(atlas_home, monkeypatch):
    for section in ("REGIMES", "MARKET_STATES"):
        monkeypatch.setenv(f"ATLAS_MODELS__{section}__WINDOW_SIZE", "250")
        monkeypatch.setenv(f"ATLAS_MODELS__{section}__SYMBOLS", '["GSPC"]')
    monkeypatch.setenv("ATLAS_MODELS__MARKET_STATES__REFIT_SESSIONS", "50")
    resources.configured_settings.cache_clear()
    for name in RUNS:
        monkeypatch.setattr(plots, name, lambda _: None)  # not asked about here


def load(sessions: int) -> None:
    clocks = {"ingested_at": SESSIONS[0], "object_id": "a" * 64}
    bar = {"instrument_id": "ins_1", "symbol": "GSPC", "currency": "USD", "source": "eodhd", **clocks}
    put(
        "silver.daily_bars",
        DailyBars,
        [
            {**bar, "session_date": day.date(), "event_time": day + pd.Timedelta("21h"), "close_raw": close}
            for day, close in zip(SESSIONS[:sessions], CLOSES[:sessions], strict=True)
        ],
    )
    put("silver.corporate_actions", CorporateActions, [])


def run(name: str) -> tuple[dict[str, Any], dg.AssetCheckEvaluation]:
    asset, check, _ = RUNS[name]
    result = dg.materialize([asset, check], resources={"lake": LakeResource()})
    (made,) = result.asset_materializations_for_node(asset.key.to_python_identifier())
    (told,) = result.get_asset_check_evaluations()
    return {key: value.value for key, value in made.metadata.items()}, told


@pytest.mark.parametrize("name", RUNS)
def test_a_training_sample_is_fitted_once(name):
    fits = RUNS[name][2]
    load(340)
    told, check = run(name)
    assert (told["fits_kept"], told["fits_made"], check.passed) == (0, fits, True)
    load(341)
    told, check = run(name)
    assert (told["fits_kept"], told["fits_made"], check.passed) == (fits, 0, True)
    assert (told["rows_added"], told["rows_removed"]) == (1, 0)

    line = newest_state(configured_lake(), f"gold/clustering/{name}")
    assert line is not None
    assert line.read_snapshot < configured_lake().current_snapshot()
    (configured_lake().config.root / "objects" / line.path).write_bytes(b"nothing")
    told, check = run(name)
    assert (told["fits_kept"], told["fits_made"], check.passed) == (0, fits, True)
    assert (told["rows_added"], told["rows_removed"]) == (0, 0)


@pytest.mark.parametrize("name", RUNS)
def test_without_fits_the_check_warns(name):
    load(100)
    told, check = run(name)
    assert told["dagster/row_count"] == 0
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert f"materialise gold/clustering/{name}" in check.description


def test_the_check_finds_a_fit_that_its_sample_does_not_give_and_one_that_cannot_be_read():
    load(340)
    run("regimes")
    lake, parameters = configured_lake(), resources.configured_settings().models.regimes

    def other(sample):
        fit = fitted_regimes(sample)
        return {**fit, "mean": np.nextafter(fit["mean"], 1)}

    assert judge_fits(lake, "gold/clustering/regimes", parameters, fitted_regimes).passed
    found = judge_fits(lake, "gold/clustering/regimes", parameters, other)
    assert not found.passed
    assert "is not what its training sample gives" in found.description
    line = newest_state(lake, "gold/clustering/regimes")
    assert line is not None
    (lake.config.root / "objects" / line.path).unlink()
    lost = judge_fits(lake, "gold/clustering/regimes", parameters, fitted_regimes)
    assert (lost.passed, lost.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "missing" in lost.description
