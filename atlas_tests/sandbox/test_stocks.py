"""The synthetic stocks: they follow their index, and their minutes are the session's."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from atlas_assets.sandbox.market_data import daily_bars
from atlas_assets.sandbox.stocks import STOCKS, adjusted_bars, longer_bars, minutes, stock_days

LAST = date(2018, 12, 31)


@pytest.mark.parametrize("ticker", STOCKS)
def test_a_stock_follows_its_index(ticker):
    stock = STOCKS[ticker]
    bars = daily_bars(stock.index)
    days = stock_days(ticker, LAST)
    assert [day.session_date for day in days] == [bar.session_date for bar in bars]
    latest, bar = days[-1], bars[-1]
    assert latest.close == round(bar.close / stock.divisor, 2)
    assert all(day.low <= min(day.open, day.close) <= max(day.open, day.close) <= day.high for day in days)


def test_adjusted_closes_move_as_the_holder_earns():
    """It moves as the close does, over one less the share of the close before that a dividend takes."""
    days = stock_days("SPY", LAST)[-40:]
    for before, day in pairwise(days):
        adjusted = (day.close * day.adjustment) / (before.close * before.adjustment)
        ratio = 1 - day.dividend * day.split / before.close
        assert adjusted == pytest.approx(day.close * day.split / before.close / ratio, rel=1e-4)
    assert any(day.split == 2 for day in days)
    assert any(day.dividend for day in days)
    assert days[-1].adjustment == 1.0


def test_nothing_is_adjusted_for_what_is_not_known_yet():
    before = stock_days("SPY", date(2018, 12, 7))[-1]
    assert (before.later_splits, before.adjustment) == (1, 1.0)
    assert stock_days("SPY", date(2018, 12, 10))[-2].later_splits == 2


def test_the_volume_is_adjusted_for_splits():
    raw = {day.session_date: day.volume for day in stock_days("SPY", LAST)}
    adjusted = {bar.session_date: bar.volume for bar in adjusted_bars("SPY", LAST)}
    assert adjusted[date(2018, 12, 7)] == 2 * raw[date(2018, 12, 7)]
    assert adjusted[date(2018, 12, 11)] == raw[date(2018, 12, 11)]


@pytest.mark.parametrize("ticker", STOCKS)
def test_minutes_are_the_sessions(ticker):
    for day in stock_days(ticker, LAST)[-6:]:
        bars = minutes(ticker, day, 7)
        assert len(bars) == (210 if day.session_date == date(2018, 12, 24) else 390)
        assert (bars[0].open, bars[-1].close) == (day.open, day.close)
        assert (max(bar.high for bar in bars), min(bar.low for bar in bars)) == (day.high, day.low)
        assert sum(bar.volume for bar in bars) == day.volume
        assert all(bar.low <= bar.vwap <= bar.high and bar.volume >= 0 for bar in bars)
        assert all(bar.open == before.close for before, bar in pairwise(bars))


def test_minutes_begin_at_half_past_nine_in_new_york_and_depend_on_the_seed():
    day = stock_days("SPY", LAST)[-1]
    assert minutes("SPY", day, 0)[0].start == datetime(2018, 12, 31, 14, 30, tzinfo=UTC)
    assert minutes("SPY", day, 0) != minutes("SPY", day, 1)
    assert minutes("SPY", day, 0) == minutes.__wrapped__("SPY", day, 0)


def test_longer_bars_lie_on_the_grid_and_keep_the_extremes():
    bars = minutes("SPY", stock_days("SPY", LAST)[-1], 0)
    hours = longer_bars(bars, timedelta(hours=1))
    assert [bar.start.minute for bar in hours] == [0] * 7
    assert (hours[0].open, hours[-1].close) == (bars[0].open, bars[-1].close)
    assert sum(bar.volume for bar in hours) == sum(bar.volume for bar in bars)
    assert sum(bar.trades for bar in hours) == sum(bar.trades for bar in bars)
