"""CoinGecko: keys and hosts, three shapes of errors, arrays that do not match, the point that is not final."""

import json
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import httpx
import pytest
from pydantic import SecretStr

from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError, TransientError
from atlas_assets.data_sources.coverage import State, answered
from atlas_assets.data_sources.crypto.coingecko import CoinQuery
from atlas_assets.data_sources.crypto.coingecko_charts import CoinGeckoMarketChart, CoinGeckoOhlc
from atlas_assets.sandbox import FaultPlan

HOUR = 3_600_000
DAY = 24 * HOUR
MIDNIGHT = 1_543_622_400_000  # 2018-12-01
FIRST = date(2018, 12, 1)
LONG_AFTER = datetime(2019, 1, 1, tzinfo=UTC)
DEMO_KEY, PRO_KEY = "CG-demo-canary", "CG-pro-canary"
EMPTY = {"prices": [], "market_caps": [], "total_volumes": []}


def asked_for(start=FIRST, end=FIRST, **other):
    return CoinQuery(
        **{"start": start, "end": end, "as_of": LONG_AFTER, "coin_id": "bitcoin", "step": "hourly", **other}
    )


def chart(prices, caps=None, volumes=None):
    arrays = {"prices": prices, "market_caps": caps, "total_volumes": volumes}
    return json.dumps({key: prices if points is None else points for key, points in arrays.items()}).encode()


def read(*args, **other):
    return CoinGeckoMarketChart.transform(chart(*args), asked_for(**other))


def test_points_are_joined_by_their_stamps_not_by_their_places():
    parsed = read(
        [[MIDNIGHT, 4000.5], [MIDNIGHT + HOUR, 4001], [MIDNIGHT + 2 * HOUR, 4002.0]],
        [[MIDNIGHT + HOUR, 7e10], [MIDNIGHT + 2 * HOUR, None]],
        [[MIDNIGHT, 0], [MIDNIGHT + 3 * HOUR, 5.5]],
    )
    names = ("time", "price", "market_cap", "total_volume")
    assert [tuple(row[name] for name in names) for row in parsed.rows.to_pylist()] == [
        (MIDNIGHT, 4000.5, None, 0.0),
        (MIDNIGHT + HOUR, 4001.0, 7e10, None),
        (MIDNIGHT + 2 * HOUR, 4002.0, None, None),
        (MIDNIGHT + 3 * HOUR, None, None, 5.5),
    ]
    assert set(parsed.days.to_pylist()) == {FIRST}


def test_stamps_off_the_grid_are_kept_as_sent():
    stamps = [MIDNIGHT + number * HOUR + 59_041 for number in range(24)]
    assert read([[stamp, 1.0] for stamp in stamps]).rows["time"].to_pylist() == stamps


def test_a_stamp_that_comes_twice_makes_one_row():
    parsed = read([[MIDNIGHT, 1.0], [MIDNIGHT, 2.0], [MIDNIGHT + HOUR, 3.0]])
    assert parsed.rows["price"].to_pylist() == [2.0, 3.0]


@pytest.mark.parametrize(
    ("step", "last", "as_of", "kept"),
    [
        ("daily", 15 * HOUR + 60_000, timedelta(hours=15, minutes=2), False),  # the moment it was asked
        ("daily", 15 * HOUR + 60_000, timedelta(days=9), False),  # a file of it that is read later
        ("daily", 0, timedelta(hours=15), True),  # midnight is over
        ("daily", 41, timedelta(days=3), True),  # a regular point, some milliseconds late
        ("hourly", 3 * HOUR + 60_000, timedelta(hours=3, minutes=2), False),
        ("hourly", 3 * HOUR + 60_000, timedelta(hours=5), True),  # followed by nothing: a regular one
        ("hourly", 3 * HOUR, timedelta(hours=2), False),  # later than now
    ],
)
def test_the_point_of_the_moment_is_left_out(step, last, as_of, kept):
    now = datetime.fromtimestamp(MIDNIGHT / 1000, UTC) + as_of
    points = [[MIDNIGHT - DAY, 1.0], [MIDNIGHT + last, 2.0]]
    query = {"start": FIRST - timedelta(days=1), "step": step, "as_of": now}
    assert read(points, **query).rows["price"].to_pylist() == ([1.0, 2.0] if kept else [1.0])


