"""Clusters and deviation of order flow go on from the last fit: what is there is what one pass would make."""

from __future__ import annotations

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from atlas_assets.clustering import order_flow_tables as tables
from atlas_assets.contracts.gold import OrderFlowFeatures
from atlas_assets.defs.clustering import order_flow
from atlas_assets.lake.states import newest_state
from atlas_assets.orchestration import resources
from atlas_assets.orchestration.plots import clustering as plots
from atlas_assets.orchestration.resources import LakeResource, configured_lake
from atlas_assets.orchestration.updating.judged_buckets import TABLE, check_judged_buckets
from atlas_tests.orchestration.rows import put

BUCKETS, TRAINING, REFIT = 200, 60, 50
RUNS = {
    "order_flow_clusters": (order_flow.order_flow_clusters, order_flow.order_flow_clusters_update_equals_refit),
    "behaviour_deviation": (order_flow.behaviour_deviation, order_flow.behaviour_deviation_update_equals_refit),
}


def features(instrument, *, seed, buckets=BUCKETS):
    rng = np.random.default_rng(seed)
    start = pd.date_range("2020-03-02", periods=BUCKETS, freq="1h", tz="UTC").as_unit("us")
    columns = OrderFlowFeatures.to_schema().columns
    numbers = {name: rng.uniform(0, 1, BUCKETS) for name, column in columns.items() if str(column.dtype) == "float64"}
    keys = {"instrument_id": instrument, "symbol": instrument[-1], "source": "binance"}
    return pd.DataFrame({**numbers, **keys, "bucket_start": start, "bucket_end": start + pd.Timedelta("1h")})[:buckets]


FIRST = features("ins_A", seed=1)
BOTH = pd.concat([FIRST, features("ins_B", seed=2, buckets=130)], ignore_index=True)


@pytest.fixture(autouse=True)
def settings(atlas_home, monkeypatch):
    for section in ("ORDER_FLOW_CLUSTERS", "BEHAVIOUR_DEVIATION"):
        monkeypatch.setenv(f"ATLAS_MODELS__{section}__TRAINING_BUCKETS", str(TRAINING))
        monkeypatch.setenv(f"ATLAS_MODELS__{section}__REFIT_BUCKETS", str(REFIT))
    monkeypatch.setenv("ATLAS_MODELS__BEHAVIOUR_DEVIATION__SIGNIFICANCE_LEVEL", "0.05")
    resources.configured_settings.cache_clear()
    for name in RUNS:
        monkeypatch.setattr(plots, name, lambda _: None)  # not asked about here


def run(name, given=None):
    """One run, after the features became what is given; what it says of itself, and what the check says."""
    if given is not None:
        put(TABLE, OrderFlowFeatures, given.to_dict("records"))
    asset, check = RUNS[name]
    result = dg.materialize([asset, check], resources={"lake": LakeResource()})
    (made,) = result.asset_materializations_for_node(asset.op.name)
    (told,) = result.get_asset_check_evaluations()
    return {key: value.value for key, value in made.metadata.items()}, told


def assert_all_is_as_of_one_pass(name, given):
    options = getattr(resources.configured_settings().models, name).model_dump()
    expected = getattr(tables, name)(given, **options)
    found = configured_lake().read(f"gold.{name}").sort_values(["instrument_id", "bucket_start"], ignore_index=True)
    pd.testing.assert_frame_equal(found[expected.columns], expected, check_exact=True, check_dtype=False)


@pytest.mark.parametrize("name", RUNS)
def test_a_run_goes_on_from_the_last_fits(name):
    told, check = run(name, BOTH[(BOTH["symbol"] == "B") | (BOTH.index < 165)])
    assert (told["fits_kept"], told["fits_made"], check.passed) == (0, 3 + 2, True)
    told, check = run(name, BOTH[(BOTH["symbol"] == "B") | (BOTH.index < 166)])
    assert (told["fits_kept"], told["fits_made"], check.passed) == (2, 0, True)
    assert (told["rows_added"], told["rows_removed"], told["buckets_judged"]) == (1, 0, 6 + 20)
    told, check = run(name, BOTH)
    assert (told["fits_kept"], told["fits_made"], check.passed) == (2, 0, True)
    assert_all_is_as_of_one_pass(name, BOTH)


@pytest.mark.parametrize("name", RUNS)
def test_a_new_fit_follows_the_ones_before(name):
    for buckets in (100, 111, 161, BUCKETS):
        told, check = run(name, FIRST[:buckets])
        assert_all_is_as_of_one_pass(name, FIRST[:buckets])
        assert (told["fits_made"], check.passed) == (0 if buckets == BUCKETS else 1, True)


@pytest.mark.parametrize("name", RUNS)
def test_a_past_that_changed_is_fitted_anew_and_no_other_instrument(name):
    run(name, BOTH)
    other = BOTH.copy()
    other.loc[30, "log_volume"] += 1
    told, check = run(name, other)
    assert (told["fits_kept"], told["fits_made"], check.passed) == (1, 3, True)
    assert_all_is_as_of_one_pass(name, other)
    later = other.copy()
    later.loc[190, "log_volume"] += 1  # judged by the last fit
    assert run(name, later)[0]["fits_made"] == 0
    assert_all_is_as_of_one_pass(name, later)


@pytest.mark.parametrize("name", RUNS)
def test_what_goes_and_comes_back_is_whole(name):
    for given in (BOTH, FIRST, BOTH, FIRST[:50], BOTH, FIRST[:120], FIRST[40:], BOTH):
        run(name, given)
        if len(given) > TRAINING:
            assert_all_is_as_of_one_pass(name, given)
        else:
            assert configured_lake().read(f"gold.{name}").empty


@pytest.mark.parametrize("name", RUNS)
def test_a_damaged_state_or_other_parameters_make_all_anew(name, monkeypatch):
    run(name, BOTH)
    line = newest_state(configured_lake(), f"gold/clustering/{name}")
    assert line is not None
    (configured_lake().config.root / "objects" / line.path).write_bytes(b"nothing")
    told, check = run(name)
    assert (told["fits_kept"], told["fits_made"], check.passed) == (0, 5, True)
    assert told["made_anew_because"]
    monkeypatch.setenv(f"ATLAS_MODELS__{name.upper()}__COMPARISON_HOURS", "24")
    resources.configured_settings.cache_clear()
    assert run(name)[0]["fits_made"] == 5
    assert_all_is_as_of_one_pass(name, BOTH)


def test_the_check_finds_rows_that_are_not_those_of_one_pass(monkeypatch):
    name = "behaviour_deviation"
    run(name, BOTH)
    monkeypatch.setenv("ATLAS_MODELS__BEHAVIOUR_DEVIATION__SIGNIFICANCE_LEVEL", "0.2")
    resources.configured_settings.cache_clear()
    parameters = resources.configured_settings().models.behaviour_deviation
    found = check_judged_buckets(configured_lake(), f"gold.{name}", parameters, tables.behaviour_deviation)
    assert not found.passed
    assert "Rows of B differ" in found.description
