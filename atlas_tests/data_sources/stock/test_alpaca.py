"""Alpaca: pages, windows, bars and trades."""

import json
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest
from pydantic import ValidationError

from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError, SourceError, TransientError
from atlas_assets.data_sources.stock.alpaca import (
    AlpacaDailyBars,
    AlpacaMinuteBars,
    AlpacaQuery,
    AlpacaTrades,
    Part,
)

NOW = datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC)
WINDOW = AlpacaQuery(start=date(2018, 12, 24), end=date(2018, 12, 31), as_of=NOW, symbol="SPY")
BAR = {
    "t": "2018-12-31T05:00:00Z",
    "o": 249.89,
    "h": 250.92,
    "l": 248,
    "c": 250.69,
    "v": 104329,
    "n": 1012,
    "vw": 249.6,
}
TRADE = {"t": "2018-12-31T14:30:02.183594876Z", "x": "V", "p": 249.9, "s": 100, "c": ["@", "I"], "i": 151, "z": "B"}


def page(*rows, key="bars", symbol="SPY", token=None):
    return {key: {symbol: list(rows)} if rows else {}, "next_page_token": token}


def read(kind, *rows, query=WINDOW, **wrapped):
    key = "trades" if kind is AlpacaTrades else "bars"
    return kind.transform(json.dumps(page(*rows, key=key, **wrapped)).encode(), query)


def minutes_of(settings, symbols=("SPY",), history_from=date(2018, 1, 1)):
    part = Part(symbols=list(symbols), history_from=history_from)
    return settings.data_sources.alpaca.model_copy(update={"minute_bars": part, "trades": part})


def test_one_symbol_is_asked_for_with_both_keys_in_headers(source_of, vendor, json_reply):
    server = vendor(json_reply(page(BAR)))
    source = source_of(AlpacaDailyBars, server)
    queries = list(source.queries(date(2018, 12, 24), date(2018, 12, 31)))
    assert [query.instrument for query in queries] == ["SPY", "QQQ"]
    (reply,) = source.extract(queries[0])
    (request,) = server.requests
    assert str(request.url).startswith("https://data.alpaca.markets/v2/stocks/bars?")
    assert server.asked[0] == {
        "symbols": "SPY",
        "start": "2018-12-24T05:00:00Z",
        "end": "2019-01-01T04:59:59.999999999Z",
        "feed": "iex",
        "limit": "10000",
        "sort": "asc",
        "timeframe": "1Day",
        "adjustment": "raw",
    }
    assert request.headers["APCA-API-KEY-ID"] == "SANDBOXALPACAKEYID"
    assert request.headers["APCA-API-SECRET-KEY"] == "sandbox-alpaca-secret-key"
    assert "SANDBOXALPACA" not in json.dumps(dict(reply.request)) + json.dumps(dict(reply.headers))


def test_days_are_those_of_new_york_also_in_summer(source_of, vendor, json_reply):
    server = vendor(json_reply(page()))
    query = WINDOW.model_copy(update={"start": date(2018, 6, 1), "end": date(2018, 6, 2)})
    source = source_of(AlpacaDailyBars, server, section=None)
    source.settings = source.settings.model_copy(update={"history_from": date(2018, 1, 1)})
    list(source.extract(query))
    assert (server.asked[0]["start"], server.asked[0]["end"]) == (
        "2018-06-01T04:00:00Z",
        "2018-06-03T03:59:59.999999999Z",
    )


def test_pages_follow_the_token_and_can_hold_parts_or_nothing(source_of, settings, vendor, json_reply):
    server = vendor(json_reply(page(BAR, token="a")), json_reply(page(token="b")), json_reply(page(BAR)))
    source = source_of(AlpacaMinuteBars, server, section=minutes_of(settings))
    assert len(list(source.extract(WINDOW))) == 3
    assert [asked.get("page_token") for asked in server.asked] == [None, "a", "b"]


@pytest.mark.parametrize(
    "answers",
    [
        [page(BAR, token="a"), page(BAR, token="b"), page(BAR, token="a")],
        [page(BAR, token="a")],
        [page(token=str(number)) for number in range(20)],
    ],
    ids=["loop", "the same for ever", "empty for ever"],
)
def test_pages_that_do_not_end_are_an_error(source_of, settings, vendor, json_reply, answers):
    server = vendor(*map(json_reply, answers))
    source = source_of(AlpacaMinuteBars, server, section=minutes_of(settings))
    with pytest.raises(MalformedReply, match="alpaca minute_bars: the pages of SPY do not end"):
        list(source.extract(WINDOW))
    assert len(server.requests) < 20


def test_unwanted_history_is_not_asked_for(source_of, settings, vendor, json_reply):
    server = vendor(json_reply(page()))
    source = source_of(AlpacaMinuteBars, server, section=minutes_of(settings, history_from=date(2018, 12, 28)))
    list(source.extract(WINDOW.model_copy(update={"end": date(2018, 12, 27)})))
    assert server.requests == []
    list(source.extract(WINDOW))
    assert server.asked[0]["start"] == "2018-12-28T05:00:00Z"


