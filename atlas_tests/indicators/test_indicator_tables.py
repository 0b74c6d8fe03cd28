"""The indicators' gold tables: what a plain loop gives, and nothing from the future."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from atlas_assets.contracts.gold import TechnicalIndicators, Vpin
from atlas_assets.contracts.trailing import trailing_percentile
from atlas_assets.indicators import tables
from atlas_assets.indicators.toxicity import toxic_episodes
from atlas_assets.indicators.trade_signs import classification_accuracy
from atlas_assets.orchestration.metadata import side_accuracy

SESSIONS = 90
VPIN = {
    "bar_seconds": 60.0,
    "buckets_per_day": 10,
    "window": 5,
    "percentile_window": 8,
    "toxic_percentile": 0.7,
    "toxic_buckets": 2,
}


def bars(symbols=("A", "B"), sessions=SESSIONS):
    rng = np.random.default_rng(1)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, (len(symbols), sessions)), axis=1)).ravel()
    return pd.DataFrame(
        {
            "instrument_id": np.repeat([f"ins_{symbol}" for symbol in symbols], sessions),
            "symbol": np.repeat(symbols, sessions),
            "session_date": np.tile(pd.date_range("2020-01-01", periods=sessions), len(symbols)),
            "open_split_adj": close,
            "high_split_adj": close * 1.01,
            "low_split_adj": close * 0.98,
            "close_split_adj": close,
            "volume_split_adj": 1e6,
        }
    )


def trades(*, days=4, count=4000, symbols=("A", "B")):
    rng = np.random.default_rng(2)
    parts = []
    for symbol in symbols:
        seconds = np.sort(rng.uniform(0, days * 86_400, count))
        parts.append(
            pd.DataFrame(
                {
                    "instrument_id": f"ins_{symbol}",
                    "symbol": symbol,
                    "source": "binance",
                    "trade_id": [str(number) for number in range(count)],
                    "sequence": np.arange(count),
                    "is_suspicious": False,
                    "event_time": pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(seconds, unit="s"),
                    "price": 100 + np.cumsum(rng.choice([-0.01, 0.0, 0.01], count)),
                    "quantity": rng.integers(1, 100, count).astype(float),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def test_technical_indicators_hold_the_contracts_columns():
    table = tables.technical_indicators(bars())
    assert set(table.columns) == set(TechnicalIndicators.to_schema().columns)
    assert len(table) == 2 * SESSIONS


def test_each_instrument_is_computed_alone():
    together = tables.technical_indicators(bars())
    alone = tables.technical_indicators(bars(symbols=("A",)))
    pd.testing.assert_frame_equal(together[together["symbol"] == "A"].reset_index(drop=True), alone)


def test_averages_and_volatility_by_a_plain_loop():
    table = tables.technical_indicators(bars(symbols=("A",)))
    close = table["close_split_adj"].tolist()
    returns = [math.nan] + [math.log(after / before) for before, after in pairwise(close)]
    for t in (20, 55, SESSIONS - 1):
        row = table.iloc[t]
        assert row["log_return"] == pytest.approx(returns[t], rel=1e-12)
        assert row["sma_20"] == pytest.approx(sum(close[t - 19 : t + 1]) / 20, rel=1e-12)
        mean = sum(returns[t - 19 : t + 1]) / 20
        variance = sum((value - mean) ** 2 for value in returns[t - 19 : t + 1]) / 19
        assert row["realised_volatility_20_ann"] == pytest.approx(math.sqrt(252 * variance), rel=1e-9)


def test_golden_numbers_of_a_straight_line():
    """Closes 1, 2, … 25: averages are midpoints, the band's deviation is that of 20 equidistant numbers."""
    line = bars(symbols=("A",), sessions=25).assign(
        close_split_adj=np.arange(1.0, 26.0),
        high_split_adj=np.arange(1.0, 26.0) + 0.5,
        low_split_adj=np.arange(1.0, 26.0) - 0.5,
    )
    last = tables.technical_indicators(line).iloc[-1]
    assert last["sma_20"] == pytest.approx(15.5)
    assert last["bollinger_middle_20"] == pytest.approx(15.5)
    assert last["bollinger_upper_20"] == pytest.approx(15.5 + 2 * math.sqrt((20**2 - 1) / 12))
    assert last["rsi_14"] == pytest.approx(100.0)
    assert last["atr_14"] == pytest.approx(1.5)


@pytest.mark.parametrize("cut", [21, 50, 89])
def test_technical_indicators_do_not_see_the_future(cut):
    complete = tables.technical_indicators(bars(symbols=("A",)))
    past = tables.technical_indicators(bars(symbols=("A",)).iloc[:cut])
    pd.testing.assert_frame_equal(past, complete.iloc[:cut], check_exact=True)


def test_the_order_of_bars_does_not_matter():
    shuffled = bars().sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(tables.technical_indicators(shuffled), tables.technical_indicators(bars()))


def test_vpin_is_the_mean_share_of_imbalance():
    table = tables.vpin(trades(), **VPIN)
    assert set(table.columns) == set(Vpin.to_schema().columns)
    for _, rows in table.groupby("instrument_id"):
        assert rows["bucket_number"].tolist() == list(range(len(rows)))
        assert rows["bucket_end"].is_monotonic_increasing
        assert rows["vpin"].isna().tolist() == [number < 4 for number in range(len(rows))]
        bought, sold = rows["buy_volume"].to_numpy(), rows["sell_volume"].to_numpy()
        for last in range(4, len(rows)):
            window = slice(last - 4, last + 1)
            share = np.mean(np.abs(bought - sold)[window] / (bought + sold)[window])
            # A bucket that spans midnight mixes two days' sizes.
            assert rows["vpin"].iloc[last] == pytest.approx(share, rel=0.05)


