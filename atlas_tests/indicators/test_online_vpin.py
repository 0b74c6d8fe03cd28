"""VPIN chunk by chunk is VPIN of all the trades at once, to the last bit."""

import io
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from atlas_assets.indicators.vpin import OnlineVPIN, vpin_from_trades

DAY = 86_400.0
COLUMNS = ("bucket_end", "buy_volume", "sell_volume", "imbalance", "vpin")
SMALL = {"buckets_per_day": 20, "window": 5}
OPTIONS = [
    SMALL,
    {**SMALL, "price_change": "last_minus_first", "distribution": "student_t", "trailing_days": 1},
    {**SMALL, "distribution": "spread", "bar_seconds": 7.5},
    {**SMALL, "sigma": 0.02, "bucket_volume": 301.5, "window": 1},
    {**SMALL, "bar_seconds": 0.1},  # a bar a trade
    {**SMALL, "bucket_volume": 0.75, "sigma": 0.02},  # many buckets a trade
]


def trades(*, days=4, count=4000, seed=1):
    rng = np.random.default_rng(seed)
    time = 1_600_000_000 + np.sort(rng.uniform(0, days * DAY, count)).round(1)  # some at the same time
    price = 100 + np.cumsum(rng.choice([-0.01, 0.0, 0.01], count))
    volume = rng.integers(0, 100, count).astype(float)
    return time, price, volume, rng.choice([0.01, 0.02], count)


def streamed(columns, cuts, stream):
    """Rows of every chunk and of the end, joined."""
    parts = [stream.update(*(column[a:b] for column in columns)) for a, b in pairwise(cuts)]
    return joined([*parts, stream.finish()])


def joined(parts):
    return {name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS}


def assert_same_bits(ours, complete):
    for name in COLUMNS:
        assert_array_equal(ours[name].view(np.int64), getattr(complete, name).view(np.int64), err_msg=name)


@pytest.mark.parametrize("options", OPTIONS)
@settings(max_examples=12, deadline=None)
@given(cuts=st.lists(st.integers(0, 4000), max_size=12), seed=st.integers(0, 99))
@example(cuts=[], seed=1)
@example(cuts=[0, 0, 1, 2, 3, 3999, 4000], seed=1)
@example(cuts=list(range(4001)), seed=1)  # a chunk a trade
def test_any_chunks_give_the_same_bits(options, cuts, seed):
    columns = trades(seed=seed)
    time, price, volume, spread = columns
    complete = vpin_from_trades(time, price, volume, spread=spread, **options)
    assert complete.vpin.size > 20
    assert_same_bits(streamed(columns, [0, *sorted(cuts), time.size], OnlineVPIN(**options)), complete)


def test_cuts_in_a_bar_in_a_bucket_and_at_midnight():
    columns = trades()
    time = columns[0]
    complete = vpin_from_trades(*columns[:3], **SMALL)
    bar = time[0] + 60.0 * np.floor((time[2000] - time[0]) / 60.0)
    edges = [bar, bar + 60.0, bar + 30.0, complete.bucket_end[3], complete.bucket_end[3] - 30.0]
    edges += [DAY * np.ceil(time[0] / DAY), DAY * np.ceil(time[0] / DAY) + 20.0]
    cuts = np.searchsorted(time, np.sort(edges))
    assert_same_bits(streamed(columns, [0, *cuts, time.size], OnlineVPIN(**SMALL)), complete)


def test_a_long_series_is_cut_inside_too():
    time, price, volume, _ = trades(count=200_000)
    complete = vpin_from_trades(time, price, volume)
    assert_same_bits(streamed((time, price, volume), [0, 70_001, time.size], OnlineVPIN()), complete)


def test_a_row_comes_with_the_first_trade_after_its_bar_and_not_before():
    time, price, volume, _ = trades()
    stream = OnlineVPIN(**SMALL)
    for i in range(time.size):
        rows = stream.update(time[i : i + 1], price[i : i + 1], volume[i : i + 1])
        assert (rows.bucket_end <= time[i]).all()
        assert i == 0 or (rows.bucket_end > time[i - 1]).all()


@pytest.mark.parametrize("options", OPTIONS)
def test_a_saved_state_goes_on_with_the_same_bits(options):
    columns = trades()
    complete = vpin_from_trades(*columns[:3], spread=columns[3], **options)
    stream, parts = OnlineVPIN(**options), []
    for a, b in ((0, 1), (1, 1700), (1700, 3999), (3999, 4000)):
        file = io.BytesIO()
        np.savez(file, **stream.state())
        file.seek(0)
        stream = OnlineVPIN.from_state(np.load(file, allow_pickle=False))
        parts.append(stream.update(*(column[a:b] for column in columns)))
    assert repr(stream) == repr(OnlineVPIN(**options))
    assert_same_bits(joined([*parts, stream.finish()]), complete)
    with pytest.raises(ValueError, match="is finished"):
        OnlineVPIN.from_state(stream.state()).update(*columns)