def test_the_free_plans_delay_of_the_whole_market_is_kept_to(source_of, vendor, json_reply):
    server = vendor(json_reply(page()))
    source = source_of(AlpacaDailyBars, server)
    list(source.extract(WINDOW.model_copy(update={"feed": "sip"})))
    assert (server.asked[0]["feed"], server.asked[0]["end"]) == ("sip", "2018-12-31T23:43:59.999999999Z")


def test_daily_bars_are_read_as_sent_on_the_day_in_new_york():
    parsed = read(AlpacaDailyBars, BAR, {**BAR, "t": "2018-07-02T04:00:00Z"})
    assert parsed.days.to_pylist() == [date(2018, 12, 31)]
    assert parsed.rows.to_pylist() == [
        {
            "symbol": "SPY",
            "feed": "iex",
            "timestamp": "2018-12-31T05:00:00Z",
            "open": 249.89,
            "high": 250.92,
            "low": 248.0,
            "close": 250.69,
            "volume": 104329.0,
            "trade_count": 1012,
            "vwap": 249.6,
        }
    ]


def test_a_summer_bar_belongs_to_the_day_that_begins_at_four():
    query = WINDOW.model_copy(update={"start": date(2018, 7, 1), "end": date(2018, 7, 3)})
    assert read(AlpacaDailyBars, {**BAR, "t": "2018-07-02T04:00:00Z"}, query=query).days.to_pylist() == [
        date(2018, 7, 2)
    ]


@pytest.mark.parametrize(
    ("kind", "opens", "over"),
    [
        (AlpacaDailyBars, "2018-12-31T05:00:00Z", datetime(2018, 12, 31, 21, tzinfo=UTC)),
        (AlpacaMinuteBars, "2018-12-31T14:30:00Z", datetime(2018, 12, 31, 14, 31, tzinfo=UTC)),
    ],
)
def test_the_running_bar_is_left_out_until_it_is_over(kind, opens, over):
    bar = {**BAR, "t": opens}
    assert read(kind, bar, query=WINDOW.model_copy(update={"as_of": over})).rows.num_rows == 1
    running = WINDOW.model_copy(update={"as_of": over - timedelta(seconds=1)})
    assert read(kind, bar, query=running).rows.num_rows == 0


def test_after_hours_minutes_stay_with_their_day():
    evening = read(AlpacaMinuteBars, {**BAR, "t": "2018-12-29T00:30:00Z"})
    assert evening.days.to_pylist() == [date(2018, 12, 28)]


def test_trades_are_read_as_sent():
    parsed = read(AlpacaTrades, TRADE, {**TRADE, "i": 152, "u": "canceled", "c": None})
    first, second = parsed.rows.to_pylist()
    assert first == {
        "symbol": "SPY",
        "feed": "iex",
        "timestamp": "2018-12-31T14:30:02.183594876Z",
        "exchange": "V",
        "price": 249.9,
        "size": 100.0,
        "conditions": '["@","I"]',
        "trade_id": 151,
        "tape": "B",
        "update": None,
    }
    assert (second["update"], second["conditions"]) == ("canceled", None)


def test_no_rows_come_as_an_empty_map_or_none():
    for body in ({"bars": {}, "next_page_token": None}, {"bars": None}, {"bars": {"SPY": []}}):
        assert AlpacaDailyBars.transform(json.dumps(body).encode(), WINDOW).rows.num_rows == 0


def test_of_several_symbols_only_the_one_that_was_asked_for_is_read():
    body = {"bars": {"QQQ": [BAR, BAR], "SPY": [BAR]}, "next_page_token": None}
    parsed = AlpacaDailyBars.transform(json.dumps(body).encode(), WINDOW)
    assert parsed.rows["symbol"].to_pylist() == ["SPY"]


@pytest.mark.parametrize(
    "body",
    [
        {"bars": []},
        {"bars": {"SPY": {}}},
        {"bars": {"SPY": None}},
        {"bars": {"QQQ": [BAR]}},
        {"trades": {}},
        [],
        {"message": "forbidden."},
    ],
)
def test_other_bodies_are_errors(body):
    with pytest.raises(MalformedReply, match="alpaca daily_bars: the reply cannot be read"):
        AlpacaDailyBars.transform(json.dumps(body).encode(), WINDOW)


