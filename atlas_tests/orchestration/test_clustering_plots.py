"""Plots of clustering are drawn of any table that keeps its contract, and the map parts what is apart."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from atlas_assets.contracts.gold import BehaviourDeviation, MarketStates, OrderFlowClusters, OrderFlowFeatures, Regimes
from atlas_assets.orchestration.plots import clustering as plots
from atlas_tests.contracts import examples

PLOTS = [
    (plots.order_flow_features, OrderFlowFeatures),
    (plots.order_flow_clusters, OrderFlowClusters),
    (plots.behaviour_deviation, BehaviourDeviation),
    (plots.market_states, MarketStates),
    (plots.regimes, Regimes),
]


def frame(contract, number):
    """Rows of one instrument: all their numbers are equal."""
    table = examples.table(contract, examples.rows(contract, number)).to_pandas().assign(instrument_id="1", symbol="A")
    return table.assign(cluster=table["cluster"] % 4, behaviour="quiet") if "cluster" in table else table


@pytest.mark.parametrize("number", [1, 30])
@pytest.mark.parametrize(("plot", "contract"), PLOTS)
def test_a_table_of_equal_or_few_rows_has_a_picture(plot, contract, number):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = plot(frame(contract, number))
        figure.draw_without_rendering()
    assert all(axes.has_data() for axes in figure.axes)


def test_the_map_puts_clusters_apart_that_no_two_features_tell_apart():
    rng = np.random.default_rng(1)
    cluster = np.arange(240) % 3
    table = frame(OrderFlowClusters, 240).assign(cluster=cluster, behaviour=[f"kind {one}" for one in cluster])
    noise = rng.normal(0, 1, 240)
    for name, loads in (("log_volume", 1.0), ("imbalance_small", -1.0), ("imbalance_large", 0.5)):
        table[name] = loads * noise + 0.4 * (cluster == 1) + 0.01 * rng.normal(size=240)
    table["duration_variation"] = 0.2 * (cluster == 2) + 0.01 * rng.normal(size=240)
    plane = plots.order_flow_clusters(table).axes[0]
    places = [np.asarray(points.get_offsets()) for points in plane.collections]
    centres = np.array([points.mean(axis=0) for points in places])
    apart = np.linalg.norm(centres[:, None] - centres, axis=2)[np.triu_indices(3, 1)].min()
    assert apart > 5 * max(points.std() for points in (place - place.mean(axis=0) for place in places))
    labels = [text.get_text() for text in plane.get_legend().get_texts()]
    assert labels == ["0: kind 0", "1: kind 1", "2: kind 2"]


def test_regimes_say_where_the_training_sample_ends():
    table = frame(Regimes, 30).assign(in_sample=np.arange(30) < 12)
    days = table["session_date"].sort_values().to_numpy()
    table["session_date"] = days
    level = plots.regimes(table).axes[0]
    (line,) = [line for line in level.lines if line.get_label() == "end of the training sample"]
    assert line.get_xdata()[0] == days[11]


def test_the_imbalance_of_a_day_weighs_its_buckets_by_volume():
    table = frame(OrderFlowFeatures, 3).assign(volume=[1.0, 3.0, 4.0], imbalance_large=[1.0, 0.0, -0.5])
    lines = {line.get_label(): line.get_ydata() for line in plots.order_flow_features(table).axes[1].lines}
    np.testing.assert_allclose(lines["large"], [(1.0 - 2.0) / 8.0])
    np.testing.assert_allclose(lines["small"], [0.5])