def test_today_is_partial_and_the_demo_plan_does_not_reach_further_than_a_year(source_of, settings):
    source = source_of(CoinGeckoMarketChart, lambda request: httpx.Response(500))
    now = settings.clock
    spans = answered(
        date(2017, 12, 1),
        now.date(),
        rows={},
        asked_at=now,
        settles_after=source.settles_after,
        reach=source.reach,
    )
    assert [(span.state, span.last) for span in spans] == [
        (State.MISSING, date(2017, 12, 31)),
        (State.FINAL, date(2018, 12, 30)),
        (State.PARTIAL, date(2018, 12, 31)),
    ]
    assert source_of(CoinGeckoMarketChart, lambda _: None, changed={"key_kind": "pro"}).reach is None


@pytest.mark.parametrize(
    "point", [[MIDNIGHT, "1.0"], [MIDNIGHT, True], [MIDNIGHT, []], ["x", 1.0], [1.5, 1.0], [MIDNIGHT], None, {}, 5]
)
def test_a_bad_point_is_set_aside_by_itself(point):
    parsed = read([point, [MIDNIGHT + HOUR, 2.0]], [], [])
    assert parsed.rows["price"].to_pylist() == [2.0]
    assert len(parsed.rejected) == 1


@pytest.mark.parametrize(
    "content", [b"{}", b"[]", b'{"prices":[]}', chart({}, [], []), chart("x"), b"", b"\xff", b"NaN"]
)
def test_other_charts_are_errors(content):
    with pytest.raises(MalformedReply, match="coingecko market_chart"):
        CoinGeckoMarketChart.transform(content, asked_for())


@pytest.mark.parametrize(
    ("kind", "key", "host", "header"),
    [
        ("demo", DEMO_KEY, "api.coingecko.com", "x-cg-demo-api-key"),
        ("pro", PRO_KEY, "pro-api.coingecko.com", "x-cg-pro-api-key"),
        ("demo", None, "api.coingecko.com", None),
    ],
)
def test_host_and_header_go_with_the_key(source_of, vendor, json_reply, kind, key, host, header):
    server = vendor(json_reply(EMPTY))
    secret = None if key is None else SecretStr(key)
    source = source_of(CoinGeckoMarketChart, server, changed={"key_kind": kind, "api_key": secret})
    replies = list(source.extract(next(source.queries(FIRST, FIRST))))
    (request,) = server.requests
    assert request.url.host == host
    sent = {name: value for name, value in request.headers.items() if name.startswith("x-cg")}
    assert sent == ({header: key} if header else {})
    assert DEMO_KEY not in str(request.url) + json.dumps(replies[0].request)
    assert PRO_KEY not in str(request.url) + json.dumps(replies[0].request)


def test_a_paid_plan_without_a_key_says_what_to_set(source_of):
    changed = {"key_kind": "pro", "api_key": None}
    source = source_of(CoinGeckoMarketChart, lambda _: httpx.Response(500), changed=changed)
    with pytest.raises(PermanentError, match="set ATLAS_DATA_SOURCES__COINGECKO__API_KEY"):
        list(source.extract(asked_for()))


SHAPES = (
    lambda code, text: {"status": {"error_code": code, "error_message": text}},
    lambda code, text: {"error": {"status": {"error_code": code, "error_message": text}}},
)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("code", "status", "advice"),
    [
        (10010, 400, "set key_kind to pro"),
        (10011, 400, "set key_kind to demo"),
        (10002, 401, "set ATLAS_DATA_SOURCES__COINGECKO__API_KEY"),
        (10005, 401, "larger plan"),
        (10012, 401, "let history_from be later"),
        (10005, 200, "larger plan"),
    ],
)
@pytest.mark.parametrize("kind", [CoinGeckoMarketChart, CoinGeckoOhlc])
def test_refusals_say_what_to_do_and_are_not_tried_again(
    source_of, vendor, json_reply, shape, code, status, advice, kind
):
    server = vendor(json_reply(shape(code, "no"), status=status))
    source = source_of(kind, server)
    with pytest.raises(PermanentError, match=rf"{code}.*{advice}"):
        list(source.extract(next(source.queries(date(2018, 12, 31), date(2018, 12, 31)))))
    assert len(server.requests) == 1


def test_an_unknown_coin_is_not_tried_again(source_of, vendor, json_reply):
    server = vendor(json_reply({"error": "coin not found"}, status=404))
    with pytest.raises(PermanentError, match=r"coin not found.*check the coin ids"):
        list(source_of(CoinGeckoMarketChart, server).extract(asked_for()))
    assert len(server.requests) == 1


@pytest.mark.parametrize("shape", SHAPES)
def test_too_many_requests_said_with_200_are_tried_again(source_of, vendor, json_reply, shape):
    server = vendor(json_reply(shape(429, "You've exceeded the Rate Limit.")), json_reply(EMPTY))
    (reply,) = source_of(CoinGeckoMarketChart, server).extract(asked_for())
    assert json.loads(reply.content) == EMPTY
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=b"<!DOCTYPE html><html></html>"),
        httpx.Response(200, content=b'{"prices":[[1,'),
        httpx.Response(429, content=b'{"status":{"error_code":429}}', headers={"retry-after": "7"}),
        httpx.Response(503),
    ],
)
def test_what_passes_is_tried_again(source_of, vendor, answer):
    with pytest.raises(TransientError):
        list(source_of(CoinGeckoMarketChart, vendor(answer)).extract(asked_for()))


