import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from atlas_assets.indicators.trade_signs import METHODS, classification_accuracy, tick_rule
from atlas_assets.indicators.vpin import bulk_volume_classification

BULK, TICK, HALF = range(3)


def sign_by_the_last_different_price(prices):
    """The tick rule, trade by trade."""
    signs, sign = [], 0
    for i, price in enumerate(prices):
        if i and price != prices[i - 1]:
            sign = 1 if price > prices[i - 1] else -1
        signs.append(sign)
    return signs


def trades(count=3000, seed=2):
    """Trades at the bid and the ask of a mid-price that follows the order flow."""
    rng = np.random.default_rng(seed)
    time = np.sort(rng.uniform(0, 7200, count))
    drift = np.repeat(rng.uniform(0.2, 0.8, count // 50), 50)
    side = np.where(rng.uniform(size=count) < drift, 1, -1)
    price = 100 + 0.01 * np.cumsum(side) + 0.005 * side
    return time, price, rng.integers(1, 50, count).astype(float), side


def test_tick_rule_by_hand():
    assert_array_equal(tick_rule([5, 5, 6, 6, 5, 5, 7]), [0, 0, 1, 1, -1, -1, 1])


@given(prices=st.lists(st.integers(1, 4), min_size=1, max_size=30))
def test_tick_rule_equals_the_loop_and_sees_no_future(prices):
    signs = tick_rule(prices)
    assert_array_equal(signs, sign_by_the_last_different_price(prices))
    for cut in range(len(prices)):
        assert_array_equal(tick_rule(prices[:cut]), signs[:cut])
    assert_array_equal(tick_rule(-np.array(prices)), -signs)


def test_shares_and_correlation_equal_a_loop():
    time, price, volume, side = trades()
    accuracy = classification_accuracy(time, price, volume, side, bar_seconds=60.0, buckets=1)
    number = ((time - time[0]) // 60).astype(int)
    frame = pd.DataFrame({"bar": number, "price": price, "volume": volume, "buys": volume * (side > 0)})
    bars = frame.groupby("bar").agg(close=("price", "last"), volume=("volume", "sum"), buys=("buys", "sum"))
    changes = bars["close"].diff().fillna(0.0)
    guess = bulk_volume_classification(changes, bars["volume"], sigma=changes.std())
    right = np.minimum(guess, bars["buys"]) + np.minimum(bars["volume"] - guess, bars["volume"] - bars["buys"])
    assert_allclose(accuracy.share_by_bar[BULK], right.sum() / volume.sum(), rtol=1e-12)
    signs = np.array(sign_by_the_last_different_price(price))
    wrong = volume[(signs != side) & (signs != 0)].sum() + volume[signs == 0].sum() / 2
    assert_allclose(accuracy.share_by_trade[TICK], 1 - wrong / volume.sum(), rtol=1e-12)
    assert np.isnan(accuracy.imbalance_correlation).all()  # one bucket has no correlation
    one_each = classification_accuracy(time, price, np.ones(time.size), side, buckets=60)
    imbalances = [np.add.reduceat(values, np.arange(0, 3000, 50)) for values in (signs, side)]
    assert_allclose(one_each.imbalance_correlation[TICK], np.corrcoef(*imbalances)[0, 1], rtol=1e-9)


def test_perfect_signs_are_all_right_and_one_half_is_half():
    time, price, volume, side = trades()
    true = np.where(tick_rule(price) == 0, 1, tick_rule(price))
    perfect = classification_accuracy(time, price, volume, true)
    assert_allclose(perfect.share_by_trade[[TICK, HALF]], [1, 0.5], atol=0.01)
    assert perfect.imbalance_correlation[TICK] > 0.999
    for accuracy in (perfect, classification_accuracy(time, price, volume, side)):
        assert accuracy.methods == METHODS
        for share in (accuracy.share_by_trade, accuracy.share_by_bar):
            assert ((share >= 0) & (share <= 1)).all()
        # Errors cancel within a bar, they never add.
        assert (accuracy.share_by_bar >= accuracy.share_by_trade - 1e-12).all()
        assert np.isnan(accuracy.imbalance_correlation[HALF])
    swapped = classification_accuracy(time, -price, volume, -true)
    assert_allclose(swapped.share_by_bar, perfect.share_by_bar, rtol=1e-9)


def test_usage_errors_are_sentences():
    time, price, volume, side = trades(100)
    with pytest.raises(ValueError, match="true side of every trade"):
        classification_accuracy(time, price, volume, np.zeros(100))
    with pytest.raises(ValueError, match="time order"):
        classification_accuracy(time[::-1], price, volume, side)
    with pytest.raises(ValueError, match="two bars"):
        classification_accuracy(time, price, volume, side, bar_seconds=1e9)
    with pytest.raises(ValueError, match="a price for every trade"):
        tick_rule([1.0, np.nan])


@pytest.mark.recorded
@pytest.mark.parametrize("bar_seconds", [1.0, 10.0])
def test_on_binance_trades_whose_side_the_exchange_tells(recorded, bar_seconds):
    path = recorded / "data" / "hftbacktest_binance" / "trades_true_side_20240808_09.parquet"
    for (market, symbol), rows in pd.read_parquet(path).groupby(["market", "symbol"]):
        rows = rows.sort_values(["trade_ms", "trade_id"])
        time, price, volume = rows["trade_ms"] / 1000, rows["price"], rows["qty"]
        accuracy = classification_accuracy(
            time.to_numpy(), price, volume, rows["side"], bar_seconds=bar_seconds, buckets=50
        )
        print(f"\n{market} {symbol}: {len(rows):,} trades, bars of {bar_seconds:g} s")
        for name, *numbers in zip(*vars(accuracy).values(), strict=True):
            print(f"  {name:14} by trade {numbers[0]:.3f}, by bar {numbers[1]:.3f}, correlation {numbers[2]:.3f}")
        assert np.isfinite(accuracy.imbalance_correlation[[BULK, TICK]]).all()
        for share in (accuracy.share_by_trade, accuracy.share_by_bar):
            assert ((share >= 0) & (share <= 1)).all()
        assert accuracy.share_by_trade[TICK] > accuracy.share_by_trade[HALF]
