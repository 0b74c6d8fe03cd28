"""Changing or cutting off the future leaves every value of the past as it was, to the last bit."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from atlas_assets.clustering.deviation import standardised_by_time_of_day, trailing_deviation, usual_behaviour
from atlas_assets.clustering.investors import InvestorClustering, order_flow_features
from atlas_assets.clustering.order_flow_buckets import buckets_of_instruments
from atlas_assets.clustering.order_flow_tables import behaviour_deviation, order_flow_clusters
from atlas_assets.clustering.regimes import (
    OnlineChangePoints,
    OnlineHiddenMarkov,
    OnlineMarkovRegimes,
    change_points,
    hidden_markov_regimes,
    markov_regimes,
)
from atlas_assets.clustering.state_tables import market_states
from atlas_assets.contracts.trailing import trailing_percentile
from atlas_assets.indicators.registry import INDICATORS, technical_indicators
from atlas_assets.indicators.toxicity import toxic_episodes
from atlas_assets.indicators.trade_signs import tick_rule
from atlas_assets.indicators.vpin import vpin_from_bars, vpin_from_trades
from atlas_assets.models.connectedness import rolling_connectedness
from atlas_assets.models.dma import DynamicModelAveraging
from atlas_assets.models.ensemble import combine
from atlas_assets.models.tvp_var import TVPVAR, BayesPrior, MinnesotaPrior, regime_forgetting
from atlas_assets.risk_management.var import historical_var, parametric_var
from atlas_assets.sentiment import fear_greed_components
from atlas_assets.sentiment.fear_greed import STOCK_COMPONENTS, fear_greed_index

ROWS = 300
CUTS = [101, 102, 177, 256, 299]
TRAINING = 100
RETURNS = np.random.default_rng(8).standard_t(5, (ROWS, 3)) * 0.01


def changed_after(values, cut):
    changed = values.copy()
    changed[cut:] = values[cut:] * -3 + 0.5
    return changed


def pasts(values, cut):
    """The data cut off at a row, and the data with another future."""
    return values[:cut], changed_after(values, cut)


@cache
def bars():
    close = 100 * np.exp(np.cumsum(RETURNS[:, 0]))
    return pd.DataFrame(
        {
            "instrument_id": 1,
            "session_date": pd.date_range("2020-01-01", periods=ROWS),
            "open": close,
            "high": close * (1 + np.abs(RETURNS[:, 1])),
            "low": close * (1 - np.abs(RETURNS[:, 2])),
            "close": close,
            "volume": 1e6 * (1 + np.abs(RETURNS[:, 1])),
        }
    )


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("indicator", INDICATORS, ids=lambda indicator: indicator.name)
def test_indicators(indicator, cut):
    complete = technical_indicators(bars(), indicators=[indicator])
    other = bars().copy()
    other.loc[cut:, ["open", "high", "low", "close"]] *= 3
    other.loc[cut:, "volume"] *= 7
    for past in (bars()[:cut], other):
        pd.testing.assert_frame_equal(
            technical_indicators(past, indicators=[indicator])[:cut], complete[:cut], check_exact=True
        )


SERIES = {
    "tick rule": lambda r: [tick_rule(np.round(r[:, 0], 2))],
    "trailing percentile": lambda r: [trailing_percentile(np.round(r[:, 0], 3), window=60, minimum=10)],
    "toxic episodes": lambda r: [
        toxic_episodes(trailing_percentile(np.cumsum(r[:, 0]), window=60), threshold=0.8, buckets=3)
    ],
    "regimes": lambda r: [markov_regimes(r[:, 0], training=TRAINING).probabilities],
    "regimes, autoregressive": lambda r: [markov_regimes(r[:, 0], training=TRAINING, order=1).probabilities],
    "historical VaR": lambda r: vars(historical_var(r[:, 0], window=60, level=0.05)).values(),
    "rolling VaR": lambda r: vars(parametric_var(r[:, 0], window=60, level=0.05)).values(),
    "EWMA VaR": lambda r: vars(parametric_var(r[:, 0], window=60, level=0.05, volatility="ewma")).values(),
    "TVP-VAR": lambda r: tvp_var_columns(r, prior=MinnesotaPrior(training=TRAINING)),
    "TVP-VAR, full": lambda r: tvp_var_columns(r, form="full", stability="shrink", lags=2),
    "TVP-VAR, Bayes prior": lambda r: tvp_var_columns(r, prior=BayesPrior(observations=TRAINING)),
    "TVP-VAR, current": lambda r: tvp_var_columns(r, form="full", covariance_update="current"),
    "TVP-VAR, grid": lambda r: tvp_var_columns(r, forgetting=(0.95, 0.99), model_forgetting=0.95),
    "TVP-VAR, grid, full": lambda r: tvp_var_columns(r, forgetting=(0.95, 0.99), form="full"),
    "TVP-VAR, by regime": lambda r: tvp_var_columns(r, path=regime_forgetting(turbulence(r), calm=0.99, turbulent=0.9)),
    "DMA": lambda r: dma_columns(r),
    "DMA, grids": lambda r: dma_columns(
        r, forgetting=(0.95, 0.99), observation_variance="ewma", ewma_decay=(0.9, 0.97)
    ),
    "DMA, by regime": lambda r: dma_by_regime(r),
    "rolling connectedness": lambda r: vars(rolling_connectedness(r, window=60, lags=2)).values(),
    "rolling connectedness, Cholesky": lambda r: vars(
        rolling_connectedness(r, window=60, lags=1, method="cholesky", intercept=False)
    ).values(),
    "hidden Markov regimes": lambda r: hidden_markov_columns(r),
    "hidden Markov regimes, diagonal": lambda r: hidden_markov_columns(r, covariance="diagonal", order_by="mean"),
    "change points": lambda r: vars(change_points(r[:, 0], training=TRAINING)).values(),
    "change points, online": lambda r: updated_columns(OnlineChangePoints(training=TRAINING), r[:, 0]),
    "hidden Markov regimes, online": lambda r: updated_columns(OnlineHiddenMarkov(), r, training=TRAINING),
    "regimes, online": lambda r: updated_columns(OnlineMarkovRegimes(order=1), r[:, 0], training=TRAINING),
    "market states": lambda r: market_state_columns(r),
    "trailing deviation": lambda r: vars(trailing_deviation(r, window=60, refit_every=7)).values(),
    "trailing deviation, determinant": lambda r: trailing_determinant(r),
    "deviation": lambda r: vars(usual_behaviour(r[:TRAINING]).deviation(r)).values(),
    "standardised by time of day": lambda r: [
        standardised_by_time_of_day(
            r, hours(len(r)), training=r[:TRAINING], training_time=hours(TRAINING), width_hours=8.0
        )
    ],
    "investors, k-means": lambda r: investor_columns(r, method="kmeans"),
    "investors, mixture": lambda r: investor_columns(r, method="gaussian_mixture"),
    "fear and greed": lambda r: fear_greed_columns(r),
    "components of fear and greed": lambda r: component_columns(r),
    "investors, HDBSCAN": lambda r: investor_columns(r, method="hdbscan", minimum_cluster_size=10),
}


def hours(rows):
    return 3_600.0 * np.arange(rows)


def dma_columns(rows, **options):
    averaged = DynamicModelAveraging(**options).fit(rows[:, 0], rows[:, 1:])
    return [values for name, values in vars(averaged).items() if name != "factors"]


def fear_greed_columns(rows):
    values = pd.DataFrame(rows, columns=["momentum", "volatility", "news_sentiment"])
    options = {"look_back": 60, "minimum_history": 1, "minimum_components": 1}
    table = fear_greed_index(values, components=STOCK_COMPONENTS, **options)
    return [table[name].to_numpy() for name in table.columns]


def component_columns(rows):
    """Of three instruments and of two series that speak a day later."""
    parts, days = fear_greed_components, pd.date_range("2020-01-01", periods=len(rows))
    close, day = 100 * np.exp(np.cumsum(rows, axis=0)), pd.Timedelta(days=1)
    times = {"session_date": days, "published_at": days.tz_localize("UTC") + day}
    names = ["leader", "other", "bonds"]
    bars = pd.concat(
        pd.DataFrame(times | {"instrument_id": name, "symbol": name, "volume_raw": 1 + abs(rows[:, place])}).assign(
            **dict.fromkeys(["close_raw", "close_split_adj", "close_total_return_adj"], close[:, place])
        )
        for place, name in enumerate(names)
    )
    series = pd.concat(
        pd.DataFrame(times | {"series_id": name, "period": days, "value": 5 + rows[:, place]})
        for place, name in enumerate(names)
    )
    series["published_at"] += day
    tones = pd.DataFrame({"session_date": days, "sentiment_mean": rows[:, 0], "effective_count": 1 + abs(rows[:, 1])})
    tones = tones.assign(market="stocks", kind="post", language="all")
    sessions = parts.sessions_of(bars, "leader")
    known = parts.known_bars(bars, sessions)
    bonds = parts.bond_return(known, sessions, symbol="bonds", window=20)
    return [
        parts.momentum(sessions, window=20),
        parts.price_strength(known, sessions, window=30, minimum_instruments=1),
        parts.breadth(known, sessions, minimum_instruments=1),
        parts.implied_volatility(series, sessions, series="leader", window=20),
        parts.realised_volatility(sessions, window=10, mean_window=20),
        parts.safe_haven(sessions, bonds, window=20),
        parts.bond_return_by_yield(series, sessions, series="bonds", window=20),
        parts.junk_spread(series, sessions, risky="leader", safe="other"),
        parts.dominance(known, sessions),
        parts.tone(tones, sessions, market="stocks", kind="post", days=7),
    ]


def turbulence(rows):
    """Whether a row's regime is turbulent, known the row before."""
    return np.append(0.0, (np.abs(rows[:-1, 2]) > 0.01).astype(float))


