"""Time buckets made a part of the history at a time are those of the whole history, bit for bit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from atlas_assets.clustering.order_flow import order_flow_features
from atlas_assets.clustering.order_flow_buckets import COLUMNS, buckets_of_instruments, buckets_of_parts, days_to_make
from atlas_assets.contracts.gold import OrderFlowFeatures
from atlas_tests.clustering.random_trades import DAYS, trades

OPTIONS = {"bucket_seconds": 1800, "size_quantiles": (0.5, 0.9), "trailing_days": 3}


def by_hand(rows):
    """What the whole history of one instrument says at once."""
    time = rows["event_time"].dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.float64) / 1e6
    price = rows["price"].to_numpy()
    found = order_flow_features(
        time,
        price,
        rows["quantity"].to_numpy(),
        side=rows["aggressor_side"].map({"buy": 1.0, "sell": -1.0}).to_numpy(dtype=np.float64),
        session=rows["session_date"].to_numpy(),
        bar_seconds=1800.0,
        size_quantiles=(0.5, 0.9),
        trailing_days=3,
    )
    columns = {column: found.rows[:, found.names.index(feature)] for column, feature in COLUMNS.items()}
    end = pd.to_datetime(found.time.astype(np.int64), unit="s", utc=True).as_unit("us")
    return pd.DataFrame(
        {
            "bucket_start": (end - pd.Timedelta(minutes=30)).as_unit("us"),
            "bucket_end": end,
            "close": price[np.searchsorted(time, found.time) - 1],
            "volume": np.exp(columns["log_volume"]),
            **columns,
        }
    )


TRADES = trades()
WHOLE = by_hand(TRADES)


def parts(rows, sizes):
    """Whole days of a frame, so many at a time."""
    day = rows["event_time"].dt.tz_localize(None).dt.floor("D")
    days = day.unique()
    for some in np.split(days, np.cumsum(sizes)):
        if len(some):
            yield rows[day.isin(some)].reset_index(drop=True)


@pytest.mark.parametrize("sizes", [[10], [1] * 10, [1, 4, 2], [5], [2, 2, 2, 2]])
def test_the_rows_are_those_of_the_whole_history(sizes):
    found = buckets_of_parts(parts(TRADES, sizes), **OPTIONS)
    pd.testing.assert_frame_equal(found, WHOLE, check_exact=True)


@pytest.mark.parametrize("sizes", [[10], [1] * 10, [2, 3]])
@pytest.mark.parametrize("first", [3, 5, 9])
def test_the_days_that_are_looked_back_at_are_enough(first, sizes):
    day = TRADES["event_time"].dt.tz_localize(None)
    known = TRADES[day >= DAYS[first - 3]]
    found = buckets_of_parts(parts(known, sizes), since=DAYS[first], **OPTIONS)
    expected = WHOLE[WHOLE["bucket_start"] >= DAYS[first].tz_localize("UTC")]
    assert len(expected)
    pd.testing.assert_frame_equal(found, expected.reset_index(drop=True), check_exact=True)
    fewer = TRADES[day >= DAYS[first - 2]]
    assert not buckets_of_parts([fewer], since=DAYS[first], **OPTIONS).equals(found)


def test_every_bucket_starts_and_ends_at_its_multiple_of_a_second():
    start = WHOLE["bucket_start"].dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)
    found = buckets_of_parts([TRADES], **OPTIONS)["bucket_start"]
    assert (start % 1_800_000_000 == 0).all()
    assert (found.dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64) == start).all()


def test_the_table_of_several_instruments_keeps_its_contract():
    both = pd.concat([TRADES, trades(symbol="B", seed=2, days=DAYS[:4])]).sample(frac=1, random_state=3)
    table = buckets_of_instruments(both, **OPTIONS)
    assert set(table.columns) == set(OrderFlowFeatures.to_schema().columns)
    OrderFlowFeatures.validate(table)
    own = table[table["symbol"] == "A"]
    pd.testing.assert_frame_equal(own[WHOLE.columns], WHOLE, check_exact=True)


def test_doubted_trades_and_lesser_sources_do_not_count():
    doubted = TRADES.head(100).assign(is_suspicious=True, trade_id="x")
    lesser = trades(days=DAYS[:8], seed=5, source="another")
    table = buckets_of_instruments(pd.concat([doubted, lesser, TRADES]), **OPTIONS)
    pd.testing.assert_frame_equal(table[WHOLE.columns], WHOLE, check_exact=True)
    assert set(table["source"]) == {"a"}


def test_there_are_no_rows_of_no_trades_or_of_one_day():
    assert buckets_of_instruments(TRADES[:0], **OPTIONS).empty
    assert buckets_of_instruments(TRADES[:60], **OPTIONS).empty


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ("2020-03-16 12:00", (5, 8)),  # the last day: the one before ends with it
        ("2020-03-17 00:00", (6, 9)),  # trades after it are gone
        ("2020-03-12 10:00", (3, 6)),  # a day that has no trades any more
        ("2020-03-04 23:59", (0, 1)),
        ("2020-03-03 00:00", (0, 0)),
        ("2020-02-01 00:00", (0, 0)),
    ],
)
def test_days_are_made_anew_from_the_traded_day_before_the_change(changed, expected):
    assert days_to_make(DAYS, changed=pd.Timestamp(changed), trailing_days=3) == expected


def test_buckets_divide_a_day():
    with pytest.raises(ValueError, match="divides a day of 86400 s, not 1000 s"):
        buckets_of_parts([TRADES], **{**OPTIONS, "bucket_seconds": 1000})
