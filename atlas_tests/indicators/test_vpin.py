import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from atlas_assets.indicators.vpin import bulk_volume_classification, vpin_from_bars, vpin_from_trades

DAY = 86_400.0
FULL_SAMPLE = {"sigma": "full_sample", "bucket_volume": "full_sample"}


def trades(*, days=4, count=6000, seed=1):
    rng = np.random.default_rng(seed)
    time = 1_600_000_000 + np.sort(rng.uniform(0, days * DAY, count))
    return time, 100 + np.cumsum(rng.choice([-0.01, 0.0, 0.01], count)), rng.integers(1, 100, count).astype(float)


def oracle(time, price, volume, *, bar_seconds=60.0, buckets_per_day=50, window=50):
    """Full-sample, last-minus-first, normal VPIN, trade by trade."""
    bars = {}
    for t, p, v in zip(time, price, volume, strict=True):
        bar = bars.setdefault(math.floor((t - time[0]) / bar_seconds), [p, p, 0.0])
        bar[1], bar[2] = p, bar[2] + v
    sigma = np.std([last - first for first, last, _ in bars.values()], ddof=1)
    days = {math.floor((time[0] + k * bar_seconds) / DAY) for k in bars}
    size = volume.sum() / len(days) / buckets_per_day
    buckets, buys, sells = [], 0.0, 0.0
    for first, last, left in bars.values():
        share = 0.5 * math.erfc(-(last - first) / sigma / math.sqrt(2))
        while buys + sells + left >= size - 1e-9:
            part = size - buys - sells
            buckets.append((buys + part * share, sells + part * (1 - share)))
            buys, sells, left = 0.0, 0.0, left - part
        buys, sells = buys + left * share, sells + left * (1 - share)
    imbalance = [abs(b - s) for b, s in buckets]
    return np.array([np.mean(imbalance[k - window : k]) / size for k in range(window, len(buckets) + 1)])


def test_equals_the_trade_by_trade_oracle():
    time, price, volume = trades()
    result = vpin_from_trades(time, price, volume, price_change="last_minus_first", **FULL_SAMPLE)
    np.testing.assert_allclose(result.vpin[49:], oracle(time, price, volume), rtol=1e-9)
    assert np.isnan(result.vpin[:49]).all()


@pytest.mark.recorded
def test_reproduces_pinstimation(quant):
    # R package PINstimation, vpin(hfdata, timebarsize=60, buckets=50, samplength=50).
    data = pd.read_csv(quant / "pinst_hfdata.csv.gz")
    time, price, volume = (data[name].to_numpy(float) for name in ("epoch", "price", "volume"))
    result = vpin_from_trades(time, price, volume, price_change="last_minus_first", **FULL_SAMPLE)
    assert result.vpin.size == 3600
    np.testing.assert_allclose(result.buy_volume + result.sell_volume, 3889.83277778, rtol=1e-11)
    np.testing.assert_allclose(result.vpin[[49, -1]], [0.368155924426, 0.274605236421], atol=5e-13)
    np.testing.assert_allclose(np.nanmean(result.vpin), 0.20928934, atol=5e-9)
    reference = pd.read_csv(quant / "ref_pinst_vpin_hfdata_tb60_b50_s50.csv")
    np.testing.assert_allclose(result.vpin, reference["vpin"], atol=1e-11)
    np.testing.assert_allclose(result.buy_volume, reference["agg.bvol"], atol=1e-7)


finite = {"allow_nan": False, "allow_infinity": False}
changes = hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(-1e3, 1e3, **finite))
distributions = st.sampled_from(["normal", "student_t", "spread"])


@settings(max_examples=60, deadline=None)
@given(change=changes, scale=st.floats(1e-3, 1e3), distribution=distributions, data=st.data())
def test_identities_of_bulk_classification(change, scale, distribution, data):
    volume = data.draw(hnp.arrays(np.float64, change.size, elements=st.floats(0, 1e9, **finite)))
    options = {"sigma": scale, "spread": scale, "distribution": distribution}
    buys = bulk_volume_classification(change, volume, **options)
    assert ((buys >= 0) & (buys <= volume)).all()
    np.testing.assert_array_equal(buys[change == 0], volume[change == 0] / 2)
    swapped = bulk_volume_classification(-change, volume, **options)
    np.testing.assert_allclose(swapped, volume - buys, rtol=1e-9, atol=1e-9 * max(volume.max(), 1e-300))
    more = bulk_volume_classification(change + 1.0, volume, **options)
    assert (more >= buys).all()


