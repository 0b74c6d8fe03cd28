"""Investor clusters: found where planted, the same whatever the order or the unit, and named the same after a refit."""

import io

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist
from scipy.stats import multivariate_normal

from atlas_assets.clustering.convergence import ConvergenceWarning
from atlas_assets.clustering.investors import InvestorClustering, order_flow_features
from atlas_tests.threads import printed_on_one_and_two_threads

METHODS = ["kmeans", "gaussian_mixture", "hdbscan"]
CENTRES = np.array([[5.0, 0.0, 1.0], [1.0, 4.0, -3.0], [9.0, 8.0, 0.0]])
BY_SIZE = np.array([1, 0, 2])  # rank of each centre's first feature


def sample(rows=600, seed=2, centres=CENTRES):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, len(centres), rows)
    return centres[group] + rng.normal(0, 0.4, (rows, 3)), group


ROWS, GROUP = sample()


def model(method, **options):
    return InvestorClustering(method=method, clusters=3, minimum_cluster_size=30, **options)


@pytest.mark.parametrize("method", METHODS)
def test_planted_groups_are_found_and_numbered_by_the_first_feature(method):
    result = model(method).fit(ROWS)
    placed = result.labels >= 0
    assert placed.mean() > 0.9
    assert_array_equal(result.labels[placed], BY_SIZE[GROUP][placed])
    assert_array_equal(result.clusters, [0, 1, 2])
    assert_allclose(result.centres, CENTRES[[1, 0, 2]], atol=0.15)
    assert result.probabilities.shape == (600, 3)
    assert_array_equal(result.probabilities.argmax(axis=1)[placed], result.labels[placed])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_labels_do_not_depend_on_the_seed(method, seed):
    assert_array_equal(model(method, seed=seed).fit(ROWS).labels, model(method).fit(ROWS).labels)


@pytest.mark.parametrize("method", METHODS)
def test_rows_in_another_order_have_the_same_bits(method):
    order = np.random.default_rng(1).permutation(len(ROWS))
    result, shuffled = model(method).fit(ROWS), model(method).fit(ROWS[order])
    assert_array_equal(shuffled.labels, result.labels[order])
    assert_array_equal(shuffled.scores, result.scores[order])
    assert_array_equal(shuffled.centres, result.centres)


def test_one_thread_and_two_give_the_same_bits():
    one, two = printed_on_one_and_two_threads(
        "import numpy as np\n"
        "from atlas_assets.clustering.investors import InvestorClustering\n"
        "rows = np.random.default_rng(1).normal(size=(5_000, 4))\n"
        "for method in ('kmeans', 'gaussian_mixture'):\n"
        "    print(InvestorClustering(method=method, clusters=3, starts=2).fit(rows).centres.tobytes().hex())\n"
    )
    assert one == two


