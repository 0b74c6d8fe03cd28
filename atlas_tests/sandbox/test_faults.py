from __future__ import annotations

import json
import random
from collections import Counter
from email.utils import parsedate_to_datetime

import httpx
import pytest

from atlas_assets.sandbox import ALL_KINDS, DEFAULT_KINDS, ENDINGS, PASSING_KINDS, Ending, FaultKind, FaultPlan

TRADES = ("binance", "aggTrades", {"symbol": "BTCUSDT", "fromId": 0, "limit": 50})
PAGES = (
    TRADES,
    ("binance", "klines", {"symbol": "BTCUSDT", "interval": "1m", "startTime": 0, "limit": 50}),
    ("eodhd", "eod/GSPC.INDX", {"from": "2018-11-01"}),
    ("fred", "series/observations", {"series_id": "AAA", "observation_start": "2017-01-01"}),
    ("alternative_me", "fng/", {"limit": 30}),
)


def outcome(ask, vendor, path, params):
    try:
        reply = ask(vendor, path, **params)
    except httpx.TransportError as error:
        return type(error).__name__
    return reply.status_code, reply.content


@pytest.fixture
def faulty(ask_at):
    """Asks a sandbox in which every reply meets this fault."""
    return lambda kind: ask_at(faults=FaultPlan(rate=1.0, kinds={kind}, max_consecutive=99))


def rows_of(reply):
    document = reply.json()
    return document if isinstance(document, list) else document.get("observations", document.get("data", []))


def test_the_same_seed_gives_the_same_run(ask_at):
    runs = []
    for seed in (4, 4, 5):
        ask = ask_at(faults=FaultPlan(seed=seed, rate=0.5, kinds=ALL_KINDS))
        runs.append([outcome(ask, *page) for page in PAGES for _ in range(10)])
    assert runs[0] == runs[1] != runs[2]


def test_faults_do_not_depend_on_other_requests():
    requests = [f"GET https://a.example/{number}" for number in range(40)] * 5
    shuffled = requests.copy()
    random.Random(0).shuffle(shuffled)
    drawn = []
    for order in (requests, shuffled):
        plan, seen = FaultPlan(seed=1, rate=0.4), {}
        for request in order:
            seen.setdefault(request, []).append(plan.draw(request))
        drawn.append(seen)
    assert drawn[0] == drawn[1]


def test_rate_and_kinds():
    plan = FaultPlan(seed=2, rate=0.3)
    faults = [plan.draw(f"GET https://a.example/{number}") for number in range(4000)]
    kinds = Counter(fault.kind for fault in faults if fault)
    assert kinds.total() / 4000 == pytest.approx(0.3, abs=0.03)
    assert set(kinds) == set(DEFAULT_KINDS)
    with pytest.raises(ValueError, match="probability"):
        FaultPlan(rate=1.5)


def test_every_kind_says_how_it_ends():
    assert set(ENDINGS) == set(ALL_KINDS)
    assert {kind for kind in ALL_KINDS if ENDINGS[kind] is Ending.TRUE} == DEFAULT_KINDS
    assert {kind for kind in ALL_KINDS if ENDINGS[kind] is not Ending.REVISED} == PASSING_KINDS
    assert {kind for kind in ALL_KINDS if ENDINGS[kind] is Ending.REVISED} == {
        FaultKind.PRICE_UNIT,
        FaultKind.EMPTY_LIST,
        FaultKind.SILENT_REVISION,
    }


@pytest.mark.parametrize(("kind", "length"), [(FaultKind.RATE_LIMIT_STORM, 6), (FaultKind.FLAPPING, 8)])
def test_storms_outlast_a_client_and_then_spare_the_request(kind, length):
    plan = FaultPlan(seed=1, rate=1.0, kinds={kind})
    drawn = [plan.draw("GET https://a.example/") for _ in range(2 * length + 2)]
    assert [fault.kind if fault else None for fault in drawn] == ([kind] * length + [None]) * 2


@pytest.mark.parametrize("seed", range(5))
def test_five_attempts_always_get_through(seed):
    plan = FaultPlan(seed=seed, rate=0.95)
    for number in range(200):
        assert None in [plan.draw(f"GET https://a.example/{number}") for _ in range(4)]


def test_no_faults_without_a_plan_or_at_rate_zero(ask_at):
    plain, quiet = ask_at(), ask_at(faults=FaultPlan(rate=0.0))
    assert [outcome(plain, *page) for page in PAGES] == [outcome(quiet, *page) for page in PAGES]


