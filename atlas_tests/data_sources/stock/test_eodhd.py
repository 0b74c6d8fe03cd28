"""EODHD: how it is asked, and its end-of-day bars."""

import json
from datetime import UTC, date, datetime

import httpx
import pyarrow as pa
import pytest
from pydantic import ValidationError

from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError, QuotaExhausted, TransientError
from atlas_assets.data_sources.registry import enabled_sources
from atlas_assets.data_sources.stock.eodhd import EODHD, EodhdEod, EodQuery

BAR = {"date": "2018-12-03", "open": 1.5, "high": 2, "low": 1, "close": 2, "adjusted_close": 1.9, "volume": 100}
WINDOW = EodQuery(start=date(2018, 12, 1), end=date(2018, 12, 31), symbol="GSPC.INDX")


def read(*bars) -> pa.Table:
    return EodhdEod.transform(json.dumps(bars).encode(), WINDOW).rows


def test_each_symbol_is_asked_once_for_the_whole_window(source_of, vendor, json_reply):
    server = vendor(json_reply([BAR]))
    source = source_of(EodhdEod, server)
    queries = list(source.queries(date(2018, 12, 1), date(2018, 12, 31)))
    assert [query.symbol for query in queries] == ["GSPC.INDX", "IXIC.INDX"]
    (reply,) = source.extract(queries[0])
    assert str(server.requests[0].url).startswith("https://eodhd.com/api/eod/GSPC.INDX?")
    assert server.asked[0] == {
        "from": "2018-12-01",
        "to": "2018-12-31",
        "period": "d",
        "order": "a",
        "fmt": "json",
        "api_token": "sandbox-eodhd-key",
    }
    assert reply.request["params"]["api_token"] == "REDACTED"
    parsed = source.transform(reply.content, queries[0])
    assert parsed.rows.to_pylist() == [{"symbol": "GSPC.INDX", **BAR, "date": date(2018, 12, 3)}]
    assert parsed.days.to_pylist() == [date(2018, 12, 3)]


@pytest.mark.parametrize(
    ("symbol", "path"),
    [
        ("BRK/B.US", b"BRK%2FB.US"),
        ("^GSPC", b"%5EGSPC"),
        ("../../etc/passwd", b"..%2F..%2Fetc%2Fpasswd"),
        ("%2e%2e", b"%252e%252e"),
        ("A?x=1#y", b"A%3Fx%3D1%23y"),
        ("日経.T", b"%E6%97%A5%E7%B5%8C.T"),
    ],
)
def test_a_symbol_cannot_leave_its_place_in_the_path(source_of, vendor, json_reply, symbol, path):
    server = vendor(json_reply([]))
    list(source_of(EodhdEod, server).extract(WINDOW.model_copy(update={"symbol": symbol})))
    assert server.requests[0].url.raw_path.partition(b"?")[0] == b"/api/eod/" + path


@pytest.mark.parametrize("symbol", ["", ".", "..", "A B", "A\n", "A\x00", "x" * 65])
def test_names_that_are_no_symbols_are_refused(symbol):
    with pytest.raises(ValidationError):
        EodQuery(start=WINDOW.start, end=WINDOW.end, symbol=symbol)


def test_days_must_be_in_order_and_keys_known():
    with pytest.raises(ValidationError, match="must not be later"):
        EodQuery(start=date(2018, 12, 2), end=date(2018, 12, 1), symbol="A")
    with pytest.raises(ValidationError):
        EodQuery(start=date(2018, 12, 2), end=date(2018, 12, 2), symbol="A", adjusted=True)


def test_missing_numbers_stay_missing_and_other_days_are_dropped():
    rows = read({**BAR, "volume": None, "open": None}, {**BAR, "date": "2018-11-30"}, {**BAR, "date": "2019-01-01"})
    assert rows.num_rows == 1
    assert rows["volume"].to_pylist() == rows["open"].to_pylist() == [None]
    assert read().num_rows == 0


def test_the_free_plans_warning_is_no_bar_and_is_logged(source_of, vendor, json_reply, caplog):
    text = "Data is limited by one year as you have free subscription"
    assert read({**BAR, "warning": text}).num_rows == 1
    assert read(BAR, {"warning": text}).num_rows == 1
    list(source_of(EodhdEod, vendor(json_reply([{**BAR, "warning": text}]))).extract(WINDOW))
    assert "limits the history of GSPC.INDX" in caplog.text


@pytest.mark.parametrize(
    ("bar", "problem"),
    [
        ({**BAR, "close": "2"}, "close holds string"),
        ({**BAR, "close": True}, "close holds bool"),
        ({**BAR, "close": {"usd": 2}}, "close holds struct"),
        ({**BAR, "close": 2**70}, "too large"),
        ({**BAR, "date": "03.12.2018"}, "Failed to parse"),
        ({**BAR, "date": "2018-12-03 00:00"}, "Failed to parse"),
        ({**BAR, "date": None}, "date is missing in 1 rows"),
        ({**BAR, "date": 20181203}, "date holds int64"),
        ({name: value for name, value in BAR.items() if name != "close"}, "'close' is missing"),
        ([1, 2], "row 1: list indices must be integers"),
        (None, "row 1: 'NoneType' object"),
    ],
)
def test_a_changed_format_is_an_error_that_says_what(bar, problem):
    with pytest.raises(MalformedReply, match=rf"eodhd eod: the reply cannot be read \(.*{problem}"):
        read(bar)


