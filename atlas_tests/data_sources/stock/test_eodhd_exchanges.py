"""EODHD's whole exchanges: bars of a day and lists of symbols."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from pydantic import ValidationError

from atlas_assets.data_sources.client.errors import MalformedReply
from atlas_assets.data_sources.stock.eodhd import BulkSettings
from atlas_assets.data_sources.stock.eodhd_exchanges import EodhdBulkEod, EodhdSymbols, ExchangeQuery, SymbolsQuery

NOW = datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC)
BAR = {
    "code": "SPY",
    "exchange_short_name": "US",
    "date": "2018-12-28",
    "open": 1,
    "high": 2,
    "low": 0.5,
    "close": 1.5,
    "adjusted_close": 1.4,
    "volume": 530131.7,
}
SYMBOL = {
    "Code": "1AI",
    "Name": "Algo Pharmaceuticals Limited  ",
    "Country": "Australia",
    "Exchange": "AU",
    "Currency": "AUD",
    "Type": "Common Stock",
    "Isin": None,
}
WINDOW = ExchangeQuery(start=date(2018, 12, 24), end=date(2018, 12, 31), as_of=NOW, exchange="US")
LIST = SymbolsQuery(start=date(2018, 12, 31), end=date(2018, 12, 31), as_of=NOW, exchange="AU")


def bulk_source(source_of, settings, server, **part):
    wanted = BulkSettings(**{"exchanges": ["US"], "history_from": date(2018, 12, 1)} | part)
    section = settings.data_sources.eod_historical.model_copy(update={"bulk": wanted})
    return source_of(EodhdBulkEod, server, section=section)


@pytest.mark.parametrize(("exchange", "sundays"), [("US", 0), ("TA", 2)])
def test_each_day_on_which_the_exchange_may_be_open_is_asked_once(
    source_of, settings, vendor, json_reply, exchange, sundays
):
    server = vendor(json_reply([]))
    source = bulk_source(source_of, settings, server, exchanges=[exchange])
    (query,) = source.queries(date(2018, 12, 15), date(2018, 12, 28))
    list(source.extract(query))
    asked = [date.fromisoformat(params["date"]) for params in server.asked]
    assert len(asked) == len(set(asked)) == 10 + sundays
    assert not [day for day in asked if day.weekday() == 5]
    assert server.requests[0].url.path == f"/api/eod-bulk-last-day/{exchange}"


def test_neither_the_future_nor_unwanted_history_is_asked_for(source_of, settings, vendor, json_reply):
    server = vendor(json_reply([]))
    source = bulk_source(source_of, settings, server, history_from=date(2018, 12, 28))
    list(source.extract(WINDOW.model_copy(update={"start": date(2000, 1, 1), "end": date(2019, 1, 31)})))
    assert [params["date"] for params in server.asked] == ["2018-12-28", "2018-12-31"]


def test_each_reply_answers_for_its_day_alone(source_of, settings, vendor, json_reply):
    source = bulk_source(source_of, settings, vendor(json_reply([BAR, {**BAR, "code": "OLD", "date": "2018-12-27"}])))
    replies = list(source.extract(WINDOW.model_copy(update={"start": date(2018, 12, 28), "end": date(2018, 12, 28)})))
    (reply,) = replies
    parsed = source.transform(reply.content, reply.query)
    assert parsed.rows["code"].to_pylist() == ["SPY"]
    assert reply.query.instrument == "US"


def test_a_request_costs_a_hundred_calls(source_of, settings, vendor, json_reply):
    source = bulk_source(source_of, settings, vendor(json_reply([])))
    costs = []
    get = source.client.get
    source.client.get = lambda *args, **options: costs.append(options["cost"]) or get(*args, **options)
    list(source.extract(WINDOW))
    assert set(costs) == {100}


def test_bulk_bars_are_read_as_sent_funds_and_fractions_included():
    fund = {**BAR, "code": "0P0000ABCD", "volume": 0}
    parsed = EodhdBulkEod.transform(json.dumps([BAR, fund]).encode(), WINDOW)
    assert parsed.rows.to_pylist() == [
        {"exchange": "US", **BAR, "date": date(2018, 12, 28)},
        {"exchange": "US", **fund, "date": date(2018, 12, 28)},
    ]


@pytest.mark.parametrize("exchange", ["", "..", "US/../../user", "U S", "A" * 17])
def test_names_that_are_no_exchanges_are_refused(exchange):
    with pytest.raises(ValidationError):
        ExchangeQuery(start=WINDOW.start, end=WINDOW.end, exchange=exchange)


def test_the_delisted_are_asked_for_beside_the_living(source_of, vendor, json_reply):
    server = vendor(json_reply([SYMBOL]), json_reply([{**SYMBOL, "Code": "OLD_old"}]))
    source = source_of(EodhdSymbols, server)
    (query,) = source.queries(date(2018, 12, 31), date(2018, 12, 31))
    living, delisted = source.extract(query)
    assert [params.get("delisted") for params in server.asked] == [None, "1"]
    assert server.requests[0].url.path == "/api/exchange-symbol-list/US"
    rows = [source.transform(reply.content, reply.query).rows.to_pylist()[0] for reply in (living, delisted)]
    assert [(row["code"], row["is_delisted"]) for row in rows] == [("1AI", False), ("OLD_old", True)]


def test_symbols_are_read_as_sent_with_their_blanks():
    parsed = EodhdSymbols.transform(json.dumps([SYMBOL]).encode(), LIST)
    assert parsed.rows.to_pylist() == [
        {
            "exchange": "AU",
            "snapshot_date": date(2018, 12, 31),
            "code": "1AI",
            "is_delisted": False,
            "name": "Algo Pharmaceuticals Limited  ",
            "country": "Australia",
            "listed_on": "AU",
            "currency": "AUD",
            "type": "Common Stock",
            "isin": None,
        }
    ]
    assert parsed.days.to_pylist() == [date(2018, 12, 31)]
    with pytest.raises(MalformedReply, match="'Code' is missing"):
        EodhdSymbols.transform(json.dumps([{"code": "1AI"}]).encode(), LIST)


def test_a_list_stands_for_the_end_of_the_window_or_for_today_never_for_the_past(source_of, vendor, json_reply):
    content = json.dumps([SYMBOL]).encode()
    night_after = LIST.model_copy(update={"as_of": NOW + timedelta(hours=6)})
    assert EodhdSymbols.transform(content, night_after).days.to_pylist() == [date(2018, 12, 31)]
    not_over = LIST.model_copy(update={"end": date(2019, 1, 31)})
    assert EodhdSymbols.transform(content, not_over).days.to_pylist() == [date(2018, 12, 31)]
    server = vendor(json_reply([SYMBOL]))
    past = LIST.model_copy(update={"as_of": NOW + timedelta(days=2)})
    assert list(source_of(EodhdSymbols, server).extract(past)) == []
    assert server.requests == []


@pytest.mark.recorded
def test_recorded_symbols(recorded):
    content = recorded("eodhd/exchange_symbol_list_AU.json")
    parsed = EodhdSymbols.transform(content, LIST)
    assert parsed.rejected == ()
    assert parsed.rows.num_rows == len(json.loads(content)) == 100
    assert "Algorae Pharmaceuticals Limited  " in parsed.rows["name"].to_pylist()
    assert parsed.rows["code"].to_pylist()[:3] == ["14D", "1AD", "1AE"]