def test_a_firewall_is_not_tried_again(source_of, vendor):
    server = vendor(httpx.Response(403, content=b"<html>error code: 1020</html>"))
    with pytest.raises(PermanentError, match="firewall refuses this address"):
        list(source_of(CoinGeckoMarketChart, server).extract(asked_for()))
    assert len(server.requests) == 1


@pytest.mark.parametrize("payload", [{}, {"prices": []}, 5, "x", None])
def test_other_json_is_refused_at_once(source_of, vendor, json_reply, payload):
    with pytest.raises(MalformedReply, match="neither a chart nor candles"):
        list(source_of(CoinGeckoMarketChart, vendor(json_reply(payload))).extract(asked_for()))


def seconds(day):
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def windows(source_of, vendor, json_reply, step, start, end, **changed):
    server = vendor(json_reply(EMPTY))
    source = source_of(CoinGeckoMarketChart, server, changed={"spacing": step, **changed})
    list(source.extract(next(source.queries(start, end))))
    return server


def test_a_range_is_never_so_short_or_long_that_the_spacing_changes(source_of, vendor, json_reply):
    last = date(2018, 12, 30)
    (day,) = windows(source_of, vendor, json_reply, "hourly", last, last).asked
    assert int(day["to"]) + 1 == seconds(date(2018, 12, 31))
    assert int(day["from"]) == seconds(date(2018, 12, 28))
    (day,) = windows(source_of, vendor, json_reply, "daily", last, last).asked
    assert int(day["to"]) - int(day["from"]) > 90 * 86_400
    parts = windows(source_of, vendor, json_reply, "hourly", date(2018, 3, 1), last).asked
    assert len(parts) == 4
    assert all(2 * 86_400 < int(part["to"]) - int(part["from"]) < 90 * 86_400 for part in parts)
    assert all(int(new["from"]) <= int(old["to"]) + 1 for old, new in pairwise(parts))
    assert int(parts[0]["from"]) == seconds(date(2018, 3, 1))
    assert int(parts[-1]["to"]) + 1 == seconds(date(2018, 12, 31))


def test_the_demo_plan_is_not_asked_for_more_than_a_year(source_of, vendor, json_reply):
    (part,) = windows(source_of, vendor, json_reply, "daily", date(2010, 1, 1), date(2018, 12, 30)).asked
    assert int(part["from"]) > seconds(date(2017, 12, 31))
    assert windows(source_of, vendor, json_reply, "daily", date(2010, 1, 1), date(2010, 1, 2)).asked == []


def test_a_paid_plan_begins_with_all_days_at_once(source_of, vendor, json_reply):
    pro = {"key_kind": "pro", "api_key": SecretStr(PRO_KEY), "history_from": FIRST}
    server = windows(source_of, vendor, json_reply, "daily", FIRST, date(2018, 12, 30), **pro)
    (request,) = server.requests
    assert request.url.path == "/api/v3/coins/bitcoin/market_chart"
    assert server.asked == [{"vs_currency": "usd", "precision": "full", "days": "max", "interval": "daily"}]


def candles(*rows, **other):
    query = asked_for(**{"step": "4h", "as_of": datetime(2018, 12, 3, tzinfo=UTC), **other})
    return CoinGeckoOhlc.transform(json.dumps(rows).encode(), query)


def test_a_candle_belongs_to_the_day_that_it_covers():
    closes = [MIDNIGHT + number * 4 * HOUR for number in range(8)]
    parsed = candles(*([close, 1, 2.5, 1, 2] for close in closes))
    assert parsed.rows["close_time"].to_pylist() == closes[1:7]  # the first one closed with the day before
    assert set(parsed.days.to_pylist()) == {FIRST}
    assert parsed.rows["high"].to_pylist() == [2.5] * 6


@pytest.mark.parametrize(("close", "kept"), [(8 * HOUR, True), (9 * HOUR, False), (12 * HOUR, False)])
def test_the_running_candle_is_left_out(close, kept):
    now = datetime.fromtimestamp((MIDNIGHT + 9 * HOUR) / 1000, UTC)
    parsed = candles([MIDNIGHT + 4 * HOUR, 1, 2, 1, 2], [MIDNIGHT + close, 1, 2, 1, 2], as_of=now)
    assert parsed.rows.num_rows == 1 + kept


