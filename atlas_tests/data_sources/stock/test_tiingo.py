"""Tiingo: daily bars with corporate actions, intraday bars, and errors in many clothes."""

import json
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError, QuotaExhausted, TransientError
from atlas_assets.data_sources.stock.tiingo import (
    DailyQuery,
    IntradayQuery,
    IntradaySettings,
    TiingoDaily,
    TiingoIntraday,
)

NOW = datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC)
DAYS = {"start": date(2018, 12, 24), "end": date(2018, 12, 31), "as_of": NOW, "symbol": "SPY"}
WINDOW = DailyQuery(**DAYS)
MINUTES = IntradayQuery(**DAYS, interval="5min")
BAR = {
    "date": "2018-12-31T00:00:00.000Z",
    "close": 250.69,
    "high": 250.92,
    "low": 248.28,
    "open": 250,
    "volume": 3442870,
    "adjClose": 250.6,
    "adjHigh": 250.9,
    "adjLow": 248.2,
    "adjOpen": 249.9,
    "adjVolume": 3442870,
    "divCash": 0.0,
    "splitFactor": 1.0,
}
MINUTE = {"date": "2018-12-31T14:30:00.000Z", "open": 1057.47, "high": 1061.91, "low": 1054, "close": 1061, "volume": 9}
LIMIT = "Error: You have run over your {} request allocation. Contact us to have these lifted."


def read(*rows, query=WINDOW):
    kind = TiingoIntraday if isinstance(query, IntradayQuery) else TiingoDaily
    return kind.transform(json.dumps(rows).encode(), query)


def intraday_section(settings, **part):
    wanted = IntradaySettings(**{"symbols": ["SPY"], "history_from": date(2018, 1, 1)} | part)
    return settings.data_sources.tiingo.model_copy(update={"intraday": wanted})


def test_each_symbol_is_asked_once_with_the_token_in_a_header(source_of, vendor, json_reply):
    server = vendor(json_reply([BAR]))
    source = source_of(TiingoDaily, server)
    queries = list(source.queries(date(2018, 12, 24), date(2018, 12, 31)))
    assert [query.instrument for query in queries] == ["SPY", "QQQ"]
    (reply,) = source.extract(queries[0])
    (request,) = server.requests
    assert request.url.path == "/tiingo/daily/SPY/prices"
    assert server.asked == [
        {"startDate": "2018-12-24", "endDate": "2018-12-31", "format": "json", "resampleFreq": "daily"}
    ]
    assert request.headers["Authorization"] == "Token sandbox-tiingo-token"
    assert "sandbox-tiingo-token" not in json.dumps(dict(reply.request)) + str(request.url)


@pytest.mark.parametrize("symbol", ["BRK/B", "../../account", "A?token=x"])
def test_a_symbol_cannot_leave_its_place_in_the_path(source_of, vendor, json_reply, symbol):
    server = vendor(json_reply([]))
    list(source_of(TiingoDaily, server).extract(WINDOW.model_copy(update={"symbol": symbol})))
    path = server.requests[0].url.raw_path.partition(b"?")[0]
    assert path.startswith(b"/tiingo/daily/")
    assert path.endswith(b"/prices")
    assert path.count(b"/") == 4


def test_raw_and_adjusted_stand_in_one_row():
    assert read(BAR).rows.to_pylist() == [
        {
            "symbol": "SPY",
            "date": date(2018, 12, 31),
            "open": 250.0,
            "high": 250.92,
            "low": 248.28,
            "close": 250.69,
            "volume": 3442870.0,
            "adj_open": 249.9,
            "adj_high": 250.9,
            "adj_low": 248.2,
            "adj_close": 250.6,
            "adj_volume": 3442870.0,
            "div_cash": 0.0,
            "split_factor": 1.0,
        }
    ]


