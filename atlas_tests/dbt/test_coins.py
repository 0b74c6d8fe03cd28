"""Daily bars of coins from CoinGecko: whole days only, instruments of their own, the same whenever they are made."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from atlas_assets.lake import Lake, LakeConfig
from atlas_tests.dbt.conftest import Workbench, environment_of
from atlas_tests.dbt.vendor_rows import candle

pytestmark = pytest.mark.xdist_group("dbt_coins")
MODELS = ("ticker_history", "instruments", "corporate_actions", "daily_bars_by_source", "daily_bars", "sessions")
HOUR = 3_600_000


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A lake of this file's own."""
    folder = tmp_path_factory.mktemp("coins")
    lake = Lake(LakeConfig(root=folder / "lake"))
    with environment_of(lake):
        yield Workbench(lake, folder / "target")


def milliseconds(time: str) -> int:
    return int(datetime.fromisoformat(time).replace(tzinfo=UTC).timestamp() * 1000)


def point(time: str, price: float | None, **more: Any) -> dict[str, Any]:
    """A point of an hourly chart."""
    told = {"coin_id": "bitcoin", "vs_currency": "usd", "spacing": "hourly", "total_volume": 5e9}
    return {**told, "time": milliseconds(time), "price": price, **more}


def candles(day: str, number: int = 6) -> list[dict[str, Any]]:
    """The first four-hour candles of a day, each a dollar above the one before."""
    first = milliseconds(f"{day} 00:00:00")
    told = {"coin_id": "bitcoin", "vs_currency": "usd", "candle": "4h"}
    return [
        {
            **told,
            "close_time": first + 4 * HOUR * (place + 1),
            "open": 100.0 + place,
            "high": 102.0 + place,
            "low": 99.0 + place,
            "close": 101.0 + place,
        }
        for place in range(number)
    ]


def bars(bench: Workbench) -> dict[str, tuple[Any, ...]]:
    """Each day's open, high, low, close and volume."""
    found = bench.lake.read_arrow("silver.daily_bars", where=("source = ?", ["coingecko"]))
    return {
        f"{row['session_date']}": tuple(row[f"{name}_raw"] for name in ("open", "high", "low", "close", "volume"))
        for row in found.to_pylist()
    }


def assert_like_made_anew(bench: Workbench) -> None:
    tables = [f"silver.{name}" for name in MODELS]
    kept = {name: bench.lake.version(name, recompute=True) for name in tables}
    bench.dbt("run", "--full-refresh", "--select", *MODELS)
    assert {name: bench.lake.version(name, recompute=True) for name in tables} == kept


def a_price_at_midnight_closes_the_day_before(bench):
    chart = [point("2018-12-03 00:00:37", 4100.0), point("2018-12-03 01:00:05", 4110.0)]
    bench.load("raw.coingecko_market_chart", "2018-12-03", chart, received="2018-12-03")
    bench.load(
        "raw.binance_klines", "2018-12-02", [candle("BTCUSDT", "2018-12-02T00:00:00", "4000.0")], received="2018-12-03"
    )
    bench.dbt("run", "--select", *MODELS)
    assert bars(bench) == {"2018-12-02": (None, None, None, 4100.0, None)}


def a_coin_is_no_pair_of_an_exchange(bench):
    found = bench.lake.read("silver.instruments").set_index("symbol")
    assert found["venue"].to_dict() == {"bitcoin/usd": "coingecko", "BTCUSDT": "binance"}
    assert found["currency"].to_dict() == {"bitcoin/usd": "USD", "BTCUSDT": "USDT"}
    assert set(found["instrument_type"]) == {"crypto_pair"}
    assert found["instrument_id"].nunique() == 2
    assert set(bench.lake.read("silver.daily_bars_by_source")["rank"]) == {1}


def candles_are_a_bar_once_the_day_is_whole(bench):
    bench.load("raw.coingecko_ohlc", "2018-12-02", candles("2018-12-02"), received="2018-12-03")
    bench.load("raw.coingecko_ohlc", "2018-12-03", candles("2018-12-03", 5), received="2018-12-03")
    bench.dbt("run", "--select", *MODELS)
    assert bars(bench) == {"2018-12-02": (100.0, 107.0, 99.0, 106.0, None)}
    bench.load("raw.coingecko_ohlc", "2018-12-03", candles("2018-12-03"), received="2018-12-04")
    late = [point("2018-12-04 00:00:12", 4200.0), point("2018-12-04 12:00:12", None)]
    bench.load("raw.coingecko_market_chart", "2018-12-04", late, received="2018-12-04")
    bench.dbt("run", "--select", *MODELS)
    assert bars(bench)["2018-12-03"] == (100.0, 107.0, 99.0, 106.0, None)
    assert_like_made_anew(bench)


def a_corrected_point_is_a_corrected_bar(bench):
    chart = [point("2018-12-06 00:00:37", 4500.0)]
    bench.load("raw.coingecko_market_chart", "2018-12-06", chart, received="2018-12-06")
    bench.dbt("run", "--select", *MODELS)
    chart[0]["price"] = 4400.0
    bench.load("raw.coingecko_market_chart", "2018-12-06", chart, received="2018-12-07", object_id="b")
    bench.dbt("run", "--select", *MODELS)
    assert bars(bench)["2018-12-05"][3] == 4400.0
    assert_like_made_anew(bench)


def test_coins_day_by_day(bench):
    a_price_at_midnight_closes_the_day_before(bench)
    a_coin_is_no_pair_of_an_exchange(bench)
    candles_are_a_bar_once_the_day_is_whole(bench)
    a_corrected_point_is_a_corrected_bar(bench)


def test_the_unit_test_of_the_staging(bench):
    name = "a_coin_has_a_day_once_it_is_whole"
    assert bench.dbt("test", "--select", name) == {name: "pass"}
