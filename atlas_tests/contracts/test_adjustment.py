"""Adjusted prices: by the formula, as known on a day, and never looking ahead."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from atlas_assets.contracts.adjustment import adjusted_prices

FIRST = date(2020, 8, 24)


def bars(closes: list[float], instrument: str = "AAPL") -> pd.DataFrame:
    """Bars of consecutive days."""
    days = pd.to_datetime([FIRST + timedelta(days=n) for n in range(len(closes))])
    prices = {f"{name}_raw": closes for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame({"instrument_id": instrument, "session_date": days, **prices})


def action(ex_date: date, kind: str, *, instrument: str = "AAPL", rank: int = 1, **more: Any) -> dict[str, Any]:
    """An action, known at its ex-date."""
    known = pd.Timestamp(ex_date, tz="UTC")
    made = {"instrument_id": instrument, "ex_date": pd.Timestamp(ex_date), "action": kind, "rank": rank}
    return {"ratio": np.nan, "amount": np.nan, "published_at": known, **made, **more}


def by_hand(closes: list[float], actions: list[dict[str, Any]], as_of: date) -> list[tuple[float, float]]:
    """The definition, one bar and one action at a time."""
    days = [FIRST + timedelta(days=n) for n in range(len(closes))]
    found = []
    for day, close in zip(days, closes, strict=True):
        split = total = close
        for one in actions:
            ex_date = one["ex_date"].date()
            if one["rank"] != 1 or not day < ex_date <= as_of or one["published_at"].date() > as_of:
                continue
            if not np.isnan(one["ratio"]):
                split, total = split / one["ratio"], total / one["ratio"]
            before = [c for d, c in zip(days, closes, strict=True) if d < ex_date]
            if not np.isnan(one["amount"]) and before:
                total *= 1 - one["amount"] / before[-1]
        if day <= as_of:
            found.append((split, total))
    return found


def test_the_split_of_apple_is_no_crash():
    actions = pd.DataFrame([action(FIRST + timedelta(days=1), "split", ratio=4.0)])
    adjusted = adjusted_prices(bars([499.23, 129.04]), actions=actions, as_of=date(2020, 9, 1))
    change = adjusted["close_split_adj"].pct_change().iloc[1]
    assert change == pytest.approx(0.0339, abs=1e-4)
    assert adjusted["high_split_adj"].tolist() == adjusted["close_split_adj"].tolist()
    assert adjusted["volume_split_adj"].tolist() == [4 * 499.23, 129.04]
    before = adjusted_prices(bars([499.23, 129.04]), actions=actions, as_of=FIRST)
    assert before["close_split_adj"].tolist() == [499.23]


@pytest.mark.parametrize("seed", range(20))
def test_it_is_the_definition_and_knows_no_future(seed):
    rng = np.random.default_rng(seed)
    closes = (100 * np.exp(np.cumsum(rng.normal(0, 0.02, 40)))).tolist()
    actions = [
        action(FIRST + timedelta(days=int(day)), "split", ratio=float(rng.choice([2, 3, 0.1, 1.5])))
        for day in rng.choice(45, 3, replace=False)
    ] + [
        action(
            FIRST + timedelta(days=int(day)),
            "dividend",
            amount=float(rng.uniform(0.1, 3)),
            rank=int(rng.integers(1, 3)),
            published_at=pd.Timestamp(FIRST + timedelta(days=int(day + rng.integers(-5, 5))), tz="UTC"),
        )
        for day in rng.choice(45, 6, replace=False)
    ]
    frame = pd.DataFrame(actions).sample(frac=1, random_state=seed)
    for days in (0, 7, 25, 60):
        as_of = FIRST + timedelta(days=days)
        found = adjusted_prices(bars(closes), actions=frame, as_of=as_of)
        expected = by_hand(closes, actions, as_of)
        np.testing.assert_allclose(found[["close_split_adj", "close_total_return_adj"]], expected, rtol=1e-12)
        known = frame[frame["ex_date"].dt.date <= as_of]
        past = adjusted_prices(bars(closes[: days + 1]), actions=known, as_of=as_of)
        pd.testing.assert_frame_equal(found, past)


def test_instruments_do_not_touch_each_other():
    two = pd.concat([bars([10.0, 20.0]), bars([10.0, 20.0], "IBM")])
    actions = pd.DataFrame([action(FIRST + timedelta(days=1), "split", ratio=2.0)])
    found = adjusted_prices(two, actions=actions, as_of=date(2021, 1, 1))
    assert found["close_split_adj"].tolist() == [5.0, 20.0, 10.0, 20.0]


def test_without_actions_prices_stay():
    none = pd.DataFrame([action(FIRST, "split", ratio=2.0)]).iloc[:0]
    found = adjusted_prices(bars([10.0, 20.0]), actions=none, as_of=date(2021, 1, 1))
    assert found["close_total_return_adj"].tolist() == [10.0, 20.0]