@pytest.mark.parametrize("text", ["2018-12-31T00:00:00.000Z", "2018-12-31T00:00:00+00:00", "2018-12-31"])
def test_a_date_names_a_trading_day_not_an_instant(text):
    assert read({**BAR, "date": text}).days.to_pylist() == [date(2018, 12, 31)]


@pytest.mark.parametrize("text", ["2018-12-31T05:00:00.000Z", "2018-12-31T00:00:00-05:00", "31.12.2018", "", None, 7])
def test_any_other_date_is_set_aside(text):
    parsed = read(BAR, {**BAR, "date": text})
    assert parsed.rows.num_rows == 1
    assert [row.position for row in parsed.rejected] == [2]


def test_a_missing_key_in_all_rows_is_a_change_of_format():
    with pytest.raises(MalformedReply, match="'splitFactor' is missing"):
        read({name: value for name, value in BAR.items() if name != "splitFactor"})


@pytest.mark.parametrize(("interval", "days"), [("1min", 5), ("5min", 25), ("1hour", 285)])
def test_a_long_window_is_asked_for_in_parts_that_one_reply_can_hold(
    source_of, settings, vendor, json_reply, interval, days
):
    server = vendor(json_reply([]))
    source = source_of(TiingoIntraday, server, section=intraday_section(settings, interval=interval))
    (query,) = source.queries(date(2017, 1, 1), date(2018, 12, 31))
    list(source.extract(query))
    assert len(server.asked) == -(-365 // days)
    assert (server.asked[0]["startDate"], server.asked[-1]["endDate"]) == ("2018-01-01", "2018-12-31")
    assert server.requests[0].url.path == "/iex/SPY/prices"
    assert {asked["resampleFreq"] for asked in server.asked} == {interval}
    assert {asked["columns"] for asked in server.asked} == {"open,high,low,close,volume"}


def test_intraday_bars_are_read_as_sent_and_without_volume_too():
    bare = {name: value for name, value in MINUTE.items() if name != "volume"}
    parsed = read(MINUTE, {**bare, "date": "2018-12-31T14:35:00+00:00"}, query=MINUTES)
    assert parsed.rejected == ()
    assert parsed.rows["date"].to_pylist() == ["2018-12-31T14:30:00.000Z", "2018-12-31T14:35:00+00:00"]
    assert parsed.rows["volume"].to_pylist() == [9.0, None]
    assert parsed.days.to_pylist() == [date(2018, 12, 31)] * 2


def test_the_running_bar_is_left_out_until_it_is_over():
    over = datetime(2018, 12, 31, 14, 35, tzinfo=UTC)
    assert read(MINUTE, query=MINUTES.model_copy(update={"as_of": over})).rows.num_rows == 1
    running = MINUTES.model_copy(update={"as_of": over - timedelta(seconds=1)})
    assert read(MINUTE, query=running).rows.num_rows == 0


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (httpx.Response(401, json={"detail": "Invalid token."}), PermanentError, "Invalid token.*check the key"),
        (httpx.Response(403, json={"detail": "You do not have permission"}), PermanentError, "permission.*plan"),
        (httpx.Response(404, json={"detail": "Not found."}), PermanentError, "Not found.*check the symbol"),
        (httpx.Response(429, json={"detail": LIMIT.format("hourly")}), TransientError, "hourly"),
        (httpx.Response(429, json={"detail": LIMIT.format("daily")}), QuotaExhausted, "daily"),
        (httpx.Response(200, text=LIMIT.format("hourly")), TransientError, "hourly"),
        (httpx.Response(200, text=LIMIT.format("daily")), QuotaExhausted, "daily"),
        (httpx.Response(200, json={"detail": "Not found."}), PermanentError, "Not found"),
        (httpx.Response(200, text="Error: Ticker 'SPY' not found"), PermanentError, "Ticker 'SPY' not found"),
        (httpx.Response(200, text="Error: temporary database unavailable"), TransientError, "temporary"),
        (httpx.Response(200, text="\n None of the above"), PermanentError, "None of the above"),
        (httpx.Response(200, html="<html>hello</html>"), TransientError, "web page"),
        (httpx.Response(200, content=b'[{"date":'), TransientError, "cut"),
        (httpx.Response(200, content=b""), TransientError, "cut"),
    ],
)
def test_refusals(source_of, vendor, answer, kind, said):
    with pytest.raises(kind, match=f"(?s)tiingo: .*{said}") as caught:
        list(source_of(TiingoDaily, vendor(answer)).extract(WINDOW))
    assert type(caught.value) is kind
    assert "sandbox-tiingo-token" not in str(caught.value)