def test_student_t_by_its_closed_form():
    # With one degree of freedom it is the Cauchy distribution.
    buys = bulk_volume_classification([1.0], [8.0], sigma=1.0, distribution="student_t", degrees_of_freedom=1)
    np.testing.assert_allclose(buys, 8 * (0.5 + math.atan(1) / math.pi))


def test_zero_sigma_is_all_or_half_and_nan_stays():
    buys = bulk_volume_classification([1.0, 0.0, -1.0, np.nan], [2.0] * 4, sigma=0.0)
    np.testing.assert_array_equal(buys, [2.0, 1.0, 0.0, np.nan])
    np.testing.assert_array_equal(bulk_volume_classification([0.0], [2.0], sigma=[np.nan]), [np.nan])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), distribution=st.sampled_from(["normal", "student_t"]))
def test_identities_of_vpin(seed, distribution):
    time, price, volume = trades(count=2000, seed=seed)
    options = {"buckets_per_day": 20, "window": 5, "distribution": distribution}
    result = vpin_from_trades(time, price, volume, **options)
    known = result.vpin[4:]
    assert ((known >= 0) & (known <= 1)).all()
    assert (result.buy_volume >= 0).all()
    assert (result.sell_volume >= 0).all()
    np.testing.assert_array_equal(result.imbalance, np.abs(result.buy_volume - result.sell_volume))
    flipped = vpin_from_trades(time, 200 - price, volume, **options)
    np.testing.assert_allclose(flipped.buy_volume, result.sell_volume, rtol=1e-7)
    np.testing.assert_allclose(flipped.vpin, result.vpin, rtol=1e-7)
    scaled = vpin_from_trades(time, price * 4, volume * 8, **options)
    np.testing.assert_allclose(scaled.vpin, result.vpin, rtol=1e-9)