@pytest.mark.parametrize("method", METHODS)
def test_features_in_another_order_and_unit_give_the_same_clusters(method):
    frame = pd.DataFrame(ROWS, columns=["log_mean_trade_size", "imbalance", "other"])
    result = model(method).fit(frame)
    changed = model(method).fit(
        (frame * [100.0, 0.01, 7.0] + [3.0, -1.0, 0.0])[["other", "log_mean_trade_size", "imbalance"]]
    )
    assert_array_equal(changed.labels, result.labels)
    assert_allclose(changed.probabilities, result.probabilities, atol=1e-9)
    assert_allclose(changed.scores, result.scores, atol=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_fit_again_gives_the_same_bits(method):
    once = model(method)
    first = once.fit(ROWS)
    for again in (once.fit(ROWS), model(method).fit(ROWS), once.update(ROWS), once.predict(ROWS)):
        for name, array in vars(first).items():
            assert_array_equal(getattr(again, name), array, err_msg=name)


@pytest.mark.parametrize("method", METHODS)
def test_a_refit_keeps_what_labels_mean_when_sizes_change_their_order(method):
    clusters = model(method)
    before = clusters.fit(ROWS)
    drifted = CENTRES + np.array([[-2.5, 0, 0], [2.0, 0, 0], [0, 0, 0]])  # the first two now stand the other way round
    rows, group = sample(seed=7, centres=drifted)
    after = clusters.update(rows)
    placed = after.labels >= 0
    assert_array_equal(after.labels[placed], BY_SIZE[group][placed])
    assert after.centres[0, 0] > after.centres[1, 0]
    assert before.centres[0, 0] < before.centres[1, 0]
    fresh = model(method).fit(rows)
    assert (fresh.labels[placed] != after.labels[placed]).any()


@pytest.mark.parametrize("method", ["kmeans", "gaussian_mixture"])
def test_a_refit_that_starts_at_the_fit_before_follows_what_moves(method):
    clusters = model(method)
    clusters.fit(ROWS)
    moved = CENTRES + np.array([0.5, -0.5, 0.2])
    rows, group = sample(seed=4, centres=moved)
    after = clusters.update(rows, start="before")
    assert_array_equal(after.labels, BY_SIZE[group])
    assert_allclose(after.centres, moved[np.argsort(BY_SIZE)], atol=0.15)
    again = clusters.update(rows[::-1], start="before")
    assert_array_equal(again.labels[::-1], after.labels)


def test_in_one_cloud_a_refit_that_starts_at_the_fit_before_changes_fewer_labels():
    """Where there are no clusters, seeded starts cut the cloud anew in every window."""
    cloud = np.random.default_rng(7).normal(size=(1_200, 5))

    def agreement(start):
        clusters = InvestorClustering(clusters=5)
        labels, shares = clusters.fit(cloud[:600]).labels, []
        for first in range(100, 601, 100):
            again = clusters.update(cloud[first : first + 600], start=start).labels
            shares.append((again[:500] == labels[100:]).mean())
            labels = again
        return np.mean(shares)

    assert agreement("before") > agreement("anew") + 0.1


def test_a_density_cluster_that_appears_is_new_and_a_lost_ones_number_is_not_given_again():
    clusters = model("hdbscan")
    clusters.fit(ROWS)
    other = np.vstack([CENTRES[:2], [[-30.0, -30.0, -30.0]]])
    rows, group = sample(seed=4, centres=other)
    result = clusters.update(rows)
    assert_array_equal(result.clusters, [0, 1, 3])
    placed = result.labels >= 0
    assert_array_equal(result.labels[placed], np.array([1, 0, 3])[group][placed])
    assert_array_equal(clusters.update(ROWS).clusters, [0, 1, 4])


@pytest.mark.parametrize("method", METHODS)
def test_each_row_is_placed_by_itself(method):
    clusters = model(method)
    clusters.fit(ROWS)
    rows = np.vstack([sample(rows=50, seed=9)[0], [[300.0, 300.0, 300.0]]])
    together = clusters.predict(rows)
    for number, row in enumerate(rows):
        alone = clusters.predict(row[None])
        for name in ("labels", "scores", "probabilities"):
            assert_array_equal(getattr(alone, name)[0], getattr(together, name)[number], err_msg=name)
    assert (together.labels[-1] == -1) == (method == "hdbscan")


def test_scores_and_fuzzy_membership_by_hand():
    clusters = model("kmeans")
    clusters.fit(ROWS)
    rows = sample(rows=40, seed=3)[0]
    result = clusters.predict(rows)
    lower, upper = np.quantile(ROWS, (0.25, 0.75), axis=0)
    scale = (upper - lower) / 1.3489795003921634
    distance = cdist(rows / scale, result.centres / scale)
    assert_allclose(result.scores, distance.min(axis=1))
    by_hand = [[1 / sum((own / other) ** 2 for other in row) for own in row] for row in distance]
    assert_allclose(result.probabilities, by_hand)


def test_mixture_probabilities_by_hand():
    clusters = model("gaussian_mixture")
    clusters.fit(ROWS)
    rows = sample(rows=40, seed=3)[0] + 1.5
    result, state = clusters.predict(rows), clusters.state()
    standardised = (rows - state["location"]) / state["scale"]
    joint = np.column_stack(
        [
            weight * multivariate_normal(mean, covariance).pdf(standardised)
            for weight, mean, covariance in zip(
                state["group_weights"], state["group_centres"], state["group_covariances"], strict=True
            )
        ]
    )
    assert_allclose(result.probabilities, joint / joint.sum(axis=1, keepdims=True), atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_the_state_is_arrays_and_comes_back_whole(method):
    clusters = model(method, order_by=1)
    fitted = clusters.fit(pd.DataFrame(ROWS, columns=["a", "b", "c"]))
    file = io.BytesIO()
    np.savez(file, **clusters.state())
    file.seek(0)
    restored = InvestorClustering.from_state(dict(np.load(file, allow_pickle=False)))
    assert (restored.method, restored.order_by, restored.clusters) == (method, 1, 3)
    for name, array in vars(restored.predict(ROWS)).items():
        assert_array_equal(array, getattr(fitted, name), err_msg=name)
    drifted = sample(seed=8)[0]
    assert_array_equal(restored.update(drifted).labels, clusters.update(drifted).labels)


def test_missing_features_have_no_cluster_and_do_not_matter():
    gaps = np.insert(ROWS, [0, 100], np.nan, axis=0)
    result, present = model("kmeans").fit(gaps), np.isfinite(gaps).all(axis=1)
    expected = model("kmeans").fit(ROWS)
    assert_array_equal(result.labels[present], expected.labels)
    assert_array_equal(result.labels[~present], [-1, -1])
    assert np.isnan(result.scores[~present]).all()
    assert np.isnan(result.probabilities[~present]).all()


def test_a_constant_feature_does_not_matter():
    constant = np.column_stack([ROWS, np.full(len(ROWS), 3.0)])
    assert_array_equal(model("kmeans").fit(constant).labels, model("kmeans").fit(ROWS).labels)


def test_order_by_names_the_feature():
    frame = pd.DataFrame(ROWS, columns=["a", "b", "c"])
    assert (np.diff(model("kmeans", order_by="c").fit(frame).centres[:, 2]) > 0).all()
    with pytest.raises(ValueError, match='no feature "d"'):
        model("kmeans", order_by="d").fit(frame)


def test_order_flow_is_clustered_by_names():
    rng = np.random.default_rng(6)
    time = 1_600_000_000 + np.sort(rng.uniform(0, 5 * 86_400, 20_000))
    hour = time % 86_400 // 3600
    volume = np.ceil(rng.lognormal(np.where(hour < 12, 3, 6), 0.5))
    features = order_flow_features(time, 100 + rng.choice([0, 0.01], 20_000), volume, bar_seconds=3600)
    result = InvestorClustering(clusters=2).fit(features)
    large = (features.time - 3600) % 86_400 // 3600 >= 12
    assert (result.labels == large).mean() > 0.95


def test_a_mixture_that_does_not_converge_warns(monkeypatch):
    monkeypatch.setattr("atlas_assets.clustering.grouping._MIXTURE_ITERATIONS", 1)
    noise = np.random.default_rng(1).normal(size=(200, 3))
    with pytest.warns(ConvergenceWarning, match="did not converge in 1 iterations"):
        model("gaussian_mixture").fit(noise)


@pytest.mark.parametrize("method", METHODS)
def test_unusable_input_is_refused(method):
    with pytest.raises(ValueError, match="not fitted yet"):
        model(method).predict(ROWS)
    with pytest.raises(ValueError, match="complete rows, not 2"):
        model(method).fit(ROWS[:2])
    with pytest.raises(ValueError, match="2-d array"):
        model(method).fit(ROWS[0])
    clusters = model(method)
    clusters.fit(pd.DataFrame(ROWS, columns=["a", "b", "c"]))
    with pytest.raises(ValueError, match="fitted to 3 features, not 2"):
        clusters.predict(ROWS[:, :2])
    with pytest.raises(ValueError, match="missing here: c"):
        clusters.predict(pd.DataFrame(ROWS, columns=["a", "b", "d"]))


@pytest.mark.parametrize("method", METHODS)
def test_what_is_done_to_a_state_or_a_result_does_not_reach_the_model(method):
    clusters = model(method)
    result, state = clusters.fit(ROWS), clusters.state()
    again = InvestorClustering.from_state(state)
    for array in (
        result.clusters,
        *(array for name, array in state.items() if name.startswith(("group", "loc", "sc"))),
    ):
        array[...] = 0
    for same in (clusters, again):
        assert_array_equal(same.predict(ROWS).labels, result.labels)


def test_a_row_at_infinity_is_in_no_dense_cluster():
    clusters = model("hdbscan")
    clusters.fit(ROWS)
    with np.errstate(over="ignore"):
        assert clusters.predict(np.full((1, 3), 1e200)).labels.tolist() == [-1]


def test_a_frame_that_pandas_marks_missing_is_a_frame():
    frame = pd.DataFrame(ROWS, columns=["a", "b", "c"]).convert_dtypes(convert_integer=False)
    frame.loc[0, "b"] = pd.NA
    gap = ROWS.copy()
    gap[0, 1] = np.nan
    assert_array_equal(model("kmeans").fit(frame).labels, model("kmeans").fit(gap).labels)


def test_an_unknown_start_is_refused():
    clusters = model("kmeans")
    clusters.fit(ROWS)
    with pytest.raises(ValueError, match='use "anew" or "before"'):
        clusters.update(ROWS, start="there")


def test_other_refusals():
    with pytest.raises(ValueError, match='no method="spectral"'):
        InvestorClustering(method="spectral")
    with pytest.raises(ValueError, match="at least 1 cluster"):
        InvestorClustering(clusters=0)
    for place in (3, -1):
        with pytest.raises(ValueError, match=f"no feature {place} of 3"):
            InvestorClustering(order_by=place).fit(ROWS)
    with pytest.raises(ValueError, match=r"no state of InvestorClustering: .*location"):
        InvestorClustering.from_state({"names": np.zeros(0)})
    with pytest.raises(ValueError, match="fewer than 3 different rows"):
        model("kmeans").fit(np.ones((20, 2)))
    with pytest.raises(ValueError, match="no dense cluster"):
        InvestorClustering(method="hdbscan", minimum_cluster_size=50).fit(np.random.default_rng(1).normal(size=(60, 8)))
