"""Components of fear and greed against loops and small examples, from what was known at each session's end."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from atlas_assets.sentiment import fear_greed_components as parts

T = 90
DAYS = pd.bdate_range("2024-01-02", periods=T)
CLOSES = 100 * np.exp(np.cumsum(np.random.default_rng(4).normal(0, 0.01, (T, 4)), axis=0))
VOLUMES = np.random.default_rng(5).integers(1, 1_000, (T, 4)).astype(float)
SYMBOLS = ["LEAD", "ACME", "BOND", "LATE"]


def bars() -> pd.DataFrame:
    rows = [
        {
            "instrument_id": f"ins_{symbol}",
            "symbol": symbol,
            "session_date": day,
            "published_at": day.tz_localize("UTC") + pd.Timedelta(hours=21),
            "close_raw": CLOSES[t, n],
            "close_split_adj": CLOSES[t, n],
            "close_total_return_adj": CLOSES[t, n],
            "volume_raw": VOLUMES[t, n],
        }
        for t, day in enumerate(DAYS)
        for n, symbol in enumerate(SYMBOLS)
        if symbol != "LATE" or t >= 50
    ]
    return pd.DataFrame(rows)


BARS = bars()
SESSIONS = parts.sessions_of(BARS, "LEAD")
KNOWN = parts.known_bars(BARS, SESSIONS)


def test_a_session_ends_with_its_utc_day_or_the_bars_later_publication():
    assert SESSIONS.index.tolist() == DAYS.tolist()
    assert (SESSIONS["known_at"] == (DAYS + pd.Timedelta(days=1)).tz_localize("UTC")).all()
    late = BARS.assign(published_at=BARS["published_at"] + pd.Timedelta(hours=10))
    assert (parts.sessions_of(late, "LEAD")["known_at"] == (DAYS + pd.Timedelta(hours=31)).tz_localize("UTC")).all()
    assert parts.sessions_of(BARS, "NONE").empty


def test_of_two_instruments_with_the_symbol_the_older_one_leads():
    younger = BARS[BARS["symbol"] == "LATE"].assign(symbol="LEAD", instrument_id="ins_0")
    twice = parts.sessions_of(pd.concat([younger, BARS]), "LEAD")
    assert set(twice["instrument_id"]) == {"ins_LEAD"}


def test_bars_published_after_the_session_are_not_known():
    late = BARS.assign(
        published_at=BARS["published_at"].where(BARS["symbol"] != "ACME", BARS["published_at"] + pd.Timedelta(days=2))
    )
    assert set(parts.known_bars(late, SESSIONS)["symbol"]) == {"LEAD", "BOND", "LATE"}


def test_momentum():
    ours = parts.momentum(SESSIONS, window=10).to_numpy()
    expected = [CLOSES[t, 0] / CLOSES[t - 9 : t + 1, 0].mean() - 1 if t >= 9 else np.nan for t in range(T)]
    np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_price_strength():
    ours = parts.price_strength(KNOWN, SESSIONS, window=20, minimum_instruments=3).to_numpy()
    for t in range(T):
        # A window needs 19 of its 20 closes.
        judged = [n for n in range(4) if (t >= 18 if SYMBOLS[n] != "LATE" else t >= 50 + 18)]
        past = {n: CLOSES[max(0, t - 19, 50 if SYMBOLS[n] == "LATE" else 0) : t + 1, n] for n in judged}
        net = sum(float(CLOSES[t, n] == past[n].max()) - float(CLOSES[t, n] == past[n].min()) for n in judged)
        np.testing.assert_allclose(ours[t], net / len(judged) if len(judged) >= 3 else np.nan)
    assert np.isnan(parts.price_strength(KNOWN, SESSIONS, window=20, minimum_instruments=5)).all()


def test_breadth():
    shares = []
    for t in range(T):
        there = [n for n in range(4) if (t >= 1 if SYMBOLS[n] != "LATE" else t >= 51)]
        value = [CLOSES[t, n] * VOLUMES[t, n] * np.sign(CLOSES[t, n] - CLOSES[t - 1, n]) for n in there]
        shares.append(sum(value) / sum(map(abs, value)) if there else np.nan)
    fast = slow = shares[1]
    total, expected = 0.0, [np.nan, 0.0]
    for share in shares[2:]:
        fast += 2 / 20 * (share - fast)
        slow += 2 / 40 * (share - slow)
        total += fast - slow
        expected.append(total)
    ours = parts.breadth(KNOWN, SESSIONS, minimum_instruments=2)
    np.testing.assert_allclose(ours.to_numpy(), expected, atol=1e-12)
    assert parts.breadth(KNOWN, SESSIONS, minimum_instruments=5).isna().all()


def test_a_session_without_bars_adds_nothing_to_breadth():
    gap, day = KNOWN[KNOWN["session_date"] != DAYS[30]], DAYS[30]
    ours = parts.breadth(gap, SESSIONS, minimum_instruments=2)
    assert np.isnan(ours[day])
    without = parts.breadth(gap, SESSIONS.drop(day), minimum_instruments=2)
    np.testing.assert_array_equal(ours.drop(day), without)


def test_realised_volatility():
    returns = np.diff(np.log(CLOSES[:, 0]))
    ours = parts.realised_volatility(SESSIONS, window=5, mean_window=10).to_numpy()
    deviations = [returns[t - 5 : t].std(ddof=1) if t >= 5 else np.nan for t in range(T)]
    expected = [deviations[t] / np.mean(deviations[t - 9 : t + 1]) - 1 for t in range(14, T)]
    np.testing.assert_allclose(ours[14:], expected, atol=1e-9)
    assert np.isnan(ours[:14]).all()


def test_safe_haven():
    bonds = parts.bond_return(KNOWN, SESSIONS, symbol="BOND", window=7)
    ours = parts.safe_haven(SESSIONS, bonds, window=7).to_numpy()
    logs = np.log(CLOSES)
    np.testing.assert_allclose(ours[7:], (logs[7:, 0] - logs[:-7, 0]) - (logs[7:, 2] - logs[:-7, 2]), atol=1e-12)
    assert parts.bond_return(KNOWN, SESSIONS, symbol="NONE", window=7).isna().all()


def test_bonds_from_their_yield_are_worth_their_cash_flows():
    """A bond of half-yearly coupons, bought at par and valued anew at the yield of five sessions later."""
    yields = 3 + 0.02 * np.sin(np.arange(T))
    told = observations("DGS10", [(f"{day:%F}", yields[t], f"{day:%F} 21:00") for t, day in enumerate(DAYS)])
    ours = parts.bond_return_by_yield(told, SESSIONS, series="DGS10", window=5).to_numpy()
    assert np.isnan(ours[:5]).all()
    for t in range(5, T):
        coupon, rate = yields[t - 5] / 200, yields[t] / 200
        price = sum(coupon / (1 + rate) ** half for half in range(1, 21)) + 1 / (1 + rate) ** 20
        assert ours[t] == pytest.approx(price - 1 + yields[t - 5] / 100 * 5 / 252, abs=1e-5)
    assert np.ptp(ours[5:]) > 1e-3
    assert parts.bond_return_by_yield(told, SESSIONS, series="NONE", window=5).isna().all()


def test_dominance():
    two = KNOWN[KNOWN["symbol"].isin(["LEAD", "ACME"])]
    value = CLOSES * VOLUMES
    ours = parts.dominance(two, SESSIONS).to_numpy()
    expected = [value[t - 6 : t + 1, 0].sum() / value[t - 6 : t + 1, :2].sum() for t in range(6, T)]
    np.testing.assert_allclose(ours[6:], expected)
    alone = parts.dominance(KNOWN[KNOWN["symbol"] == "LEAD"], SESSIONS)
    assert alone.isna().all()


def observations(series: str, values: list[tuple[str, float, str]]) -> pd.DataFrame:
    """Period, value and publication of a series."""
    rows = [
        {
            "series_id": series,
            "period": pd.Timestamp(period),
            "value": value,
            "published_at": pd.Timestamp(published, tz="UTC"),
        }
        for period, value, published in values
    ]
    return pd.DataFrame(rows)


def test_macro_counts_from_its_publication_and_not_after_it_fell_silent():
    told = pd.concat(
        [
            observations("RISKY", [("2023-12-01", 5.0, "2024-01-03 14:00"), ("2024-01-01", 6.0, "2024-02-02 14:00")]),
            # Revised a month later.
            observations("SAFE", [("2023-12-01", 4.0, "2024-01-03 14:00"), ("2023-12-01", 4.5, "2024-02-01 14:00")]),
        ]
    )
    spread = parts.junk_spread(told, SESSIONS, risky="RISKY", safe="SAFE")
    assert np.isnan(spread["2024-01-02"])
    assert spread["2024-01-03"] == 1.0
    assert spread["2024-01-31"] == 1.0
    assert spread["2024-02-01"] == 0.5
    assert spread["2024-02-02"] == 1.5
    assert spread["2024-03-10":"2024-03-11"].isna().all()  # a hundred days after the first of December
    assert parts.junk_spread(told, SESSIONS, risky="RISKY", safe="NONE").isna().all()


def test_implied_volatility_is_held_against_its_known_mean():
    told = observations("VIX", [(f"{day:%Y-%m-%d}", 20.0 + t, f"{day:%Y-%m-%d} 21:00") for t, day in enumerate(DAYS)])
    ours = parts.implied_volatility(told, SESSIONS, series="VIX", window=5).to_numpy()
    np.testing.assert_allclose(ours[4:], [(20 + t) / (18 + t) - 1 for t in range(4, T)])
    a_day_later = told.assign(published_at=told["published_at"] + pd.Timedelta(hours=4))
    np.testing.assert_allclose(
        parts.implied_volatility(a_day_later, SESSIONS, series="VIX", window=5).to_numpy()[5:], ours[4:-1]
    )


def daily(rows: list[tuple[str, float, float]], **more: str) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["session_date", "sentiment_mean", "effective_count"])
    keys = {"market": "stocks", "kind": "article", "language": "all"} | more
    return table.assign(session_date=pd.to_datetime(table["session_date"]), **keys)


def test_tone_is_that_of_the_last_days_with_their_weekend():
    table = pd.concat(
        [
            daily([("2024-01-05", 0.5, 1.0), ("2024-01-06", -0.5, 3.0), ("2024-01-20", 0.2, 2.0)]),
            daily([("2024-01-05", -1.0, 50.0)], kind="post"),
            daily([("2024-01-05", -1.0, 50.0)], market="crypto"),
            daily([("2024-01-05", -1.0, 50.0)], language="en"),
        ]
    )
    tone = parts.tone(table, SESSIONS, market="stocks", kind="article", days=3)
    found = tone.dropna()
    assert found.index.strftime("%m-%d").tolist() == ["01-05", "01-08", "01-22"]
    np.testing.assert_allclose(found, [0.5, (0 * 0.5 - 0.5 * 3) / 3, 0.2])
    assert parts.tone(table[:0], SESSIONS, market="stocks", kind="article", days=3).isna().all()


def test_a_market_that_is_not_there_has_no_values():
    nobody = parts.sessions_of(BARS, "NONE")
    known = parts.known_bars(BARS, nobody)
    assert known.empty
    for values in (
        parts.momentum(nobody, window=5),
        parts.price_strength(known, nobody, window=5, minimum_instruments=1),
        parts.breadth(known, nobody, minimum_instruments=1),
        parts.dominance(known, nobody),
        parts.tone(daily([("2024-01-05", 0.5, 1.0)]), nobody, market="stocks", kind="article", days=3),
    ):
        assert values.empty
