"""EODHD intraday bars."""

import json
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from atlas_assets.data_sources.client.errors import MalformedReply
from atlas_assets.data_sources.stock.eodhd import EodhdIntraday, IntradayQuery, IntradaySettings

OPENS = 1_546_266_600  # 2018-12-31 14:30 UTC
BAR = {
    "timestamp": OPENS,
    "gmtoffset": 0,
    "datetime": "2018-12-31 14:30:00",
    "open": 249.89,
    "high": 250,
    "low": 249.5,
    "close": 249.6,
    "volume": 1000,
}
NOW = datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC)
WINDOW = IntradayQuery(start=date(2018, 12, 24), end=date(2018, 12, 31), as_of=NOW, symbol="SPY.US", interval="5m")


def read(*bars, **changed):
    return EodhdIntraday.transform(json.dumps(bars).encode(), WINDOW.model_copy(update=changed))


def section(settings, **changed):
    part = {"symbols": ["SPY.US"], "interval": "5m", "history_from": date(2000, 1, 1)} | changed
    return settings.data_sources.eod_historical.model_copy(update={"intraday": IntradaySettings(**part)})


@pytest.mark.parametrize(("interval", "days"), [("1m", 120), ("5m", 600), ("1h", 7200)])
def test_a_long_window_is_asked_for_in_the_spans_that_the_vendor_allows(
    source_of, settings, vendor, json_reply, interval, days
):
    server = vendor(json_reply([]))
    source = source_of(EodhdIntraday, server, section=section(settings, interval=interval))
    (query,) = source.queries(date(2000, 1, 1), date(2018, 12, 31))
    replies = list(source.extract(query))
    spans = [(int(asked["from"]), int(asked["to"])) for asked in server.asked]
    assert len(replies) == len(spans) == -(-6940 // days)
    assert spans[0][0] == datetime(2000, 1, 1, tzinfo=UTC).timestamp()
    assert spans[-1][1] == datetime(2019, 1, 1, tzinfo=UTC).timestamp() - 1
    assert all(after[0] == before[1] + 1 for before, after in pairwise(spans))
    assert all(end - begin < days * 86_400 for begin, end in spans)
    assert {asked["interval"] for asked in server.asked} == {interval}
    assert {asked["fmt"] for asked in server.asked} == {"json"}


def test_days_before_the_wanted_history_are_not_asked_for(source_of, settings, vendor, json_reply):
    server = vendor(json_reply([]))
    source = source_of(EodhdIntraday, server, section=section(settings, history_from=date(2018, 12, 24)))
    (early,) = source.queries(date(2000, 1, 1), date(2018, 12, 23))
    assert list(source.extract(early)) == []
    (whole,) = source.queries(date(2000, 1, 1), date(2018, 12, 31))
    list(source.extract(whole))
    assert [int(asked["from"]) for asked in server.asked] == [datetime(2018, 12, 24, tzinfo=UTC).timestamp()]


def test_a_request_costs_five_calls_of_the_quota_and_one_of_the_rate(source_of, settings, vendor, json_reply):
    source = source_of(EodhdIntraday, vendor(json_reply([])), section=section(settings))
    asked = []
    source.client.get = lambda *args, **options: asked.append(options) or pytest.fail("no reply is read")
    with pytest.raises(pytest.fail.Exception):
        list(source.extract(WINDOW))
    assert asked[0]["cost"] == 5
    assert "weight" not in asked[0]


def test_bars_are_read_as_sent():
    parsed = read(BAR)
    assert parsed.rows.to_pylist() == [{"symbol": "SPY.US", "interval": "5m", **BAR}]
    assert parsed.days.to_pylist() == [date(2018, 12, 31)]


def test_missing_volumes_and_prices_stay_missing():
    closing = {**BAR, "open": None, "high": None, "low": None, "close": None, "volume": None}
    parsed = read({**BAR, "volume": None}, {**closing, "timestamp": OPENS + 300})
    assert parsed.rejected == ()
    assert parsed.rows["volume"].to_pylist() == [None, None]
    assert parsed.rows["close"].to_pylist() == [249.6, None]


@pytest.mark.parametrize(("interval", "seconds"), [("1m", 60), ("5m", 300), ("1h", 3600)])
def test_the_running_bar_is_left_out_until_it_is_over(interval, seconds):
    opens = datetime.fromtimestamp(OPENS, UTC)
    over = {"interval": interval, "as_of": opens + timedelta(seconds=seconds)}
    assert read(BAR, **over).rows.num_rows == 1
    running = over | {"as_of": over["as_of"] - timedelta(microseconds=1)}
    assert read(BAR, **running).rows.num_rows == 0


@pytest.mark.parametrize("change", [{"timestamp": "1546266600"}, {"timestamp": 2**62}, {"datetime": None}])
def test_a_bad_row_is_set_aside(change):
    parsed = read(BAR, {**BAR, **change})
    assert parsed.rows.num_rows == 1
    assert [row.position for row in parsed.rejected] == [2]


def test_a_missing_key_in_all_rows_is_a_change_of_format():
    bar = {name: value for name, value in BAR.items() if name != "gmtoffset"}
    with pytest.raises(MalformedReply, match="'gmtoffset' is missing"):
        read(bar, bar)


def test_the_plans_warning_is_no_bar():
    assert read(BAR, {"warning": "Data is limited"}).rows.num_rows == 1
    assert read({**BAR, "warning": "Data is limited"}).rows.num_rows == 1


@pytest.mark.recorded
def test_recorded_refusal(recorded):
    assert recorded("eodhd/error_401_intraday.txt") == b"Unauthenticated"
