"""Runs of the ensemble through a lake: a day's run writes that day, and what came to the last origin before it."""

from __future__ import annotations

from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from atlas_assets.contracts.gold import DmaForecasts, EnsembleForecasts, TvpVarForecasts
from atlas_assets.defs.models import ensemble
from atlas_assets.lake.states import newest_state
from atlas_assets.orchestration import resources
from atlas_assets.orchestration.plots import ensemble as plots
from atlas_assets.orchestration.resources import LakeResource, configured_lake
from atlas_tests.orchestration.rows import put

TABLE = "gold.ensemble_forecasts"
ORIGINS = pd.bdate_range("2018-01-01", periods=220)
REALISED, TVP_VAR, DMA = np.random.default_rng(5).normal(0, 0.01, (3, len(ORIGINS)))
FORECASTERS = 5  # with the ensemble


@pytest.fixture(autouse=True)
def settings(atlas_home, monkeypatch):
    """Changes settings of the ensemble, as a new process would see them."""

    def change(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"ATLAS_MODELS__ENSEMBLE__{name}", value)
        resources.configured_settings.cache_clear()

    change(TRAINING="20", TRAILING_SESSIONS="30", CALIBRATION="99")
    monkeypatch.setattr(plots, "ensemble_forecasts", lambda *_, **__: None)  # not asked about here
    return change


def load(origins: int, *, revised: int | None = None) -> None:
    """Forecasts of the first origins, the last one's value ahead; one value is another than before."""
    realised = [*REALISED[: origins - 1].tolist(), None]
    if revised is not None:
        realised[revised] *= 1.01
    for table, contract, forecasts, more in (
        ("gold.tvp_var_forecasts", TvpVarForecasts, TVP_VAR, {"horizon": 1}),
        ("gold.dma_forecasts", DmaForecasts, DMA, {"expected_size": 1.0}),
    ):
        told = {"variable": "GSPC", "standard_error": 0.01, **more}
        put(
            table,
            contract,
            [
                {**told, "origin_date": day.date(), "forecast": forecast, "realised": value}
                for day, forecast, value in zip(ORIGINS[:origins], forecasts[:origins].tolist(), realised, strict=True)
            ],
        )


def run() -> tuple[dict[str, Any], dg.AssetCheckEvaluation]:
    """Materialise and check: the metadata, and the check's outcome."""
    result = dg.materialize(
        [ensemble.ensemble_forecasts, ensemble.ensemble_update_equals_refit], resources={"lake": LakeResource()}
    )
    (made,) = result.asset_materializations_for_node(ensemble.ensemble_forecasts.key.to_python_identifier())
    (told,) = result.get_asset_check_evaluations()
    return {name: value.value for name, value in made.metadata.items()}, told


def check() -> dg.AssetCheckEvaluation:
    """The check without a run of the asset."""
    definitions = dg.Definitions(
        asset_checks=[ensemble.ensemble_update_equals_refit], resources={"lake": LakeResource()}
    )
    (told,) = definitions.resolve_implicit_global_asset_job_def().execute_in_process().get_asset_check_evaluations()
    return told


def passed(told: dg.AssetCheckEvaluation) -> bool:
    assert told.metadata["largest_difference"].value == 0
    assert told.metadata["sessions_compared"].value == 60
    return told.passed


def rows() -> pd.DataFrame:
    return configured_lake().read(TABLE).sort_values(["origin_date", "forecaster"], ignore_index=True)


def test_a_run_writes_its_days_and_the_table_is_the_fit_of_all_days():
    load(200)
    told, outcome = run()
    assert told["fitted"] == "refitted: no state is saved"
    assert told["origins"] == told["sessions"] == 170
    assert passed(outcome)
    before = rows()

    load(201)
    told, outcome = run()
    assert told["fitted"] == "updated 1 session"
    # The last origin's rows of the day before are replaced, since its value has come.
    assert (told["rows_added"], told["rows_removed"]) == (2 * FORECASTERS, FORECASTERS)
    assert told["dagster/row_count"] == len(rows()) == 171 * FORECASTERS
    assert "root_mean_squared_error_ensemble" in told
    assert passed(outcome)
    forecasts = before.columns.drop("realised")
    pd.testing.assert_frame_equal(rows()[forecasts].iloc[: len(before)], before[forecasts], check_exact=True)
    day = rows().set_index("origin_date")["realised"]
    assert (day.loc[ORIGINS[199]] == REALISED[199]).all()
    assert day.loc[ORIGINS[200]].isna().all()
    line = newest_state(configured_lake(), "gold/models/ensemble_forecasts", as_of=told["snapshot_id"])
    assert line is not None
    assert line.last_session == ORIGINS[200].date()

    load(204)
    assert run()[0]["fitted"] == "updated 3 sessions"
    # In the order of the origins, though in several files.
    assert configured_lake().read(TABLE)["origin_date"].is_monotonic_increasing
    told, outcome = run()
    assert (told["fitted"], told["changed"]) == ("up to date: no new session", False)
    assert passed(outcome)
    updated = rows()
    put(TABLE, EnsembleForecasts, [])
    told, _ = run()
    assert told["fitted"] == "refitted: the table is not the one that the state was saved with"
    pd.testing.assert_frame_equal(rows(), updated, check_exact=True)


def test_what_changed_is_fitted_anew_and_the_check_finds_what_no_fit_gives(settings):
    load(200)
    assert (check().passed, check().severity) == (False, dg.AssetCheckSeverity.WARN)
    run()
    load(201, revised=150)
    told, outcome = run()
    assert told["fitted"] == f"refitted: history changed at {ORIGINS[151].date()}"
    assert passed(outcome)
    settings(FORGETTING="0.95")
    assert check().severity == dg.AssetCheckSeverity.WARN
    told, outcome = run()
    assert told["fitted"] == "refitted: the parameters changed"
    assert passed(outcome)

    for column in ("forecast", "lower", "weight"):
        spoilt = rows()
        place = spoilt.index[spoilt["forecaster"] == "dma"][-1]
        spoilt.loc[place, column] *= 1 + 1e-9
        put(TABLE, EnsembleForecasts, spoilt.replace({np.nan: None}).to_dict("records"))
        outcome = check()
        assert (outcome.passed, outcome.severity) == (False, dg.AssetCheckSeverity.ERROR), column
        assert 1e-12 < outcome.metadata["largest_difference"].value <= 1.01e-9, column
        spoilt.loc[place, column] /= 1 + 1e-9
        put(TABLE, EnsembleForecasts, spoilt.replace({np.nan: None}).to_dict("records"))