@pytest.mark.parametrize(
    ("kind", "error"), [(FaultKind.TIMEOUT, httpx.ReadTimeout), (FaultKind.CONNECTION_RESET, httpx.ReadError)]
)
def test_no_reply(faulty, kind, error):
    with pytest.raises(error) as caught:
        faulty(kind)(TRADES[0], TRADES[1], **TRADES[2])
    assert caught.value.request.url.host == "data-api.binance.vision"


def test_rate_limits(faulty):
    vendor, path, params = TRADES
    replies = {
        kind: faulty(kind)(vendor, path, **params)
        for kind in (FaultKind.RATE_LIMITED, FaultKind.RATE_LIMITED_SECONDS, FaultKind.RATE_LIMITED_DATE)
    }
    assert {reply.status_code for reply in replies.values()} == {429}
    assert "Retry-After" not in replies[FaultKind.RATE_LIMITED].headers
    assert replies[FaultKind.RATE_LIMITED_SECONDS].headers["Retry-After"] == "1"
    dated = replies[FaultKind.RATE_LIMITED_DATE].headers
    wait = parsedate_to_datetime(dated["Retry-After"]) - parsedate_to_datetime(dated["Date"])
    assert wait.total_seconds() == 1


def test_server_errors(faulty):
    ask = faulty(FaultKind.SERVER_ERROR)
    statuses = {ask(*TRADES[:2], **TRADES[2]).status_code for _ in range(40)}
    assert statuses == {500, 502, 503}


@pytest.mark.parametrize("page", PAGES)
def test_truncated_body_is_not_json(faulty, ask, page):
    vendor, path, params = page
    reply = faulty(FaultKind.TRUNCATED_BODY)(vendor, path, **params)
    whole = ask(vendor, path, **params).content
    assert reply.status_code == 200
    assert whole.startswith(reply.content)
    assert reply.headers["Content-Length"] == str(len(reply.content))
    with pytest.raises(ValueError, match=r"."):
        reply.json()


@pytest.mark.parametrize("page", PAGES)
def test_error_and_html_bodies_with_200(faulty, page):
    vendor, path, params = page
    reply = faulty(FaultKind.ERROR_BODY)(vendor, path, **params)
    assert reply.status_code == 200
    assert "rror" in json.dumps(reply.json())
    html = faulty(FaultKind.HTML_BODY)(vendor, path, **params)
    assert (html.status_code, html.headers["Content-Type"]) == (200, "text/html")
    assert html.text.startswith("<html>")


@pytest.mark.parametrize("page", PAGES)
def test_pages_with_other_rows(faulty, ask, page):
    vendor, path, params = page
    true = rows_of(ask(vendor, path, **params))
    assert rows_of(faulty(FaultKind.DUPLICATED_PAGE)(vendor, path, **params)) == true + true
    reordered = rows_of(faulty(FaultKind.REORDERED_ROWS)(vendor, path, **params))
    assert reordered != true
    assert sorted(map(str, reordered)) == sorted(map(str, true))
    revised = rows_of(faulty(FaultKind.SILENT_REVISION)(vendor, path, **params))
    changed = [(old, new) for old, new in zip(true, revised, strict=True) if old != new]
    assert len(changed) == 1