def dma_by_regime(rows):
    model = DynamicModelAveraging(forgetting=0.99, turbulent_forgetting=0.9)
    averaged = model.fit(rows[:, 0], rows[:, 1:], regime_probability=turbulence(rows))
    return [values for name, values in vars(averaged).items() if name != "factors"]


def hidden_markov_columns(rows, **options):
    result = hidden_markov_regimes(rows, training=TRAINING, **options)
    return result.probabilities, result.labels, result.scores


def updated_columns(model, rows, **options):
    """Fitted to the training sample and taken on row by row."""
    parts = [model.fit(rows[:TRAINING], **options), *(model.update(row) for row in rows[TRAINING:])]
    names = [name for name in ("probabilities", "labels", "scores") if hasattr(parts[0], name)]
    return [np.concatenate([getattr(part, name) for part in parts]) for name in names]


def market_state_columns(rows):
    days = pd.date_range("2020-01-01", periods=len(rows))
    close = np.exp(np.cumsum(rows[:, 0]))
    table = market_states(
        pd.DataFrame({"instrument_id": "1", "symbol": "A", "session_date": days, "close_total_return_adj": close}),
        symbols=["A"],
        states=2,
        window_size=90,
        refit_sessions=60,
        expected_run_length=100,
        recent_sessions=5,
        change_threshold=0.5,
    )
    known = table.assign(segment_start=table["segment_start"].dt.dayofyear).set_index("session_date")
    return known.select_dtypes(["number", "bool"]).astype(float).reindex(days).to_numpy().T


