"""VPIN that goes on from day to day is VPIN of all days."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from atlas_assets.indicators.vpin import vpin_from_trades
from atlas_assets.indicators.vpin_updates import BUCKET_COLUMNS, bucket_frame, continued, of_arrays, to_arrays

OPTIONS = {"bar_seconds": 60.0, "buckets_per_day": 12, "window": 7}


def trades(days: int, *, seed: int = 1, count: int = 3000) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    seconds = np.sort(random.uniform(0, days * 86_400, count))
    return pd.DataFrame(
        {
            "event_time": pd.Timestamp("2024-01-01") + pd.to_timedelta(seconds, "s"),
            "price": 100 + random.normal(0, 0.05, count).cumsum(),
            "quantity": random.exponential(2.0, count),
        }
    )


def by_day(rows: pd.DataFrame) -> list[pd.DataFrame]:
    return [part for _, part in rows.groupby(rows["event_time"].dt.date)]


def gone_on(state, days: list[pd.DataFrame]):
    return continued(
        state,
        source="s",
        closed_days=days[:-1],
        open_day=days[-1]["event_time"].iloc[0].date(),
        trades_of_open_day=days[-1],
        **OPTIONS,
    )


@pytest.mark.parametrize("steps", [[1] * 8, [3, 1, 4], [8]])
def test_day_after_day_gives_what_all_days_give(steps):
    every, state, table, taken = by_day(trades(8)), None, pd.DataFrame(columns=list(BUCKET_COLUMNS)), 0
    for step in steps:
        first = max(0, taken - 1)  # the open day is taken anew
        rows, after = gone_on(state, every[first : taken + step])
        kept = table.iloc[: 0 if state is None else state.buckets]
        table = rows if kept.empty else pd.concat([kept, rows], ignore_index=True)
        taken, state = taken + step, after
        whole = pd.concat(every[:taken])
        right = bucket_frame(
            vpin_from_trades(whole["event_time"].to_numpy(), whole["price"], whole["quantity"], **OPTIONS)
        )
        pd.testing.assert_frame_equal(table[right.columns], right, check_exact=True)
        assert table["bucket_number"].tolist() == list(range(len(right)))
    assert state is not None
    assert 0 < state.buckets < len(table)


def test_states_are_plain_arrays():
    states = {name: gone_on(None, by_day(trades(4, seed=seed)))[1] for seed, name in enumerate("ab")}
    file = io.BytesIO()
    np.savez(file, **to_arrays(states))
    file.seek(0)
    again = of_arrays(dict(np.load(file, allow_pickle=False)))
    assert list(again) == ["a", "b"]
    for name, state in states.items():
        told = again[name]
        assert (told.source, told.open_day, told.buckets) == (state.source, state.open_day, state.buckets)
        following = by_day(trades(5, seed=9))[3:]
        pd.testing.assert_frame_equal(gone_on(told, following)[0], gone_on(state, following)[0], check_exact=True)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda arrays: arrays.pop("buckets"), "buckets missing"),
        (lambda arrays: arrays.update(buckets=arrays["buckets"][:1]), "different numbers of instruments"),
    ],
)
def test_what_is_no_state_is_refused(spoil, message):
    arrays = to_arrays({name: gone_on(None, by_day(trades(2)))[1] for name in "ab"})
    spoil(arrays)
    with pytest.raises(ValueError, match=message):
        of_arrays(arrays)
