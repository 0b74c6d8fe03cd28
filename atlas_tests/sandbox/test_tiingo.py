from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from atlas_assets.sandbox import DEFAULT_KEYS, SandboxTransport

NIGHT = datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC)
MIDDAY = datetime(2018, 12, 31, 17, 31, 30, tzinfo=UTC)
TOKEN = {"Authorization": f"Token {DEFAULT_KEYS['tiingo']}"}


def asker(clock=NIGHT, **world):
    client = httpx.Client(transport=SandboxTransport(clock=clock, **world), headers=TOKEN)
    return lambda path, headers=None, **params: client.get(
        f"https://api.tiingo.com/{path}", params=params, headers=headers
    )


def test_the_token_can_come_in_the_header_or_the_query():
    ask = asker()
    wrong = {"Authorization": "Token wrong"}
    assert ask("tiingo/daily/SPY/prices").status_code == 200
    assert ask("tiingo/daily/SPY/prices", headers=wrong, token=DEFAULT_KEYS["tiingo"]).status_code == 200
    reply = ask("tiingo/daily/SPY/prices", headers=wrong)
    assert (reply.status_code, reply.json()) == (401, {"detail": "Invalid token."})


def test_daily_bars_carry_splits_and_dividends():
    rows = asker()("tiingo/daily/spy/prices", startDate="2018-12-07", endDate="2018-12-21").json()
    assert (rows[0]["date"], rows[-1]["date"]) == ("2018-12-07T00:00:00.000Z", "2018-12-21T00:00:00.000Z")
    assert [row["splitFactor"] for row in rows[:3]] == [1.0, 2.0, 1.0]
    assert rows[-1]["divCash"] > 0
    assert rows[0]["adjVolume"] == 2 * rows[0]["volume"]
    assert rows[0]["adjClose"] < rows[0]["close"] / 2


def test_without_dates_the_last_day_comes():
    assert [row["date"][:10] for row in asker()("tiingo/daily/QQQ/prices").json()] == ["2018-12-31"]
    assert [row["date"][:10] for row in asker(MIDDAY)("tiingo/daily/QQQ/prices").json()] == ["2018-12-28"]
    assert {row["date"][:10] for row in asker()("iex/SPY/prices").json()} == {"2018-12-31"}


def test_intraday_bars_have_a_volume_only_when_asked():
    ask = asker()
    days = {"startDate": "2018-12-28", "endDate": "2018-12-28"}
    plain = ask("iex/SPY/prices", resampleFreq="30min", **days).json()
    assert list(plain[0]) == ["date", "open", "high", "low", "close"]
    assert len(plain) == 13
    assert plain[0]["date"] == "2018-12-28T14:30:00.000Z"
    assert "volume" in ask("iex/SPY/prices", columns="open,close,volume", **days).json()[0]


def test_a_long_window_is_cut_to_its_last_bars():
    rows = asker()("iex/SPY/prices", resampleFreq="1min", startDate="2018-12-17", endDate="2018-12-31").json()
    assert len(rows) == 2000
    assert rows[-1]["date"] == "2018-12-31T20:59:00.000Z"


def test_the_last_bar_runs_and_nothing_is_later_than_the_clock():
    rows = asker(MIDDAY)("iex/SPY/prices", resampleFreq="5min", startDate="2018-12-31").json()
    assert rows[-1]["date"] == "2018-12-31T17:30:00.000Z"


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("tiingo/daily/NOPE/prices", 404, "Not found."),
        ("iex/NOPE/prices", 404, "Not found."),
        ("tiingo/nothing", 404, "Not found."),
        ("tiingo/news", 403, "You do not have permission to access the News API"),
    ],
)
def test_errors(path, status, said):
    reply = asker()(path)
    assert (reply.status_code, reply.json()) == (status, {"detail": said})
    assert asker()("tiingo/daily/SPY/prices", startDate="soon").status_code == 400


def test_limits():
    ask = asker(limits={"tiingo_requests_per_hour": 1})
    replies = [ask("tiingo/daily/SPY/prices") for _ in range(2)]
    assert [reply.status_code for reply in replies] == [200, 429]
    assert "hourly request allocation" in replies[1].json()["detail"]


@pytest.mark.recorded
def test_shape_is_the_recorded_one(wire):
    ask = asker()
    real = wire("tiingo/ticker_price_pandas_daily_equivalent_requesting_json_or_csv.json")[0]
    ours = ask("tiingo/daily/SPY/prices").json()[0]
    assert [(name, type(value)) for name, value in ours.items()] == [
        (name, type(value)) for name, value in real.items()
    ]
    minute = ask("iex/SPY/prices").json()[0]
    assert list(minute) == list(wire("tiingo/intraday_price.json")[0])
    assert ask("tiingo/news").json() == wire("tiingo/news_bulk.json")