def test_a_bad_row_is_set_aside_alone_with_place_and_reason():
    bars = [BAR, {**BAR, "date": "2018-12-04", "close": "n/a"}, {**BAR, "date": "2018-12-05"}]
    parsed = EodhdEod.transform(json.dumps(bars).encode(), WINDOW)
    assert parsed.rows["date"].to_pylist() == [date(2018, 12, 3), date(2018, 12, 5)]
    assert parsed.positions.to_pylist() == [1, 3]
    (rejected,) = parsed.rejected
    assert (rejected.position, rejected.reason) == (2, "close holds string, not double")
    assert '"close": "n/a"' in rejected.content


@pytest.mark.parametrize("content", [b"", b"[", b"{}", b"[{]", b'[{"date":"2018-12-03","open":1e999}]', b"\x00"])
def test_other_bytes_are_errors(content):
    with pytest.raises(MalformedReply):
        EodhdEod.transform(content, WINDOW)


def test_infinite_prices_are_refused():
    content = json.dumps([BAR]).replace("1.5", "1e999").encode()
    with pytest.raises(MalformedReply, match="open is not finite"):
        EodhdEod.transform(content, WINDOW)


@pytest.mark.parametrize(
    ("answer", "kind", "advice"),
    [
        (httpx.Response(401, html="Unauthenticated"), PermanentError, "check the key"),
        (httpx.Response(403, json={"error": "Forbidden", "code": 403}), PermanentError, "plan"),
        (httpx.Response(402, text="daily API requests limit"), QuotaExhausted, "00:00 UTC"),
        (httpx.Response(404, text="Ticker Not Found."), PermanentError, "check the symbol"),
        (httpx.Response(429), TransientError, "rate_limit"),
        (httpx.Response(200, html="<html>maintenance</html>"), TransientError, "run again"),
        (httpx.Response(200, json={"errors": {"to": ["The to is invalid."]}}), PermanentError, "check the request"),
        (httpx.Response(200, json={"error": "Internal error", "code": 500}), TransientError, "run again"),
    ],
)
def test_refusals(source_of, vendor, answer, kind, advice):
    with pytest.raises(kind, match=f"eodhd: .*{advice}"):
        list(source_of(EodhdEod, vendor(answer)).extract(WINDOW))


@pytest.mark.recorded
def test_recorded_bars(recorded):
    query = EodQuery(start=date(1993, 1, 1), end=date(2025, 12, 31), symbol="BHP.AU")
    parsed = EodhdEod.transform(recorded("eodhd/eod_BHP.AU_daily.json"), query)
    assert parsed.rejected == ()
    rows = parsed.rows
    assert rows.num_rows == 100
    assert rows.slice(0, 1).to_pylist() == [
        {
            "symbol": "BHP.AU",
            "date": date(1993, 4, 1),
            "open": 11.4834,
            "high": 11.4834,
            "low": 11.4834,
            "close": 11.4834,
            "adjusted_close": 1.3897,
            "volume": 4858688.0,
        }
    ]


@pytest.mark.recorded
def test_recorded_refusal(recorded, source_of, vendor):
    answer = httpx.Response(401, content=recorded("eodhd/error_401_eod.txt"), headers={"content-type": "text/html"})
    with pytest.raises(PermanentError, match="HTTP 401: Unauthenticated"):
        list(source_of(EodhdEod, vendor(answer)).extract(WINDOW))


def test_only_the_quota_concerns_the_vendor_as_a_whole(source_of, vendor):
    for status, concerns in ((402, True), (404, False)):
        with pytest.raises(PermanentError) as caught:
            list(source_of(EodhdEod, vendor(httpx.Response(status, text="no"))).extract(WINDOW))
        assert caught.value.concerns_vendor is concerns


def test_a_used_up_quota_stops_all_requests_until_midnight(source_of, vendor, json_reply):
    server = vendor(httpx.Response(402, text="daily API requests limit"), json_reply([]))
    now = datetime(2018, 12, 31, 20, tzinfo=UTC)
    source = source_of(EodhdEod, server, now=lambda: now)
    for _ in range(2):
        with pytest.raises(QuotaExhausted):
            list(source.extract(WINDOW))
    assert len(server.requests) == 1
    now = datetime(2019, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert len(list(source.extract(WINDOW))) == 1


def test_the_vendors_own_limit_holds_requests_back(source_of, vendor, json_reply, fake_time):
    limit = {"X-RateLimit-Limit": "2", "X-RateLimit-Remaining": "0"}
    source = source_of(EodhdEod, vendor(json_reply([], **limit)))
    for _ in range(2):
        list(source.extract(WINDOW))
    assert sum(fake_time.naps) >= 50


def test_only_the_datasets_that_the_settings_ask_for_are_loaded(settings):
    section = settings.data_sources.eod_historical
    found = {
        source.table.asset_key[2] for source, _ in enabled_sources(settings.data_sources) if source.vendor is EODHD
    }
    assert found == {"eod", "intraday", "splits", "dividends", "bulk_eod", "symbols"}
    bare = section.model_copy(update={"intraday": None, "bulk": None, "corporate_actions": [], "symbol_lists": []})
    reduced = settings.data_sources.model_copy(update={"eod_historical": bare})
    found = {source.table.asset_key[2] for source, _ in enabled_sources(reduced) if source.vendor is EODHD}
    assert found == {"eod"}
