"""Trades of an instrument in parts are those of the whole table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from atlas_assets.contracts.silver import Trades
from atlas_assets.contracts.trade_source import trades_of_one_source
from atlas_assets.orchestration.reading import LakeView
from atlas_assets.orchestration.resources import configured_lake
from atlas_assets.orchestration.updating.trades import traded_instruments, trades_in_parts
from atlas_tests.orchestration.rows import put

COLUMNS = ["event_time", "sequence", "trade_id", "price", "quantity"]


@pytest.fixture
def trades(atlas_home) -> pd.DataFrame:
    """Four instruments, two of which several sources report, with equal times, doubted trades and gaps between days."""
    random = np.random.default_rng(3)
    sources = (("i1", "a", 40), ("i1", "b", 70), ("i2", "b", 30), ("i2", "a", 30), ("i3", "a", 9), ("i4", "a", 0))
    parts = []
    for instrument, source, sure in sources:
        count = sure + 5
        hours = np.sort(random.integers(0, 24 * 9, count))
        day = pd.Timestamp("2024-03-01", tz="UTC") + pd.to_timedelta(hours // 3 * 3, "h")
        parts.append(
            pd.DataFrame(
                {
                    "instrument_id": instrument,
                    "symbol": instrument.upper(),
                    "source": source,
                    "trade_id": [f"{source}{number}" for number in random.permutation(count)],
                    "sequence": [number if number % 3 else 0 for number in range(count)],
                    "event_time": day,
                    "session_date": day.normalize().tz_localize(None),
                    "price": random.uniform(1, 2, count),
                    "quantity": random.uniform(1, 2, count),
                    "is_suspicious": np.arange(count) >= sure,
                }
            )
        )
    put("silver.trades", Trades, pd.concat(parts, ignore_index=True).to_dict("records"))
    return configured_lake().read("silver.trades")


@pytest.mark.parametrize("most", [1, 20, 2_000_000])
def test_parts_together_are_the_trades_that_count_in_their_order(trades, most):
    view = LakeView(configured_lake())
    whole = trades_of_one_source(trades)
    traded = traded_instruments(view)
    assert [(one.instrument_id, one.source, one.symbol) for one in traded] == [
        ("i1", "b", "I1"),
        ("i2", "a", "I2"),
        ("i3", "a", "I3"),
    ]
    for one in traded:
        days = one.days
        parts = list(trades_in_parts(view, one, days, columns=COLUMNS, most=most))
        expected = whole[whole["instrument_id"] == one.instrument_id]
        assert len(parts) == {1: len(days), 2_000_000: 1}.get(most, len(parts))
        assert all(len(part) <= max(most, days.max()) for part in parts)
        found = pd.concat(parts, ignore_index=True)
        assert found["trade_id"].tolist() == expected["trade_id"].tolist()
        assert found["event_time"].tolist() == expected["event_time"].dt.tz_localize(None).tolist()
        assert days.sum() == len(expected)
    assert view.inputs == {"silver.trades": configured_lake().version("silver.trades")}


def test_some_days_are_read_alone(trades):
    view = LakeView(configured_lake())
    first = traded_instruments(view)[0]
    days = first.days
    found = pd.concat(trades_in_parts(view, first, days.iloc[2:4], columns=COLUMNS))
    assert len(found) == days.iloc[2:4].sum()
    assert set(found["event_time"].dt.normalize()) == set(pd.to_datetime(days.index[2:4]))