@pytest.mark.parametrize(
    "change", [{"t": "2018-12-31"}, {"t": None}, {"t": "9999-12-31T23:59:59Z"}, {"o": "1"}, {"v": None}, {"n": 1.5}]
)
def test_a_bad_row_is_set_aside_alone(change):
    for kind in (AlpacaDailyBars, AlpacaMinuteBars):
        parsed = read(kind, BAR, {**BAR, **change})
        assert parsed.rows.num_rows == 1
        assert [row.position for row in parsed.rejected] == [2]


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (httpx.Response(403, json={"message": "forbidden."}), PermanentError, "forbidden.*plan"),
        (
            httpx.Response(403, json={"message": "subscription does not permit querying recent SIP data"}),
            PermanentError,
            "recent SIP data",
        ),
        (httpx.Response(400, json={"message": "invalid symbol: SPY"}), PermanentError, "invalid symbol"),
        (httpx.Response(422, json={"code": 42210000, "message": "invalid limit"}), PermanentError, "invalid limit"),
        (httpx.Response(429, json={"message": "too many requests."}), TransientError, "rate_limit"),
        (httpx.Response(200, html="<html>hello</html>"), TransientError, "web page"),
        (httpx.Response(200, content=b'{"bars":{"SPY":[{"t'), TransientError, "cut"),
        (httpx.Response(200, json={"bars": {}, "next_page_token": 7}), MalformedReply, "token of the next one"),
        (httpx.Response(200, json={"bars": {"SPY": [BAR]}}), MalformedReply, "token of the next one"),
        (httpx.Response(200, json={"message": "internal server error occurred"}), TransientError, "internal"),
    ],
)
def test_refusals(source_of, vendor, answer, kind, said):
    with pytest.raises(kind, match=f"(?s)alpaca: .*{said}") as caught:
        list(source_of(AlpacaDailyBars, vendor(answer)).extract(WINDOW))
    assert "sandbox-alpaca-secret-key" not in str(caught.value)


def test_a_refusal_of_one_symbol_is_no_refusal_of_the_others(source_of, vendor, json_reply):
    source = source_of(
        AlpacaDailyBars, vendor(httpx.Response(400, json={"message": "invalid symbol: X1"}), json_reply(page()))
    )
    with pytest.raises(SourceError) as caught:
        list(source.extract(WINDOW))
    assert not caught.value.concerns_vendor
    assert len(list(source.extract(WINDOW))) == 1


@pytest.mark.parametrize("name", ["api_key_id", "api_secret_key"])
def test_both_keys_are_needed(source_of, settings, vendor, json_reply, name):
    section = settings.data_sources.alpaca.model_copy(update={name: None})
    server = vendor(json_reply(page()))
    with pytest.raises(
        PermanentError, match=f"alpaca: {name} is missing; set ATLAS_DATA_SOURCES__ALPACA__{name.upper()}"
    ):
        list(source_of(AlpacaDailyBars, server, section=section).extract(WINDOW))
    assert server.requests == []


@pytest.mark.parametrize("symbol", ["", "SPY,QQQ", "S PY", "x" * 33])
def test_names_that_are_no_symbols_are_refused(symbol):
    with pytest.raises(ValidationError):
        AlpacaQuery(start=WINDOW.start, end=WINDOW.end, symbol=symbol)


@pytest.mark.recorded
def test_recorded_bars(recorded):
    query = AlpacaQuery(start=date(2022, 1, 1), end=date(2022, 12, 31), symbol="AAPL", feed="sip")
    parsed = AlpacaDailyBars.transform(recorded("alpaca/get_bars_1.json"), query)
    assert parsed.rejected == ()
    assert parsed.days.to_pylist() == [date(2022, 2, 1), date(2022, 2, 2)]
    assert parsed.rows["open"].to_pylist() == [174.0, 174.64]
    assert parsed.rows["volume"].to_pylist() == [85998033.0, 84817432.0]


@pytest.mark.recorded
@pytest.mark.parametrize("name", ["get_bars_single_empty_response_1", "get_bars_multi_empty_response_1"])
def test_recorded_empty_replies(recorded, source_of, vendor, name):
    content = recorded(f"alpaca/{name}.json")
    assert AlpacaDailyBars.transform(content, WINDOW).rows.num_rows == 0
    answer = httpx.Response(200, content=content, headers={"content-type": "application/json"})
    assert len(list(source_of(AlpacaDailyBars, vendor(answer)).extract(WINDOW))) == 1


@pytest.mark.recorded
def test_recorded_trades_and_their_next_page(recorded, source_of, settings, vendor, json_reply):
    content = recorded("alpaca/get_trades_1.json")
    query = AlpacaQuery(start=date(2022, 3, 9), end=date(2022, 3, 9), symbol="AAPL")
    parsed = AlpacaTrades.transform(content, query)
    assert parsed.rejected == ()
    assert parsed.rows["timestamp"].to_pylist() == ["2022-03-09T05:00:02.183Z", "2022-03-09T05:00:16.91Z"]
    assert parsed.rows["conditions"].to_pylist() == ['["@","T","I"]'] * 2
    server = vendor(httpx.Response(200, content=content), json_reply({"trades": {}, "next_page_token": None}))
    list(source_of(AlpacaTrades, server, section=minutes_of(settings)).extract(query))
    assert server.asked[1]["page_token"] == json.loads(content)["next_page_token"]