def test_a_used_up_hour_holds_everybody_back_for_it(source_of, vendor, fake_time):
    server = vendor(httpx.Response(200, text=LIMIT.format("hourly")))
    source = source_of(TiingoDaily, server)
    for _ in range(2):
        with pytest.raises(TransientError) as caught:
            list(source.extract(WINDOW))
    assert len(server.requests) == 1
    assert 3000 < caught.value.retry_after <= 3600
    assert sum(fake_time.naps) < 60


def test_a_used_up_day_ends_at_midnight_in_new_york(source_of, vendor, json_reply):
    server = vendor(httpx.Response(429, json={"detail": LIMIT.format("daily")}), json_reply([]))
    now = datetime(2018, 12, 31, 23, tzinfo=UTC)
    source = source_of(TiingoDaily, server, now=lambda: now)
    with pytest.raises(QuotaExhausted):
        list(source.extract(WINDOW))
    now = datetime(2019, 1, 1, 4, 59, tzinfo=UTC)
    with pytest.raises(QuotaExhausted):
        list(source.extract(WINDOW))
    assert len(server.requests) == 1
    now = datetime(2019, 1, 1, 5, 1, tzinfo=UTC)
    assert len(list(source.extract(WINDOW))) == 1


@pytest.mark.recorded
def test_recorded_daily_bars(recorded):
    for name, days in {
        "ticker_price_pandas_daily_equivalent_requesting_json_or_csv": date(2018, 1, 5),
        "ticker_price": date(2018, 4, 12),
    }.items():
        content = recorded(f"tiingo/{name}.json")
        query = DailyQuery(start=date(2018, 1, 1), end=date(2018, 12, 31), symbol="GOOGL")
        parsed = TiingoDaily.transform(content, query)
        assert parsed.rejected == ()
        assert parsed.rows.num_rows == len(json.loads(content))
        assert parsed.days.to_pylist()[0] == days
        assert set(parsed.rows["split_factor"].to_pylist()) == {1.0}


@pytest.mark.recorded
def test_recorded_intraday_bars(recorded):
    query = IntradayQuery(start=date(2018, 1, 2), end=date(2018, 1, 2), symbol="GOOGL", interval="30min")
    parsed = TiingoIntraday.transform(recorded("tiingo/intraday_price.json"), query)
    assert parsed.rejected == ()
    assert parsed.rows.num_rows == 13
    assert parsed.rows["close"].to_pylist()[:2] == [1061.91, 1066.945]
    assert parsed.rows["volume"].null_count == 13


@pytest.mark.recorded
@pytest.mark.parametrize("name", ["ticker_price_with_multiple_columns", "ticker_price_with_volume_column"])
def test_recorded_bars_with_columns_left_out_are_not_what_was_asked_for(recorded, name):
    with pytest.raises(MalformedReply, match="is missing"):
        TiingoDaily.transform(recorded(f"tiingo/{name}.json"), WINDOW)


@pytest.mark.recorded
def test_recorded_refusal(recorded, source_of, vendor):
    answer = httpx.Response(
        403, content=recorded("tiingo/news_bulk.json"), headers={"content-type": "application/json"}
    )
    with pytest.raises(PermanentError, match="You do not have permission to access the News API"):
        list(source_of(TiingoDaily, vendor(answer)).extract(WINDOW))