def test_percentiles_and_episodes_are_those_of_each_instrument_alone():
    table = tables.vpin(trades(), **VPIN)
    Vpin.validate(table)
    assert (table["toxic_episode"] > 0).any()
    for _, rows in table.groupby("instrument_id"):
        percentile = trailing_percentile(rows["vpin"], window=8)
        np.testing.assert_array_equal(rows["vpin_percentile"], percentile)
        np.testing.assert_array_equal(rows["toxic_episode"], toxic_episodes(percentile, threshold=0.7, buckets=2))
        assert rows["vpin_percentile"].isna().tolist() == [number < 4 + 7 for number in range(len(rows))]


def without_zone(rows):
    return rows.assign(event_time=rows["event_time"].dt.tz_localize(None))


def test_accuracy_of_each_instrument_with_more_than_a_bar():
    known = trades(count=2000)
    known["aggressor_side"] = np.where(np.arange(len(known)) % 3 == 0, "sell", "buy")
    of_a = without_zone(known[known["symbol"] == "A"])
    short = of_a[of_a["event_time"] < of_a["event_time"].min() + pd.Timedelta("50s")]
    table = tables.side_accuracy([("A", of_a), ("B", short), ("C", of_a.iloc[:0])], bar_seconds=60.0)
    right = classification_accuracy(
        of_a["event_time"].to_numpy(),
        of_a["price"],
        of_a["quantity"],
        np.where(of_a["aggressor_side"] == "buy", 1, -1),
    )
    assert table["symbol"].tolist() == ["A"] * 3
    assert table["trades"].tolist() == [2000] * 3
    assert table["method"].tolist() == ["bulk volume", "tick rule", "half and half"]
    for name in ("share_by_trade", "share_by_bar", "imbalance_correlation"):
        np.testing.assert_array_equal(table[name], getattr(right, name))
    said = side_accuracy(table)
    assert said["classification_bulk_volume"] == pytest.approx(right.share_by_bar[0])
    assert said["classification_half_and_half"] == pytest.approx(right.share_by_bar[2])


def test_without_trades_of_known_side_nothing_is_said_of_accuracy():
    assert side_accuracy(tables.side_accuracy([], bar_seconds=60.0)) == {}


def test_the_order_of_trades_does_not_matter_even_within_a_millisecond():
    ordered = trades()
    ordered["event_time"] = ordered["event_time"].dt.floor("h")
    shuffled = ordered.sample(frac=1, random_state=4)
    pd.testing.assert_frame_equal(tables.vpin(shuffled, **VPIN), tables.vpin(ordered, **VPIN))


def test_trades_of_one_instant_follow_their_sequence():
    """Trade 10 comes after trade 9, although "10" comes before "9"."""
    same_instant = trades(days=3, count=2000, symbols=("A",))
    same_instant["event_time"] = same_instant["event_time"].dt.floor("D") + pd.Timedelta("1h")
    by_number = tables.vpin(same_instant, **VPIN)
    wider = same_instant.assign(trade_id=[f"{int(number) + 1_000_000}" for number in same_instant["trade_id"]])
    pd.testing.assert_frame_equal(by_number, tables.vpin(wider, **VPIN))


def test_a_second_source_and_doubted_trades_add_no_volume():
    alone = trades(symbols=("A",))
    other = alone.iloc[::3].assign(source="alpaca", price=1.0)
    doubted = alone.iloc[::5].assign(is_suspicious=True, quantity=1e9, sequence=-1)
    pd.testing.assert_frame_equal(tables.vpin(alone, **VPIN), tables.vpin(pd.concat([other, alone, doubted]), **VPIN))


@pytest.mark.parametrize("cut", [2000, 3100, 3999])
def test_vpin_does_not_see_the_future(cut):
    every = trades(symbols=("A",))
    complete, past = tables.vpin(every, **VPIN), tables.vpin(every.iloc[:cut], **VPIN)
    known = complete["bucket_end"] <= every["event_time"].iloc[cut - 1]
    assert known.sum() > 5
    pd.testing.assert_frame_equal(past.iloc[: known.sum()], complete[known], check_exact=True)


def test_a_first_trade_between_two_seconds_keeps_times_to_the_microsecond():
    seconds = np.arange(3 * 86_400, step=60) + 0.001
    trades = pd.DataFrame(
        {
            "instrument_id": "x",
            "symbol": "X",
            "source": "binance",
            "trade_id": [str(number) for number in range(len(seconds))],
            "sequence": np.arange(len(seconds)),
            "is_suspicious": False,
            "event_time": pd.to_datetime(
                1_546_041_600_000_000 + (seconds * 1e6).round().astype(int), unit="us", utc=True
            ),
            "price": 100 + np.sin(np.arange(len(seconds))),
            "quantity": 1.0,
        }
    )
    ends = tables.vpin(trades, **VPIN | {"buckets_per_day": 50})["bucket_end"]
    assert (ends.astype("datetime64[ns, UTC]").astype("int64") % 1000 == 0).all()
    assert (ends.dt.microsecond == 1000).all()
