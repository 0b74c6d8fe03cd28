"""Tables of order flow: planted behaviours are found, labels keep their meaning, fits end before their rows."""

from __future__ import annotations

import datetime as dt
import io

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from atlas_assets.clustering import order_flow_tables as tables
from atlas_assets.clustering.deviation import trailing_deviation
from atlas_assets.clustering.last_fits import LastFits
from atlas_assets.clustering.order_flow import order_flow_features
from atlas_assets.clustering.order_flow_buckets import COLUMNS, buckets_of_instruments
from atlas_assets.contracts.gold import BehaviourDeviation, OrderFlowClusters
from atlas_assets.model_settings import BehaviourDeviationSettings, OrderFlowClusterSettings
from atlas_assets.sandbox import SandboxTransport

BUCKET = 1800
OPTIONS = {"training_buckets": 100, "refit_buckets": 40}
FIRST_DAY = pd.Timestamp("2020-03-02", tz="UTC")
BUCKETS = 6 * 48  # after the day of burn-in


def trades(*, symbol="A", days=7, seed=1, source="binance", planted=()):
    """Trades at random; every third hour large buyers come in; planted buckets have sellers of all sizes only."""
    rng = np.random.default_rng(seed)
    count = 30 * 48 * days
    seconds = np.sort(rng.uniform(0, days * 86_400, count))
    bucket = (seconds // BUCKET).astype(int)
    bought = rng.random(count) < 0.5
    quantity = rng.lognormal(0, 1, count)
    informed = bucket % 6 == 0
    quantity[informed] *= 3
    bought[informed] = rng.random(informed.sum()) < 0.9
    forced = np.isin(bucket, planted)
    bought[forced], quantity[forced] = False, 8 * quantity[forced]
    return pd.DataFrame(
        {
            "instrument_id": f"ins_{symbol}",
            "symbol": symbol,
            "source": source,
            "trade_id": np.arange(count).astype(str),
            "sequence": np.arange(count),
            "session_date": (FIRST_DAY + pd.to_timedelta(seconds, unit="s")).tz_localize(None).floor("D"),
            "event_time": (FIRST_DAY + pd.to_timedelta(np.round(seconds * 1e6), unit="us")).as_unit("us"),
            "price": 100 + np.cumsum(rng.choice([-0.01, 0.01], count)),
            "quantity": quantity,
            "aggressor_side": np.where(bought, "buy", "sell"),
            "is_suspicious": False,
        }
    )


def features(made, *, bucket_seconds=BUCKET, trailing_days=5):
    return buckets_of_instruments(
        made, bucket_seconds=bucket_seconds, size_quantiles=(0.5, 0.9), trailing_days=trailing_days
    )


def bucket_of(table):
    return ((table["bucket_start"] - FIRST_DAY).dt.total_seconds() / BUCKET).astype(int).to_numpy()


TRADES = trades()
FEATURES = features(TRADES)


@pytest.fixture(scope="module")
def clusters():
    return tables.order_flow_clusters(FEATURES, clusters=2, **OPTIONS)


@pytest.fixture(scope="module")
def deviation():
    return tables.behaviour_deviation(features(trades(planted=(200, 250))), significance_level=0.03, **OPTIONS)


def test_clusters_keep_their_contract(clusters):
    assert set(clusters.columns) == set(OrderFlowClusters.to_schema().columns)
    OrderFlowClusters.validate(clusters)
    # The last bucket is not over.
    assert len(clusters) == BUCKETS - 1 - OPTIONS["training_buckets"]
    assert (clusters["bucket_end"] - clusters["bucket_start"]).eq(pd.Timedelta(BUCKET, unit="s")).all()


def test_planted_behaviours_are_found_and_keep_their_number_and_words(clusters):
    informed = bucket_of(clusters) % 6 == 0
    assert clusters["cluster"].to_numpy()[informed].mean() > 0.95
    assert clusters["cluster"].to_numpy()[~informed].mean() < 0.05
    assert set(clusters.loc[clusters["cluster"] == 0, "behaviour"]) == {"ordinary"}
    assert all(
        "large trades" in said or "buyers" in said for said in clusters["behaviour"][informed & (clusters.cluster == 1)]
    )
    assert (clusters["refit_agreement"].dropna() > 0.95).all()


def test_fits_end_before_the_rows_that_they_judge(clusters):
    fits = clusters.groupby("fitted_until")["bucket_start"].agg(["min", "size"])
    assert (fits["min"] >= fits.index).all()
    assert fits["size"].tolist() == [40, 40, 40, 40, 27]
    assert clusters["refit_agreement"].isna().sum() == 40


def test_features_are_those_of_the_trades(clusters):
    """By hand, from the trades of one bucket."""
    row = clusters.iloc[60]
    inside = TRADES[(TRADES["event_time"] >= row["bucket_start"]) & (TRADES["event_time"] < row["bucket_end"])]
    days = FIRST_DAY.tz_localize(None) + pd.to_timedelta(np.arange(7), unit="D")
    today = row["bucket_start"].tz_localize(None).floor("D")
    earlier = TRADES[TRADES["session_date"].isin(days[days < today][-5:])]
    small, large = earlier["quantity"].quantile([0.5, 0.9])
    signed = inside["quantity"] * np.where(inside["aggressor_side"] == "buy", 1, -1)
    few = inside["quantity"] <= small
    many = inside["quantity"] > large
    assert_allclose(row["log_volume"], np.log(inside["quantity"].sum()))
    assert_allclose(row["log_mean_trade_size"], np.log(inside["quantity"].mean()))
    assert_allclose(row["imbalance_small"], signed[few].sum() / inside["quantity"][few].sum())
    assert_allclose(row["imbalance_large"], signed[many].sum() / inside["quantity"][many].sum())


def test_numbers_of_clusters_follow_the_mean_trade_size_of_the_first_fit(clusters):
    first = clusters[clusters["refit_agreement"].isna()]
    means = first.groupby("cluster")["log_mean_trade_size"].mean()
    assert means.is_monotonic_increasing


@pytest.mark.parametrize("method", ["gaussian_mixture", "hdbscan"])
def test_other_methods_keep_the_contract(method):
    table = tables.order_flow_clusters(FEATURES, method=method, clusters=2, minimum_cluster_size=4, **OPTIONS)
    OrderFlowClusters.validate(table)
    assert (table.loc[table["cluster"] == -1, "probability"] == 0).all()
    assert set(table.loc[table["cluster"] == -1, "behaviour"]) <= {"in no cluster"}


def test_deviation_keeps_its_contract_and_finds_what_was_planted(deviation):
    assert set(deviation.columns) == set(BehaviourDeviation.to_schema().columns)
    BehaviourDeviation.validate(deviation)
    unusual = deviation[deviation["is_unusual"]]
    assert {200, 250} <= set(bucket_of(unusual))
    assert len(unusual) < 0.1 * len(deviation)
    planted = deviation[np.isin(bucket_of(deviation), (200, 250))]
    assert set(planted["leading_feature"]) <= {
        "log_mean_trade_size",
        "log_volume",
        "imbalance_small",
        "imbalance_large",
    }


def test_deviation_is_that_of_the_package(deviation):
    source = trades(planted=(200, 250))
    found = order_flow_features(
        source["event_time"].dt.tz_localize(None).to_numpy(),
        source["price"].to_numpy(),
        source["quantity"].to_numpy(),
        side=np.where(source["aggressor_side"] == "buy", 1, -1),
        session=source["session_date"].to_numpy(),
        bar_seconds=BUCKET,
        trailing_days=5,
    )
    columns = [found.names.index(COLUMNS[name]) for name in tables.FEATURES]
    expected = trailing_deviation(found.rows[:, columns], window=100, refit_every=40)
    assert_allclose(deviation["distance"], expected.distance[100:], rtol=1e-12)
    assert_allclose(deviation["empirical_p_value"], expected.empirical_p_value[100:])
    assert ((deviation["empirical_p_value"] <= 0.03) == deviation["is_unusual"]).all()


@pytest.fixture(scope="module")
def simulated():
    """A month of the sandbox's pair, whose informed-trading episodes are known, and their direction in each bucket."""
    simulator = SandboxTransport(clock=dt.datetime(2018, 12, 31, 23, 59, 59, tzinfo=dt.UTC)).simulator
    days = [simulator.trades("BTCUSDT", dt.date(2018, 12, day)) for day in range(1, 32)]
    time = np.concatenate([day.time_ms for day in days])
    made = pd.DataFrame(
        {
            "instrument_id": "ins_btc",
            "symbol": "BTCUSDT",
            "source": "binance",
            "trade_id": "",
            "sequence": np.arange(time.size),
            "session_date": time // 86_400_000,
            "event_time": pd.to_datetime(time, unit="ms", utc=True),
            "price": np.concatenate([day.price_ticks for day in days]) * 0.01,
            "quantity": np.concatenate([day.quantity_lots for day in days]) * 1e-5,
            "aggressor_side": np.where(np.concatenate([day.buyer_is_maker for day in days]), "sell", "buy"),
            "is_suspicious": False,
        }
    )

    def direction(table):
        found = np.zeros(len(table), dtype=int)
        for episode in simulator.truth("BTCUSDT"):
            inside = (table["bucket_end"] > episode.start) & (table["bucket_start"] < episode.end)
            found[inside.to_numpy()] = episode.direction
        return found

    return features(made, bucket_seconds=900, trailing_days=20), direction


def test_informed_buying_and_selling_fall_into_clusters_of_their_own(simulated):
    made, direction = simulated
    table = tables.order_flow_clusters(made, **OrderFlowClusterSettings().model_dump())
    shares = pd.crosstab(direction(table), table["cluster"], normalize="index")
    sellers, buyers = shares.loc[-1].idxmax(), shares.loc[1].idxmax()
    assert sellers != buyers
    assert shares.loc[-1, sellers] > 0.7
    assert shares.loc[1, buyers] > 0.7
    assert max(shares.loc[0, sellers], shares.loc[0, buyers]) < 0.35


def test_informed_trading_is_unusual_and_a_quiet_night_is_not(simulated):
    made, direction = simulated
    options = BehaviourDeviationSettings().model_dump()
    table = tables.behaviour_deviation(made, **options)
    informed, unusual = direction(table) != 0, table["is_unusual"].to_numpy()
    assert unusual[informed].mean() > 0.25
    assert unusual[~informed].mean() < 0.01
    # Compared with all hours, it is nights that are unusual, and informed trading by day is not.
    plain = tables.behaviour_deviation(made, **options | {"comparison_hours": 24.0})
    assert plain["is_unusual"].to_numpy()[informed].mean() < 0.1


def test_close_and_volume_are_those_of_the_bucket(deviation):
    source = trades(planted=(200, 250))
    bars = source.set_index("event_time").resample("1800s").agg({"price": "last", "quantity": "sum"})
    bars = bars.loc[deviation["bucket_start"]]
    assert_allclose(deviation["close"], bars["price"])
    assert_allclose(deviation["volume"], bars["quantity"])


MAKERS = {
    "k-means": (tables.order_flow_clusters, {"clusters": 2}),
    "mixture": (tables.order_flow_clusters, {"clusters": 2, "method": "gaussian_mixture"}),
    "HDBSCAN": (tables.order_flow_clusters, {"method": "hdbscan", "minimum_cluster_size": 4}),
    "deviation": (tables.behaviour_deviation, {}),
}


def after_a_night(fits):
    file = io.BytesIO()
    np.savez(file, **fits.arrays())
    file.seek(0)
    return LastFits(dict(np.load(file, allow_pickle=False)))


@pytest.mark.parametrize("name", MAKERS)
def test_a_pass_that_goes_on_from_the_last_fits_has_the_bits_of_one_pass(name):
    make, options = MAKERS[name]
    fits, kept, made = LastFits(), [], []
    for size in (150, 151, 230, len(FEATURES)):
        fits = after_a_night(fits)
        before = fits.known.get("ins_A")
        rows = make(FEATURES.iloc[:size], last_fits=fits, **OPTIONS, **options)
        if before is not None:
            since = pd.Timestamp(before.since, unit="us", tz="UTC")
            assert rows["bucket_start"].min() == since
            kept = [part[part["bucket_start"] < since] for part in kept]
        kept.append(rows)
        made.append(fits.made)
    assert made == [2, 0, 2, 1]
    complete = make(FEATURES, **OPTIONS, **options)
    pd.testing.assert_frame_equal(pd.concat(kept, ignore_index=True), complete, check_exact=True)


def test_a_last_fit_whose_rows_are_gone_or_whose_past_changed_is_made_anew():
    fits = LastFits()
    tables.order_flow_clusters(FEATURES, clusters=2, last_fits=fits, **OPTIONS)
    fewer = after_a_night(fits)
    rows = tables.order_flow_clusters(FEATURES.iloc[:150], clusters=2, last_fits=fewer, **OPTIONS)
    assert (len(rows), fewer.kept, fewer.made) == (50, 0, 2)
    changed = after_a_night(fits)
    changed.forget(["ins_A"])
    rows = tables.order_flow_clusters(FEATURES, clusters=2, last_fits=changed, **OPTIONS)
    assert (len(rows), changed.kept, changed.made) == (len(FEATURES) - 100, 0, 5)
    with pytest.raises(ValueError, match="no last fits"):
        LastFits({"0.location": np.zeros(2)})


@pytest.mark.parametrize("name", ["k-means", "deviation"])
def test_where_a_sample_cannot_be_fitted_the_fit_before_goes_on(name):
    make, options = MAKERS[name]
    still = FEATURES.copy()
    still.loc[100:239, list(tables.FEATURES)] = [1.0, 2.0, 0.0, 0.0, 0.0, 1.0]  # the third sample, from 180, is one row
    table = make(still, **OPTIONS | {"training_buckets": 60}, **options)
    fits = table.groupby("fitted_until")["bucket_start"].agg(["min", "size"])
    assert (fits["min"] >= fits.index).all()
    assert fits["size"].max() >= 80
    assert len(table) == len(FEATURES) - 60


@pytest.mark.parametrize("name", ["k-means", "HDBSCAN", "deviation"])
def test_an_instrument_that_never_varies_is_left_out_and_does_not_hinder_others(name):
    make, options = MAKERS[name]
    still = FEATURES.assign(instrument_id="ins_B", symbol="B", **dict.fromkeys(tables.FEATURES, 1.0))
    table = make(pd.concat([FEATURES, still]), **OPTIONS, **options)
    pd.testing.assert_frame_equal(table, make(FEATURES, **OPTIONS, **options), check_exact=True)
    with pytest.raises(tables.TooLittleHistory, match=r"last sample that was not fitted: .* (different|dense|varies)"):
        make(still, **OPTIONS, **options)


def test_order_of_rows_and_other_instruments_do_not_matter(clusters):
    both = features(pd.concat([TRADES, trades(symbol="B", seed=2)])).sample(frac=1, random_state=3)
    table = tables.order_flow_clusters(both, clusters=2, **OPTIONS)
    pd.testing.assert_frame_equal(table[table["symbol"] == "A"], clusters, check_exact=True)


def test_a_feature_that_does_not_vary_is_left_out():
    """Shares trade in one size only: no trade is ever large."""
    table = tables.behaviour_deviation(features(TRADES.assign(quantity=100.0)), **OPTIONS)
    BehaviourDeviation.validate(table)
    assert not {"log_mean_trade_size", "imbalance_large"} & set(table["leading_feature"])


def test_too_short_a_history_is_said_in_words():
    with pytest.raises(ValueError, match="more than 100 time buckets after its first day"):
        tables.order_flow_clusters(features(trades(days=2)), **OPTIONS)


def test_an_instrument_with_too_short_a_history_is_left_out(clusters):
    both = features(pd.concat([trades(symbol="B", days=2), TRADES]))
    assert set(tables.order_flow_clusters(both, clusters=2, **OPTIONS)["symbol"]) == {"A"}