@pytest.mark.parametrize(
    "row", [[], [MIDNIGHT + HOUR], ["x"] * 5, [MIDNIGHT + HOUR, 1, 2, 1, "2"], None, {}, [None] * 5]
)
def test_a_bad_candle_is_set_aside_by_itself(row):
    parsed = candles(row, [MIDNIGHT + 8 * HOUR, 1, 2, 1, 2])
    assert parsed.rows["close_time"].to_pylist() == [MIDNIGHT + 8 * HOUR]
    assert [one.position for one in parsed.rejected] == [1]


@pytest.mark.parametrize(
    ("candle", "age", "days"),
    [("30m", 0, "1"), ("4h", 3, "7"), ("4h", 10, "14"), ("4h", 20, "30"), ("4d", 100, "180"), ("4d", 9, "90")],
)
def test_as_few_days_are_asked_for_as_hold_the_window(source_of, vendor, json_reply, candle, age, days):
    server = vendor(json_reply([]))
    source = source_of(CoinGeckoOhlc, server, changed={"candle": candle})
    day = date(2018, 12, 31) - timedelta(days=age)
    list(source.extract(next(source.queries(day, day))))
    assert [asked["days"] for asked in server.asked] == [days]


def test_candles_that_are_out_of_reach_are_not_asked_for(source_of, vendor, json_reply):
    server = vendor(json_reply([]))
    source = source_of(CoinGeckoOhlc, server, changed={"candle": "4h"})
    assert list(source.extract(next(source.queries(date(2018, 11, 1), date(2018, 11, 2))))) == []
    assert source.reach == timedelta(days=30)


@pytest.mark.parametrize(
    ("kind", "changed"),
    [(CoinGeckoMarketChart, {}), (CoinGeckoMarketChart, {"spacing": "daily"}), (CoinGeckoOhlc, {"candle": "30m"})],
)
def test_faults_change_nothing(sandbox_rows, kind, changed):
    window = (date(2018, 12, 30), date(2018, 12, 31))
    true = sandbox_rows(kind, *window, changed=changed)
    assert len(true) >= 4
    for seed in range(6):
        assert sandbox_rows(kind, *window, changed=changed, faults=FaultPlan(seed=seed, rate=0.6)) == true


def test_the_sandboxs_candles_are_those_of_its_trades(sandbox_rows, settings):
    from atlas_assets.sandbox import SandboxTransport

    day = date(2018, 12, 30)
    trades = SandboxTransport(clock=settings.clock).simulator.trades("BTCUSDT", day)
    rows = [row for row in sandbox_rows(CoinGeckoOhlc, day, day) if row["coin_id"] == "bitcoin"]
    assert len(rows) == 6
    assert max(row["high"] for row in rows) == trades.price_ticks.max() / 100
    assert rows[-1]["close"] == trades.price_ticks[-1] / 100


@pytest.mark.recorded
@pytest.mark.parametrize("name", ["oas_market_chart.json", "oas_market_chart_range.json"])
def test_recorded_charts(recorded, name):
    content = recorded(f"coingecko/{name}")
    sent = json.loads(content)
    day = date(2026, 5, 17)
    query = asked_for(day, day, as_of=datetime(2026, 5, 18, tzinfo=UTC))
    rows = CoinGeckoMarketChart.transform(content, query).rows
    assert [[row["time"], row["price"]] for row in rows.to_pylist()] == sent["prices"]
    assert rows["market_cap"].to_pylist() == [value for _, value in sent["market_caps"]]


@pytest.mark.recorded
@pytest.mark.parametrize(("name", "day"), [("ohlc.json", date(2024, 3, 2)), ("oas_ohlc.json", date(2026, 5, 19))])
def test_recorded_candles(recorded, name, day):
    content = recorded(f"coingecko/{name}")
    query = asked_for(day, day, step="4h", as_of=datetime(2026, 6, 1, tzinfo=UTC))
    rows = CoinGeckoOhlc.transform(content, query).rows
    sent = [row for row in json.loads(content) if datetime.fromtimestamp((row[0] - 1) / 1000, UTC).date() == day]
    assert [[row["close_time"], row["close"]] for row in rows.to_pylist()] == [[row[0], row[4]] for row in sent]
    assert rows.num_rows


@pytest.mark.recorded
def test_recorded_refusal_with_either_status(recorded, source_of, vendor):
    content = recorded("coingecko/error_429.json")
    for status in (200, 429):
        with pytest.raises(TransientError, match=r"429|Rate Limit"):
            list(source_of(CoinGeckoMarketChart, vendor(httpx.Response(status, content=content))).extract(asked_for()))