def test_feeds_are_hit_too(faulty, ask):
    true = ask("news", "market-wire.rss").text
    twice = faulty(FaultKind.DUPLICATED_PAGE)("news", "market-wire.rss").text
    assert twice.count("<item>") == 2 * true.count("<item>")
    assert twice.endswith("</rss>\n")
    assert faulty(FaultKind.ERROR_BODY)("news", "market-wire.rss").text.startswith("<?xml")
    assert faulty(FaultKind.TRUNCATED_BODY)("news", "market-wire.rss").text == true[: len(true) // 2]


def test_error_replies_keep_their_rows(faulty):
    reply = faulty(FaultKind.DUPLICATED_PAGE)("eodhd", "eod/NOPE.US")
    assert (reply.status_code, reply.text) == (404, "Ticker Not Found.")


def test_the_reset_of_a_limit_as_a_second_since_1970(faulty):
    reply = faulty(FaultKind.RATE_LIMITED_EPOCH)(*TRADES[:2], **TRADES[2])
    date = parsedate_to_datetime(reply.headers["Date"]).timestamp()
    assert (reply.status_code, int(reply.headers["X-Rate-Limit-Reset"]) - date) == (429, 1)


@pytest.mark.parametrize(
    ("kind", "status"), [(FaultKind.BANNED, 418), (FaultKind.QUOTA_EXHAUSTED, 402), (FaultKind.REDIRECTED, 302)]
)
def test_refusals(faulty, kind, status):
    reply = faulty(kind)(*TRADES[:2], **TRADES[2])
    assert reply.status_code == status
    if kind is FaultKind.REDIRECTED:
        assert httpx.URL(reply.headers["Location"]).host == "elsewhere.example"


def test_bodies_that_are_cut_or_empty_or_mislabelled(faulty, ask):
    vendor, path, params = TRADES
    true = ask(vendor, path, **params)
    assert faulty(FaultKind.EMPTY_BODY)(vendor, path, **params).content == b""
    with pytest.raises(ValueError, match=r"."):  # httpx does not notice that a gzip stream is cut
        faulty(FaultKind.TRUNCATED_GZIP)(vendor, path, **params).json()
    labelled = faulty(FaultKind.WRONG_TYPE)(vendor, path, **params)
    assert (labelled.headers["Content-Type"], labelled.content) == ("text/html", true.content)
    skewed = faulty(FaultKind.CLOCK_SKEW)(vendor, path, **params)
    off = parsedate_to_datetime(skewed.headers["Date"]) - parsedate_to_datetime(true.headers["Date"])
    assert skewed.content == true.content
    assert 0 < abs(off.total_seconds()) <= 12 * 3600


def test_a_slow_drip_is_the_true_body_in_time(ask_at, ask):
    ticks = []
    plan = FaultPlan(rate=1.0, kinds={FaultKind.SLOW_DRIP}, max_consecutive=99, tick=lambda: ticks.append(1))
    vendor, path, params = TRADES
    true = ask(vendor, path, **params).content
    assert ask_at(faults=plan)(vendor, path, **params).content == true
    assert len(ticks) == -(-len(true) // 64)


def test_pages_that_shift_or_repeat(faulty, ask):
    vendor, path, params = "binance", "aggTrades", {"symbol": "BTCUSDT", "fromId": 200, "limit": 50}
    true = [row["a"] for row in rows_of(ask(vendor, path, **params))]
    shifted = [row["a"] for row in rows_of(faulty(FaultKind.SHIFTED_PAGE)(vendor, path, **params))]
    assert shifted == [197, 198, 199, *true]
    looping = [row["a"] for row in rows_of(faulty(FaultKind.PAGE_LOOP)(vendor, path, **params))]
    assert looping == list(range(150, 200))
    first = {"symbol": "BTCUSDT", "fromId": 0, "limit": 50}
    for kind in (FaultKind.SHIFTED_PAGE, FaultKind.PAGE_LOOP):
        assert rows_of(faulty(kind)(vendor, path, **first)) == rows_of(ask(vendor, path, **first))


@pytest.mark.parametrize("page", PAGES)
def test_schemas_and_units_that_change(faulty, ask, page):
    vendor, path, params = page
    true = rows_of(ask(vendor, path, **params))
    renamed = rows_of(faulty(FaultKind.RENAMED_COLUMN)(vendor, path, **params))
    assert all(len(row) >= len(old) and row != old for row, old in zip(renamed, true, strict=True))
    retyped = rows_of(faulty(FaultKind.RETYPED_COLUMN)(vendor, path, **params))
    assert all(row != old for row, old in zip(retyped, true, strict=True))
    dear = rows_of(faulty(FaultKind.PRICE_UNIT)(vendor, path, **params))
    assert any(row != old for row, old in zip(dear, true, strict=True))
    assert not {"observations", "data"} & faulty(FaultKind.MISSING_KEY)(vendor, path, **params).json().keys()
    assert rows_of(faulty(FaultKind.EMPTY_LIST)(vendor, path, **params)) == []
    wider = rows_of(faulty(FaultKind.ADDED_COLUMN)(vendor, path, **params))
    for row, old in zip(wider, true, strict=True):
        assert row == (old if isinstance(old, list) else old | {"added_by_the_vendor": 1})


def test_units_of_time(faulty, ask):
    vendor, path, params = TRADES
    true = [row["T"] for row in rows_of(ask(vendor, path, **params))]
    spoilt = [row["T"] for row in rows_of(faulty(FaultKind.TIME_UNIT)(vendor, path, **params))]
    assert spoilt == [time // 1000 for time in true]