def trailing_determinant(rows):
    options = {"window": 60, "refit_every": 100, "estimator": "minimum_covariance_determinant"}
    return vars(trailing_deviation(rows, **options)).values()


def investor_columns(rows, **options):
    grouped = rows + 0.2 * (np.arange(len(rows)) % 3)[:, None]
    investors = InvestorClustering(clusters=3, **options)
    investors.fit(grouped[:TRAINING])
    result = investors.predict(grouped)
    return result.labels, result.scores, result.probabilities


def tvp_var_columns(rows, *, path=None, **options):
    fitted = TVPVAR(**options).fit(rows, forgetting=path)
    return (
        fitted.coefficients,
        fitted.covariance,
        fitted.one_step_forecast,
        fitted.log_predictive_density,
        fitted.forgetting_probability,
    )


def combination_columns(rows, **options):
    result = combine(rows[:, 1:], rows[:, 0], **options)
    return result.forecast, result.weights, result.lower, result.upper


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("columns", SERIES.values(), ids=SERIES)
def test_series(columns, cut):
    for past in pasts(RETURNS, cut):
        for ours, complete in zip(columns(past), columns(RETURNS), strict=True):
            assert_array_equal(ours[:cut], complete[:cut])


@pytest.mark.parametrize("cut", CUTS)
def test_averages_of_models_do_not_see_their_own_row(cut):
    complete = DynamicModelAveraging().fit(RETURNS[:, 0], RETURNS[:, 1:])
    other = DynamicModelAveraging().fit(np.append(RETURNS[:cut, 0], 9.0), RETURNS[: cut + 1, 1:])
    for name in ("forecast", "variance", "inclusion_probability", "expected_size", "best_model", "factor_probability"):
        assert_array_equal(getattr(other, name)[cut], getattr(complete, name)[cut])


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("method", ["inverse_error", "stacking", "bayesian", "dynamic"])
def test_combinations_do_not_see_their_own_day(method, cut):
    complete = combination_columns(RETURNS, method=method)
    other = RETURNS.copy()
    other[cut:, 0] = 0.7
    for ours, theirs in zip(combination_columns(other, method=method), complete, strict=True):
        assert_array_equal(ours[: cut + 1], theirs[: cut + 1])


