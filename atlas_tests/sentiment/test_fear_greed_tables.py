"""The gold table of fear and greed from silver frames."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from atlas_assets.contracts.gold import FearGreedIndex
from atlas_assets.model_settings import FearGreedSettings
from atlas_assets.sentiment import fear_greed_tables as tables

T = 160
DAYS = pd.date_range("2024-01-01", periods=T)
SYMBOLS = {"GSPC": "index", "ACME": "equity", "EMCA": "equity", "BTCUSDT": "crypto_pair", "ETHUSDT": "crypto_pair",
           "BTCEUR": "crypto_pair"}  # fmt: skip
INSTRUMENTS = pd.DataFrame(
    {
        "instrument_id": [f"ins_{symbol}" for symbol in SYMBOLS],
        "instrument_type": SYMBOLS.values(),
        "venue": ["binance" if kind == "crypto_pair" else "US" for kind in SYMBOLS.values()],
        "currency": ["USD", "USD", "USD", "USDT", "USDT", "EUR"],
    }
)
PARAMETERS = FearGreedSettings.model_validate(
    {
        "stocks": {
            "momentum_window": 20, "high_low_window": 20, "volatility_window": 10,
            "minimum_instruments": 2, "look_back": 60, "minimum_history": 10,
        },
        "crypto": {
            "momentum_window": 10, "volatility_window": 5, "volatility_mean_window": 10, "look_back": 60,
            "minimum_history": 10,
        },
    }
)  # fmt: skip


@cache
def bars() -> pd.DataFrame:
    random = np.random.default_rng(6)
    panels = []
    for symbol, kind in SYMBOLS.items():
        days = DAYS if kind == "crypto_pair" else DAYS[DAYS.dayofweek < 5]
        close = 100 * np.exp(np.cumsum(random.normal(0, 0.02, len(days))))
        panels.append(
            pd.DataFrame(
                {
                    "instrument_id": f"ins_{symbol}",
                    "symbol": symbol,
                    "session_date": days,
                    "published_at": days.tz_localize("UTC") + pd.Timedelta(hours=21),
                    "close_raw": close,
                    "close_split_adj": close,
                    "close_total_return_adj": close,
                    "volume_raw": random.integers(1, 100, len(days)).astype(float),
                }
            )
        )
    return pd.concat(panels, ignore_index=True)


@cache
def observations() -> pd.DataFrame:
    values = np.random.default_rng(7).uniform(1, 3, (T, 4))
    series = [
        pd.DataFrame(
            {
                "series_id": name,
                "period": DAYS,
                "value": values[:, place],
                "published_at": DAYS.tz_localize("UTC") + pd.Timedelta(hours=40),
            }
        )
        for place, name in enumerate(["VIXCLS", "BAA", "AAA", "DGS10"])
    ]
    return pd.concat(series, ignore_index=True)


@cache
def daily() -> pd.DataFrame:
    random = np.random.default_rng(8)
    keys = pd.MultiIndex.from_product(
        [DAYS, ["stocks", "crypto"], ["article", "post"], ["all"]],
        names=["session_date", "market", "kind", "language"],
    )
    values = {"sentiment_mean": random.uniform(-1, 1, len(keys)), "effective_count": random.uniform(1, 9, len(keys))}
    return pd.DataFrame(values, index=keys).reset_index()


@cache
def said() -> pd.DataFrame:
    """Of each day the vendors speak at noon, and again a week later."""
    parts = [
        pd.DataFrame(
            {
                "index_name": name,
                "session_date": DAYS,
                "value": value + np.arange(T) / 10,
                "classification": name,
                "published_at": DAYS.tz_localize("UTC") + pd.Timedelta(hours=hours),
            }
        )
        for name, value, hours in (("cnn", 10, 12), ("cnn", 50, 180), ("alternative_me", 20, 12), ("other", 80, 12))
    ]
    return pd.concat(parts, ignore_index=True)


def table_of(bars, observations, daily, said) -> pd.DataFrame:
    stocks, crypto = PARAMETERS.stocks.model_dump(), PARAMETERS.crypto.model_dump()
    return tables.fear_greed_table(
        tables.stock_fear_greed(bars, INSTRUMENTS, observations, daily, said, **stocks),
        tables.crypto_fear_greed(bars, INSTRUMENTS, daily, said, **crypto),
    )


@cache
def whole() -> pd.DataFrame:
    return table_of(bars(), observations(), daily(), said())


def test_the_contract_is_kept_and_all_components_come():
    table = FearGreedIndex.validate(whole())
    last = table.groupby("market").tail(1).set_index("market")
    assert last["component_count"].to_dict() == {"stocks": 8, "crypto": 5}
    assert last["weight_present"].to_dict() == {"stocks": 1.0, "crypto": pytest.approx(1.0)}
    assert tables.components_present(table) == {
        "stocks": [
            "momentum", "price_strength", "breadth", "volatility", "safe_haven", "junk_spread", "news_sentiment",
            "social_sentiment",
        ],
        "crypto": ["momentum", "volatility", "news_sentiment", "social_sentiment", "dominance"],
    }  # fmt: skip
    assert set(table.loc[table["market"] == "stocks", "session_date"].dt.dayofweek) == set(range(5))
    assert set(table.loc[table["market"] == "crypto", "session_date"].dt.dayofweek) == set(range(7))


def test_the_index_is_the_mean_of_its_scores():
    stocks = whole()[whole()["market"] == "stocks"]
    parts = ["momentum", "price_strength", "breadth", "volatility", "safe_haven", "junk_spread"]
    weights = {f"{name}_score": 1.0 for name in parts} | {"news_sentiment_score": 0.5, "social_sentiment_score": 0.5}
    scores = stocks[list(weights)]
    expected = (scores * weights).sum(axis=1) / (scores.notna() * weights).sum(axis=1)
    np.testing.assert_allclose(stocks["index_value"], expected)


def test_bonds_are_an_instrument_where_one_is_named():
    stocks = PARAMETERS.stocks.model_dump() | {"bond_symbol": "EMCA", "safe_haven_window": 5}
    table = tables.stock_fear_greed(bars(), INSTRUMENTS, observations(), daily(), said(), **stocks)
    closes = bars().pivot_table(index="session_date", columns="symbol", values="close_raw")
    returns = closes[["GSPC", "EMCA"]].dropna().transform(np.log).diff(5)
    expected = (returns["GSPC"] - returns["EMCA"]).reindex(table["session_date"])
    np.testing.assert_allclose(table["safe_haven"], expected, atol=1e-12)


def test_dominance_is_among_the_pairs_of_the_leaders_venue_and_currency():
    crypto = whole()[whole()["market"] == "crypto"].set_index("session_date")
    value = bars().assign(value=bars()["close_raw"] * bars()["volume_raw"])
    wide = value.pivot_table(index="session_date", columns="symbol", values="value").rolling(7).sum()
    expected = wide["BTCUSDT"] / (wide["BTCUSDT"] + wide["ETHUSDT"])
    np.testing.assert_allclose(crypto["dominance"], expected.reindex(crypto.index))


def test_beside_it_stands_what_the_vendor_had_said_of_the_day_by_its_end():
    table = whole().set_index(["market", "session_date"])
    day = pd.Timestamp("2024-04-01")
    place = DAYS.get_loc(day)
    assert table.loc[("stocks", day), "vendor_value"] == 10 + place / 10
    assert table.loc[("crypto", day), "vendor_value"] == 20 + place / 10
    assert table.loc[("stocks", day), "vendor_classification"] == "cnn"
    nobody = table_of(bars(), observations(), daily(), said()[:0])
    assert nobody["vendor_value"].isna().all()
    assert tables.agreement(nobody) == {}


def test_what_the_asset_tells():
    own = whole()
    for market, vendor in (("stocks", "cnn"), ("crypto", "alternative_me")):
        rows = own[own["market"] == market].sort_values("session_date")
        expected = np.corrcoef(rows["index_value"], rows["vendor_value"])[0, 1]
        assert tables.agreement(own)[f"correlation_with_{vendor}"] == pytest.approx(expected)
        assert tables.last_values(own)[f"last_of_{market}"] == rows["index_value"].iloc[-1]


@pytest.mark.parametrize("cut", [90, 121])
def test_what_is_published_later_changes_nothing_before(cut):
    end = DAYS[cut].tz_localize("UTC")
    frames = [bars(), observations(), daily(), said()]
    numbers = {"close_raw", "close_split_adj", "close_total_return_adj", "volume_raw", "value", "sentiment_mean"}

    def later(frame: pd.DataFrame) -> pd.Series:
        return frame["published_at"] > end if "published_at" in frame else frame["session_date"] >= DAYS[cut]

    cut_off = [frame[~later(frame)] for frame in frames]
    changed = [
        frame.assign(**{name: frame[name].where(~later(frame), 0.3 * frame[name] + 0.1) for name in numbers & {*frame}})
        for frame in frames
    ]
    known = whole()["known_at"] <= end
    assert known.sum() > 50
    for other in (table_of(*cut_off), table_of(*changed)):
        ours = other[other["known_at"] <= end].reset_index(drop=True)
        pd.testing.assert_frame_equal(ours, whole()[known].reset_index(drop=True), check_exact=True)


def test_the_order_of_rows_changes_nothing():
    shuffled = [frame.sample(frac=1, random_state=3) for frame in (bars(), observations(), daily(), said())]
    pd.testing.assert_frame_equal(table_of(*shuffled), whole(), check_exact=True)


def test_without_its_leading_instrument_a_market_has_no_rows():
    nobody = bars()[bars()["symbol"] != "BTCUSDT"]
    assert set(table_of(nobody, observations(), daily(), said())["market"]) == {"stocks"}
    nothing = table_of(bars()[:0], observations()[:0], daily()[:0], said()[:0])
    assert nothing.empty
    assert tables.agreement(nothing) == tables.last_values(nothing) == tables.components_present(nothing) == {}
    FearGreedIndex.validate(nothing)


def test_settings_say_what_is_wrong():
    with pytest.raises(ValueError, match="minimum_history of 500 must be within the look_back of 252"):
        FearGreedSettings.model_validate({"stocks": {"minimum_history": 500}})