def test_trailing_estimates_use_the_days_before_only():
    time, price, volume = trades(days=3, count=9000)
    time = np.floor(time[0] / DAY) * DAY + (time - time[0])
    result = vpin_from_trades(time, price, volume, price_change="last_minus_first", window=5)
    day = np.floor((time - (time - time[0]) % 60.0) / DAY)
    frame = pd.DataFrame({"bar": (time - time[0]) // 60, "day": day, "price": price, "volume": volume})
    bars = frame.groupby("bar").agg(
        day=("day", "first"), first=("price", "first"), last=("price", "last"), volume=("volume", "sum")
    )
    first_day = bars[bars["day"] == bars["day"].min()]
    second_day = bars[bars["day"] == bars["day"].min() + 1]
    bucket = first_day["volume"].sum() / 50
    np.testing.assert_allclose(result.buy_volume[0] + result.sell_volume[0], bucket)
    assert result.bucket_end[0] > time[0] + DAY
    sigma = (first_day["last"] - first_day["first"]).std()
    buys = bulk_volume_classification(second_day["last"] - second_day["first"], second_day["volume"], sigma=sigma)
    first_bucket = np.interp(bucket, second_day["volume"].cumsum(), np.cumsum(buys))
    np.testing.assert_allclose(result.buy_volume[0], first_bucket)


def test_bars_and_trades_agree_and_empty_bars_are_skipped():
    time, price, volume = trades()
    expected = vpin_from_trades(time, price, volume)
    number = ((time - time[0]) // 60).astype(int)
    frame = pd.DataFrame({"number": number, "price": price, "volume": volume}).groupby("number")
    every = np.arange(number[-1] + 1)
    close = frame["price"].last().reindex(every)
    bars = vpin_from_bars(time[0] + every * 60.0, close, frame["volume"].sum().reindex(every, fill_value=0.0))
    np.testing.assert_array_equal(bars.vpin, expected.vpin)
    np.testing.assert_array_equal(bars.bucket_end, expected.bucket_end)


def test_sparse_trades_and_timestamps_give_the_same_numbers():
    time, price, volume = trades(count=3000)
    time = np.round(time, 3)
    short = vpin_from_trades(time, price, volume, bar_seconds=1.0)  # fewer trades than bars
    ids = ((time - time[0]) // 1.0).astype(int)
    last = np.append(np.flatnonzero(np.diff(ids)), time.size - 1)
    bars = vpin_from_bars(time[0] + ids[last] * 1.0, price[last], np.bincount(ids, volume)[ids[last]], bar_seconds=1.0)
    np.testing.assert_allclose(short.vpin, bars.vpin, rtol=1e-12)
    stamps = (time * 1000).round().astype("int64").astype("datetime64[ms]")
    zoned = pd.Series(stamps).dt.tz_localize("UTC").dt.tz_convert("America/New_York")
    for times in (stamps, pd.Series(stamps), zoned, pd.DatetimeIndex(zoned)):
        np.testing.assert_array_equal(vpin_from_trades(times, price, volume, bar_seconds=1.0).vpin, short.vpin)


def test_a_bucket_that_fills_exactly_is_complete():
    result = vpin_from_bars(np.arange(30) * 60.0, np.arange(30.0), np.full(30, 0.1), bucket_volume=0.3, sigma=1.0)
    assert result.vpin.size == 10
    np.testing.assert_array_equal(result.bucket_end, 60.0 * np.arange(3, 31, 3))


@pytest.mark.parametrize(
    ("volume", "message"),
    [([0.0, 0.0], "every volume is zero"), ([1.0, -1.0], "not negative"), ([1.0, np.nan], "present"), ([], "at least")],
)
def test_a_series_without_volume_is_refused(volume, message):
    time, price = np.arange(float(len(volume))), np.ones(len(volume))
    with pytest.raises(ValueError, match=message):
        vpin_from_trades(time, price, volume)


def test_usage_errors_are_sentences():
    with pytest.raises(ValueError, match="time order"):
        vpin_from_trades(np.array([1.0, 0.0]), [1, 1], [1, 1])
    with pytest.raises(ValueError, match="a price for every bar"):
        vpin_from_bars(np.array([0.0, 60.0]), [1, np.nan], [1, 1])
    with pytest.raises(ValueError, match="open_price"):
        vpin_from_bars(np.array([0.0, 60.0]), [1, 1], [1, 1], price_change="last_minus_first")
    with pytest.raises(ValueError, match="an open_price for each of 2 bars"):
        vpin_from_bars(np.array([0.0, 60.0]), [1, 1], [1, 1], open_price=[1])
    with pytest.raises(ValueError, match="one number or one a row"):
        vpin_from_trades(np.arange(3.0), [1, 1, 1], [1, 1, 1], distribution="spread", spread=[1, 1])
    with pytest.raises(ValueError, match="sigma that is not negative, not nan"):
        vpin_from_trades(np.arange(3.0), [1, 1, 1], [1, 1, 1], sigma=np.nan)
    with pytest.raises(ValueError, match="needs two bars"):
        vpin_from_trades(np.arange(3.0), [1, 1, 1], [1, 1, 1], sigma="full_sample")
    with pytest.raises(ValueError, match="buckets at once"):
        vpin_from_trades(np.arange(3.0), [1, 1, 1], [1, 1, 1e12], sigma=1.0, bucket_volume=1.0)


@pytest.mark.parametrize(
    ("change", "volume", "options", "says"),
    [
        ([1.0], [1.0], {}, "needs sigma"),
        ([1.0], [-1.0], {"sigma": 1.0}, "volumes that are not negative"),
        ([1.0], [1.0], {"sigma": -1.0}, "sigma that is not negative"),
        ([1.0, 2.0], [1.0], {"sigma": 1.0}, "a volume for each bar"),
        ([1.0, 2.0], [1.0, 1.0], {"sigma": [1.0, 1.0, 1.0]}, "one number or one a bar"),
        ([1.0], [1.0], {"sigma": 1.0, "distribution": "student_t", "degrees_of_freedom": 0}, "degrees_of_freedom"),
    ],
)
def test_bulk_classification_refuses(change, volume, options, says):
    with pytest.raises(ValueError, match=says):
        bulk_volume_classification(change, volume, **options)


def test_a_bucket_volume_must_be_positive():
    with pytest.raises(ValueError, match="positive bucket volume"):
        vpin_from_bars(np.array([0.0, 60.0]), [1, 1], [1, 1], bucket_volume=0.0)
