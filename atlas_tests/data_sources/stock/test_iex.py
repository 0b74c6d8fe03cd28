"""Archived replies of IEX Cloud, read from files."""

import json
from datetime import UTC, date, datetime

import pytest

from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError
from atlas_assets.data_sources.stock.iex import IexChart, IexIntraday

NOW = datetime(2024, 9, 1, tzinfo=UTC)
ROW = {"date": "2021-06-02", "open": 420.37, "high": 421.23, "low": 419.29, "close": 420.33, "volume": 49097140}
ADJUSTED = {
    **ROW,
    "symbol": "SPY",
    "volume": 118023116.2342521,
    "uOpen": 1.5,
    "uClose": 2.5,
    "uVolume": 10,
    "fClose": 3.5,
    "fVolume": 11.5,
    "change": -0.75,
    "changePercent": -0.005,
    "changeOverTime": 47.8,
    "updated": 1715904190453.4507,
    "id": "HISTORICAL_PRICES",
}
MINUTE = {
    "date": "20190125",
    "minute": "09:30",
    "label": "09:30 AM",
    "open": 155.3,
    "high": 155.3,
    "low": 154.86,
    "close": 154.95,
    "average": 155.055,
    "volume": 15446,
    "notional": 2394981.05,
    "numberOfTrades": 120,
    "marketClose": 155.003,
    "marketNumberOfTrades": 2510,
}
QUIET = {name: None if isinstance(value, int | float) else value for name, value in MINUTE.items()}


def query(kind, name="iex/SPY.json"):
    found = kind.query_for_file(name, NOW)
    assert found is not None
    return found


def read(kind, payload, name="iex/SPY.json"):
    return kind.transform(json.dumps(payload).encode(), query(kind, name))


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("iex/AAPL.json", "AAPL"),
        ("iex/AAPL_2021.json", "AAPL"),
        ("iex/AAPL-2021-06.json", "AAPL"),
        ("iex/aapl.json", "AAPL"),
        ("iex/BRK.B.json", "BRK.B"),
        ("iex/BRK.B_5y.json", "BRK.B"),
        ("iex/ABR-D.json", "ABR-D"),
        ("iex/chart_AAPL_1m.json", "AAPL"),
        ("iex/AAPL_chart_1m.json", "AAPL"),
        ("iex/chart/AAPL.json", "AAPL"),
        ("IEX/archive/2021/SPY.JSON", "SPY"),
        ("iex/chart.json", ""),
        ("iex/2021.json", ""),
        ("iex/CHARTER.json", "CHARTER"),
    ],
)
def test_a_chart_is_named_after_its_symbol(name, symbol):
    found = IexChart.query_for_file(name, NOW)
    assert found.symbol == symbol
    assert found.instrument == (symbol or "*")
    assert found.end == NOW.date()
    assert IexIntraday.query_for_file(name, NOW) is None


@pytest.mark.parametrize(
    "name",
    [
        "iex/intraday_AAPL_2019.json",
        "iex/AAPL_intraday.json",
        "iex/intraday/AAPL.json",
        "iex/intraday-prices_AAPL.json",
    ],
)
def test_minutes_say_so_in_their_path(name):
    assert IexIntraday.query_for_file(name, NOW).symbol == "AAPL"
    assert IexChart.query_for_file(name, NOW) is None


@pytest.mark.parametrize(
    "name", ["AAPL.json", "other/AAPL.json", "iex/AAPL.csv", "iex.json", "iex", "", "bars/iex/A.json"]
)
def test_other_files_are_not_theirs(name):
    assert IexChart.query_for_file(name, NOW) is IexIntraday.query_for_file(name, NOW) is None


def test_rows_keep_their_three_adjustments_and_floats():
    (row,) = read(IexChart, [ADJUSTED], "iex/archive_1.json").rows.to_pylist()
    assert row["symbol"] == "SPY"
    assert row["volume"] == 118023116.2342521
    assert row["updated"] == 1715904190453.4507
    assert (row["close"], row["unadjusted_close"], row["fully_adjusted_close"]) == (420.33, 2.5, 3.5)
    assert (row["unadjusted_volume"], row["fully_adjusted_volume"]) == (10.0, 11.5)
    assert (row["change"], row["change_percent"], row["change_over_time"]) == (-0.75, -0.005, 47.8)
    assert row["unadjusted_high"] is None


def test_an_older_row_takes_its_symbol_from_the_file_and_lacks_adjustments():
    (row,) = read(IexChart, [ROW]).rows.to_pylist()
    assert (row["symbol"], row["date"], row["close"]) == ("SPY", date(2021, 6, 2), 420.33)
    assert row["updated"] is None
    assert read(IexChart, [{**ROW, "key": "DIA"}]).rows["symbol"].to_pylist() == ["DIA"]
    assert read(IexChart, [{**ADJUSTED, "symbol": "QQQ"}]).rows["symbol"].to_pylist() == ["QQQ"]