@pytest.mark.parametrize("cut", CUTS)
def test_forecasts_of_value_at_risk_do_not_see_their_own_day(cut):
    for method in (historical_var, parametric_var):
        complete = method(RETURNS[:, 0], window=60, level=0.05)
        unknown = method(np.append(RETURNS[:cut, 0], np.nan), window=60, level=0.05)
        assert unknown.value_at_risk[cut] == complete.value_at_risk[cut]


def trades():
    rng = np.random.default_rng(3)
    time = 1_600_000_000 + np.sort(rng.uniform(0, 5 * 86_400, 8000))
    return time, 100 + np.cumsum(rng.choice([-0.01, 0.0, 0.01], 8000)), rng.integers(1, 100, 8000).astype(float)


@pytest.mark.parametrize("price_change", ["close_to_close", "last_minus_first"])
@pytest.mark.parametrize("cut", [3000, 4321, 6001, 7999])
def test_vpin(price_change, cut):
    time, price, volume = trades()
    options = {"price_change": price_change, "buckets_per_day": 20, "window": 5}
    complete = vpin_from_trades(time, price, volume, **options)
    futures = [
        (time[:cut], price[:cut], volume[:cut]),
        (time, changed_after(price, cut), np.append(volume[:cut], 7 * volume[cut:])),
    ]
    for past in futures:
        ours = vpin_from_trades(*past, **options)
        known = complete.bucket_end <= time[cut - 1]
        assert known.sum() > 5
        for name, column in vars(complete).items():
            assert_array_equal(getattr(ours, name)[: known.sum()], column[known])


def test_vpin_of_bars():
    time, price, volume = np.arange(5000) * 60.0, trades()[1][:5000], trades()[2][:5000]
    complete = vpin_from_bars(time, price, volume)
    for cut in (2000, 3333, 4999):
        ours = vpin_from_bars(time[:cut], price[:cut], volume[:cut])
        for name, column in vars(complete).items():
            assert_array_equal(getattr(ours, name), column[: ours.vpin.size])


@pytest.mark.parametrize("cut", [3000, 4321, 6001, 7999])
def test_order_flow_features(cut):
    time, price, volume = trades()
    complete = order_flow_features(time, price, volume)
    futures = [
        (time[:cut], price[:cut], volume[:cut]),
        (time, changed_after(price, cut) ** 2, np.append(volume[:cut], 7 * volume[cut:])),
    ]
    known = complete.time <= time[cut - 1]
    assert known.sum() > 100
    for past in futures:
        ours = order_flow_features(*past)
        assert_array_equal(ours.time[: known.sum()], complete.time[known])
        assert_array_equal(ours.rows[: known.sum()], complete.rows[known])


@pytest.mark.parametrize("cut", [3000, 6001])
@pytest.mark.parametrize("make", [order_flow_clusters, behaviour_deviation])
def test_order_flow_tables(make, cut):
    time, price, volume = trades()
    rows = pd.DataFrame(
        {
            "instrument_id": "1",
            "symbol": "A",
            "source": "a",
            "trade_id": "",
            "sequence": np.arange(time.size),
            "event_time": pd.to_datetime(np.round(time * 1e6), unit="us", utc=True),
            "session_date": np.floor(time / 86_400),
            "price": price,
            "quantity": volume,
            "aggressor_side": None,
            "is_suspicious": False,
        }
    )

    def made(past):
        buckets = buckets_of_instruments(past, bucket_seconds=900, size_quantiles=(0.5, 0.9), trailing_days=3)
        return make(buckets, training_buckets=60, refit_buckets=90)

    complete = made(rows)
    other = rows.assign(price=np.abs(changed_after(price, cut)), quantity=np.append(volume[:cut], 7 * volume[cut:]))
    known = (complete["bucket_end"] <= rows["event_time"][cut - 1]).sum()
    assert known > 10
    for past in (rows[:cut], other):
        pd.testing.assert_frame_equal(made(past)[:known], complete[:known], check_exact=True)
