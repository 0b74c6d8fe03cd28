"""Order-flow features: each equals a loop over the trades of its bar, and no size class knows its own day."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from atlas_assets.clustering.investors import order_flow_features

DAY, BAR = 86_400, 3_600.0


def trades(count=3000, days=4, seed=5):
    rng = np.random.default_rng(seed)
    time = 1_600_000_000 // DAY * DAY + np.sort(rng.uniform(0, days * DAY, count))
    price = 100 + np.cumsum(rng.choice([-0.01, 0.0, 0.01], count))
    volume = np.where(rng.random(count) < 0.3, 100.0 * rng.integers(1, 5, count), np.ceil(rng.lognormal(4, 1, count)))
    return time, price, volume


TIME, PRICE, VOLUME = trades()
FEATURES = order_flow_features(TIME, PRICE, VOLUME, bar_seconds=BAR)


def column(features, name):
    return features.rows[:, features.names.index(name)]


def by_hand(time, price, volume, *, days=20):
    """Features of each bar, trade by trade."""
    bars, side, last = {}, 0, price[0]
    for number, (t, p, v) in enumerate(zip(time, price, volume, strict=True)):
        side, last = (1 if p > last else -1 if p < last else side), p
        today = t // DAY
        traded = sorted({past // DAY for past in time if past // DAY < today})[-days:]
        if traded:
            past = [size for when, size in zip(time, volume, strict=True) if when // DAY in traded]
            size_class = sum(v > np.quantile(past, q) for q in (0.5, 0.9))
            bars.setdefault(t // BAR, []).append((t - time[number - 1], v, side, size_class))
    complete = {bar: rows for bar, rows in bars.items() if (bar + 1) * BAR <= time[-1]}
    for bar, rows in complete.items():
        gaps, sizes, sides, classes = (np.array(part) for part in zip(*rows, strict=True))
        row = {
            "end": (bar + 1) * BAR,
            "log_mean_trade_size": np.log(sizes.mean()),
            "log_volume": np.log(sizes.sum()),
            "log_duration": np.log(1 + gaps.mean()),
            "duration_variation": gaps.std() / gaps.mean(),
            "round_lot_share": np.mean([size % 100 == 0 for size in sizes]),
            "time_of_day_sine": np.sin(2 * np.pi * ((bar + 0.5) * BAR % DAY) / DAY),
            "time_of_day_cosine": np.cos(2 * np.pi * ((bar + 0.5) * BAR % DAY) / DAY),
        }
        for number in range(3):
            ours = sizes[classes == number]
            row[f"log_trades_{number}"] = np.log(1 + ours.size)
            row[f"volume_share_{number}"] = ours.sum() / sizes.sum()
            row[f"imbalance_{number}"] = (ours * sides[classes == number]).sum() / ours.sum() if ours.size else 0.0
        yield row


def test_features_equal_a_loop_over_the_trades():
    some = slice(0, None, 10)
    features = order_flow_features(TIME[some], PRICE[some], VOLUME[some], bar_seconds=BAR)
    rows = list(by_hand(TIME[some], PRICE[some], VOLUME[some]))
    assert_array_equal(features.time, [row["end"] for row in rows])
    assert set(features.names) == set(rows[0]) - {"end"}
    for name in features.names:
        assert_allclose(column(features, name), [row[name] for row in rows], atol=1e-8, err_msg=name)


def test_the_first_day_is_burn_in_and_an_open_bar_has_no_row():
    first_day = np.ceil(TIME[0] / DAY) * DAY
    assert FEATURES.time[0] > first_day
    assert FEATURES.time[-1] <= TIME[-1]
    assert np.isfinite(FEATURES.rows).all()
    longer = order_flow_features(TIME, PRICE, VOLUME, bar_seconds=BAR, until=TIME[-1] + BAR)
    assert longer.time[-1] > TIME[-1]
    assert_array_equal(longer.rows[:-1], FEATURES.rows)


@pytest.mark.parametrize("shift", [0.0, 0.4, 1.0])
def test_bars_since_an_instant_are_those_that_start_then_or_later(shift):
    since = FEATURES.time[70] - BAR + shift * BAR
    later = order_flow_features(TIME, PRICE, VOLUME, bar_seconds=BAR, since=since)
    wanted = FEATURES.time - BAR >= since
    assert wanted.sum() == FEATURES.time.size - (71 if shift else 70)
    assert_array_equal(later.time, FEATURES.time[wanted])
    assert_array_equal(later.rows, FEATURES.rows[wanted])


def test_the_unit_of_volume_only_moves_the_logarithms():
    scaled = order_flow_features(TIME, PRICE, VOLUME * 8, bar_seconds=BAR, round_lot=800)
    for name in FEATURES.names:
        shift = np.log(8) if name in ("log_mean_trade_size", "log_volume") else 0.0
        assert_allclose(column(scaled, name), column(FEATURES, name) + shift, atol=1e-12, err_msg=name)


def test_reported_sides_count_and_missing_ones_follow_the_option():
    buys = order_flow_features(TIME, PRICE, VOLUME, bar_seconds=BAR, side=np.ones(TIME.size))
    assert set(column(buys, "imbalance_0")) <= {0.0, 1.0}
    missing = np.full(TIME.size, np.nan)
    ruled = order_flow_features(TIME, PRICE, VOLUME, bar_seconds=BAR, side=missing)
    assert_array_equal(ruled.rows, FEATURES.rows)
    unknown = order_flow_features(TIME, PRICE, VOLUME, bar_seconds=BAR, side=missing, unknown_side="unknown")
    assert (column(unknown, "imbalance_1") == 0).all()


def test_datetimes_are_seconds():
    moments = np.round(TIME * 1e3).astype("datetime64[ms]")
    exact = order_flow_features(np.round(TIME * 1e3) / 1e3, PRICE, VOLUME, bar_seconds=BAR)
    assert_allclose(order_flow_features(moments, PRICE, VOLUME, bar_seconds=BAR).rows, exact.rows, atol=1e-6)


def test_lists_and_columns_of_pandas_are_arrays():
    moments = pd.Series(np.round(TIME * 1e3).astype("datetime64[ms]"))
    expected = order_flow_features(moments.to_numpy(), PRICE, VOLUME, session=TIME // DAY, bar_seconds=BAR)
    tokyo = moments.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")
    columns = [pd.Series(column, index=range(7, 7 + TIME.size)) for column in (PRICE, VOLUME, TIME // DAY)]
    for time in (tokyo, pd.DatetimeIndex(tokyo), moments.tolist()):
        for price, volume, session in (columns, [column.tolist() for column in columns]):
            found = order_flow_features(time, price, volume, session=session, bar_seconds=BAR)
            assert_allclose(found.rows, expected.rows, atol=1e-6)


def test_no_time_is_measured_from_one_session_to_the_next():
    """Six hours a day are traded; the night is no wait for the first trade of the morning."""
    open_hours = TIME % DAY < DAY / 4
    time, price, volume = TIME[open_hours], PRICE[open_hours], VOLUME[open_hours]
    features = order_flow_features(time, price, volume, session=time // DAY, bar_seconds=BAR)
    gaps = np.diff(time, prepend=np.nan)
    gaps[np.diff(time // DAY, prepend=-1) > 0] = np.nan
    bars = [gaps[(time >= end - BAR) & (time < end)] for end in features.time]
    mean = np.array([np.nanmean(bar) for bar in bars])
    assert_allclose(column(features, "log_duration"), np.log(1 + mean))
    assert_allclose(column(features, "duration_variation"), np.array([np.nanstd(bar) for bar in bars]) / mean)
    without = order_flow_features(time, price, volume, bar_seconds=BAR)
    assert column(without, "log_duration").max() > np.log(3 * BAR / 10) > column(features, "log_duration").max()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time": TIME[::-1]}, "sort them by time"),
        ({"volume": VOLUME[1:]}, "equal length"),
        ({"volume": VOLUME * 0}, "volumes that are present, finite and positive"),
        ({"price": PRICE * np.nan}, "prices that are present, finite and positive"),
        ({"side": VOLUME}, "1 for a buy"),
        ({"side": ["buy"] * TIME.size}, "1 for a buy"),
        ({"session": TIME[1:]}, "one session for each trade"),
        ({"size_quantiles": (0.9, 0.5)}, "increase between 0 and 1"),
        ({"bar_seconds": 0}, "at most a day"),
        ({"unknown_side": "buy"}, "tick_rule"),
    ],
)
def test_unusable_input_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        order_flow_features(**{"time": TIME, "price": PRICE, "volume": VOLUME, **change})