def test_a_reply_of_closes_only_is_read_but_not_one_without():
    (row,) = read(IexChart, [{"date": "2021-06-02", "close": 420.33, "volume": 5}]).rows.to_pylist()
    assert (row["close"], row["volume"], row["open"]) == (420.33, 5.0, None)
    with pytest.raises(MalformedReply, match="'close' is missing"):
        read(IexChart, [{"date": "2021-06-02", "open": 420.33}])


def test_a_row_without_any_symbol_is_set_aside():
    parsed = read(IexChart, [ADJUSTED, ROW], "iex/2021.json")
    assert parsed.rows["symbol"].to_pylist() == ["SPY"]
    assert [row.reason for row in parsed.rejected] == ["neither the row nor the file's name holds a symbol"]


def test_minutes_are_new_york_time_and_quiet_ones_are_null():
    parsed = read(IexIntraday, [MINUTE, {**QUIET, "date": "2019-01-25", "minute": "09:31"}], "iex/intraday_SPY.json")
    assert parsed.rejected == ()
    assert parsed.days.to_pylist() == [date(2019, 1, 25)] * 2
    first, second = parsed.rows.to_pylist()
    assert (first["symbol"], first["minute"], first["number_of_trades"]) == ("SPY", "09:30", 120)
    assert (first["market_close"], first["market_open"], first["market_number_of_trades"]) == (155.003, None, 2510)
    assert {name for name, value in second.items() if value is not None} == {"symbol", "date", "minute"}


def test_batch_replies_hold_each_symbols_rows():
    parsed = read(IexChart, {"AAPL": {"chart": [ROW]}, "MSFT": {"chart": [ROW, ROW], "quote": {}}}, "iex/batch.json")
    assert parsed.rows["symbol"].to_pylist() == ["AAPL", "MSFT", "MSFT"]
    minutes = read(IexIntraday, {"AAPL": {"intraday-prices": [MINUTE]}}, "iex/intraday_batch.json")
    assert minutes.rows["symbol"].to_pylist() == ["AAPL"]


@pytest.mark.parametrize("payload", [{"AAPL": [ROW]}, {"AAPL": {"quote": {}}}, {}, "Unknown symbol", {"error": "x"}, 5])
def test_other_content_is_refused(payload):
    with pytest.raises(MalformedReply, match="iex chart: the reply cannot be read"):
        read(IexChart, payload)


@pytest.mark.parametrize("change", [{"date": "02.06.2021"}, {"date": "20211301"}, {"close": "420"}, {"volume": True}])
def test_a_bad_row_is_set_aside(change):
    parsed = read(IexChart, [ROW, {**ROW, **change}])
    assert parsed.rows.num_rows == 1
    assert [row.position for row in parsed.rejected] == [2]


def test_nobody_can_be_asked(source_of, settings, vendor, json_reply):
    server = vendor(json_reply([]))
    for kind in (IexChart, IexIntraday):
        assert kind.files_only
        source = source_of(kind, server)
        assert list(source.queries(date(2021, 1, 1), date(2021, 1, 2))) == []
        with pytest.raises(ValueError, match="must not be later"):
            source.queries(date(2021, 1, 2), date(2021, 1, 1))
        with pytest.raises(PermanentError, match=r"ended in August 2024; drop archived replies .* iex/<SYMBOL>\.json"):
            list(source.extract(query(kind, "iex/intraday/A.json" if kind is IexIntraday else "iex/A.json")))
    assert server.requests == []


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("name", "day", "updated"),
    [("chart_AAPL_1m", date(2021, 12, 3), None), ("chart_AAPL_2022_row", date(2022, 6, 8), 1654736422000.0)],
)
def test_recorded_charts(recorded, name, day, updated):
    parsed = IexChart.transform(recorded(f"iex/{name}.json"), query(IexChart, f"iex/{name}.json"))
    assert parsed.rejected == ()
    (row,) = parsed.rows.to_pylist()
    assert (row["symbol"], row["date"], row["updated"]) == ("AAPL", day, updated)
    assert row["unadjusted_close"] == row["close"]


@pytest.mark.recorded
def test_recorded_minutes(recorded):
    name = "iex/intraday_AAPL_2019.json"
    parsed = IexIntraday.transform(recorded(name), query(IexIntraday, name))
    assert parsed.rejected == ()
    assert parsed.rows["symbol"].to_pylist() == ["AAPL"] * 2
    assert parsed.rows["minute"].to_pylist() == ["09:30", "09:31"]
    assert parsed.rows["market_volume"].to_pylist() == [1115520.0, 290328.0]