def test_a_state_is_a_copy_and_does_not_grow():
    columns = trades(days=30)
    stream, sizes, before = OnlineVPIN(**SMALL, trailing_days=3), set(), []
    for a in range(0, 4000, 500):
        state = stream.state()
        sizes.add(sum(array.size for array in state.values()))
        before.append((state, {name: array.copy() for name, array in state.items()}))
        stream.update(*(column[a : a + 500] for column in columns))
    assert len(sizes) == 1
    for state, copy in before:
        for name in state:
            assert state[name].dtype == np.float64
            assert_array_equal(state[name], copy[name])


def test_chunks_as_tuples_frames_mappings_and_timestamps():
    time, price, volume, spread = trades()
    complete = vpin_from_trades(time, price, volume, **SMALL)
    frame = pd.DataFrame({"time": time, "price": price, "volume": volume, "spread": spread, "more": "x"})
    stream = OnlineVPIN(**SMALL)
    parts = [
        stream.update((time[:1000], price[:1000], volume[:1000])),
        stream.update(frame[1000:2000]),
        stream.update({name: frame[name].to_numpy()[2000:3000] for name in ("time", "price", "volume")}),
        stream.update([column[3000:] for column in (time, price, volume, spread)]),
    ]
    assert_same_bits(joined([*parts, stream.finish()]), complete)
    stamps = (time * 1000).round().astype("int64").astype("datetime64[ms]")
    one = vpin_from_trades(stamps, price, volume, **SMALL)
    assert_same_bits(streamed((stamps, price, volume), [0, 1234, time.size], OnlineVPIN(**SMALL)), one)
    zoned = pd.DataFrame({"time": pd.Series(stamps).dt.tz_localize("UTC"), "price": price, "volume": volume})
    stream = OnlineVPIN(**SMALL)
    assert_same_bits(joined([stream.update(zoned), stream.finish()]), one)


def test_two_threads_give_the_bits_of_one():
    columns = [trades(count=50_000, seed=seed)[:3] for seed in range(4)]
    alone = [vpin_from_trades(*one) for one in columns]
    with ThreadPoolExecutor(2) as pool:
        for ours, theirs in zip(pool.map(lambda one: vpin_from_trades(*one), columns * 4), alone * 4, strict=True):
            assert_same_bits(vars(ours), theirs)


@pytest.mark.parametrize(
    ("chunk", "message"),
    [
        (([2e9, 1.9e9], [1.0, 1.0], [1.0, 1.0]), "trade 1 is not"),
        (([-1e10], [1.0], [1.0]), "time order"),
        (([np.nan], [1.0], [1.0]), "time order"),
        (([2e9, np.inf], [1.0, 1.0], [1.0, 1.0]), "time order"),
        (([2e9], [1.0], [-1.0]), "not negative"),
        (([2e9], [1.0], [np.nan]), "present"),
        (([2e9], [1.0], [np.inf]), "finite"),
        (([2e9, 3e9], [np.nan, 1.0], [1.0, 1.0]), "a price for every bar"),
        (([2e9], [1.0, 2.0], [1.0]), "equal length"),
        (([2e9], [1.0]), "needs time, price and volume"),
        ({"time": [2e9], "price": [1.0]}, "needs time, price and volume"),
    ],
)
def test_a_refused_chunk_leaves_the_stream_as_it_was(chunk, message):
    columns = trades()
    complete = vpin_from_trades(*columns[:3], **SMALL)
    stream = OnlineVPIN(**SMALL)
    first = stream.update(*(column[:2000] for column in columns))
    with pytest.raises(ValueError, match=message):
        stream.update(chunk)
    rest = stream.update(*(column[2000:] for column in columns))
    assert_same_bits(joined([first, rest, stream.finish()]), complete)


def test_usage_errors_are_sentences():
    with pytest.raises(ValueError, match='cannot know sigma="full_sample"'):
        OnlineVPIN(sigma="full_sample")
    with pytest.raises(ValueError, match='cannot know bucket_volume="full_sample"'):
        OnlineVPIN(bucket_volume="full_sample")
    with pytest.raises(ValueError, match="positive bucket volume"):
        OnlineVPIN(bucket_volume=0.0)
    with pytest.raises(ValueError, match="positive bar_seconds"):
        OnlineVPIN(window=0)
    with pytest.raises(ValueError, match="price_change"):
        OnlineVPIN(price_change="open_to_close")
    with pytest.raises(ValueError, match="distribution must be"):
        OnlineVPIN(distribution="cauchy")
    with pytest.raises(ValueError, match="needs the bid-ask spread"):
        OnlineVPIN(distribution="spread").update([0.0], [1.0], [1.0])
    with pytest.raises(ValueError, match="at least one trade"):
        OnlineVPIN().finish()
    with pytest.raises(ValueError, match="no state of OnlineVPIN"):
        OnlineVPIN.from_state({"options": np.zeros(10)})
    with pytest.raises(ValueError, match="past_days has shape"):
        OnlineVPIN.from_state({**OnlineVPIN().state(), "past_days": np.zeros((3, 4))})
    without_volume = OnlineVPIN()
    assert without_volume.update([0.0, 100.0], [1.0, 2.0], [0.0, 0.0]).vpin.size == 0
    with pytest.raises(ValueError, match="every volume is zero"):
        without_volume.finish()
