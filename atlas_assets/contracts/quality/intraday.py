"""Trades and intraday bars. What looks row by row at them looks at the newest month."""

from atlas_assets.contracts.quality.calendars import fresh_by_session
from atlas_assets.contracts.quality.expectations import Expectation, Family
from atlas_assets.contracts.quality.keys import known


def _newest(table: str) -> str:
    return f"session_date > (SELECT max(session_date) - 30 FROM {table})"


def _within_day(table: str, low: str, high: str) -> Expectation:
    """No price of a day lies beyond what the daily bar of the same source says."""
    return Expectation(
        Family.CONSISTENCY,
        "days_beyond_daily_bar",
        "No price lies more than a percent beyond the low and the high of the day's bar of the same source.",
        f"""
        SELECT
            within.symbol, within.source, within.session_date, within.low, within.high, days.low_raw, days.high_raw,
            within.low < days.low_raw * 0.99 OR within.high > days.high_raw * 1.01 AS fails
        FROM (
            SELECT instrument_id, symbol, source, session_date, min({low}) AS low, max({high}) AS high
            FROM {table}
            WHERE {_newest(table)}
            GROUP BY ALL
        ) AS within
        INNER JOIN silver.daily_bars AS days USING (instrument_id, session_date, source)
        """,
        most=0.01,
    )


TRADES = (
    Expectation(
        Family.COMPLETENESS,
        "days_with_gaps",
        "Between the first and the last trade of a pair's day no number is missing.",
        f"""
        SELECT
            symbol, source, session_date, count(*) AS trades, max(number) - min(number) + 1 - trades AS missing,
            missing > 0 AS fails
        FROM (
            SELECT symbol, source, session_date, try_cast(trade_id AS BIGINT) AS number
            FROM silver.trades
            WHERE calendar = '24/7' AND {_newest("silver.trades")}
        )
        WHERE number IS NOT NULL
        GROUP BY ALL
        """,
    ),
    known("silver.trades", "instrument_id", "silver.instruments", what="instruments"),
    _within_day("silver.trades", "price", "price"),
    fresh_by_session("SELECT source, calendar, session_date FROM silver.trades"),
    Expectation(
        Family.ACCURACY,
        "outliers",
        "No price lies farther from its day's median than a tenth and twenty robust standard deviations.",
        f"""
        WITH days AS (
            SELECT instrument_id, session_date, median(price) AS middle, mad(price) * 1.4826 AS spread
            FROM silver.trades
            WHERE {_newest("silver.trades")}
            GROUP BY ALL
        )
        SELECT
            trades.symbol, trades.source, trades.event_time, trades.trade_id, trades.price, days.middle,
            abs(trades.price - days.middle) > greatest(0.1 * days.middle, 20 * days.spread) AS fails
        FROM silver.trades AS trades
        INNER JOIN days USING (instrument_id, session_date)
        """,
        most=0.0001,
    ),
    Expectation(
        Family.ACCURACY,
        "doubted_trades",
        "A source rarely doubts its own trade.",
        f"""
        SELECT symbol, source, event_time, trade_id, conditions, is_suspicious AS fails
        FROM silver.trades
        WHERE {_newest("silver.trades")}
        """,
        most=0.01,
    ),
)

INTRADAY_BARS = (
    Expectation(
        Family.COMPLETENESS,
        "days_with_few_bars",
        "Between its first and its last day an instrument has nineteen of twenty bars of every session.",
        f"""
        WITH days AS (
            SELECT
                instrument_id, symbol, source, interval_seconds, calendar, session_date, count(*) AS bars
            FROM silver.intraday_bars
            WHERE is_regular_session AND interval_seconds <= 3600 AND {_newest("silver.intraday_bars")}
            GROUP BY ALL
        ),
        whole_days AS (
            SELECT *
            FROM days
            WINDOW series AS (PARTITION BY instrument_id, source, interval_seconds)
            QUALIFY session_date > min(session_date) OVER series AND session_date < max(session_date) OVER series
        )
        SELECT
            whole_days.symbol, whole_days.source, whole_days.session_date, whole_days.bars,
            coalesce(epoch(sessions.closes_at - sessions.opens_at), 86400) / whole_days.interval_seconds AS expected,
            whole_days.bars < 0.95 * expected AS fails
        FROM whole_days
        LEFT JOIN silver.sessions USING (calendar, session_date)
        """,
        most=0.05,
    ),
    known("silver.intraday_bars", "instrument_id", "silver.instruments", what="instruments"),
    _within_day("silver.intraday_bars", "low_raw", "high_raw"),
    fresh_by_session("SELECT source, calendar, session_date FROM silver.intraday_bars"),
    Expectation(
        Family.ACCURACY,
        "jumps",
        "From one bar of a session to the next no close moves by a fifth.",
        f"""
        SELECT
            symbol, source, bar_open, close_raw, lag(close_raw) OVER session AS close_before,
            abs(ln(close_raw / close_before)) > 0.2 AS fails
        FROM silver.intraday_bars
        WHERE {_newest("silver.intraday_bars")}
        WINDOW session AS (PARTITION BY instrument_id, source, interval_seconds, session_date ORDER BY bar_open)
        """,
        most=0.0001,
    ),
)

EXPECTATIONS = {"silver.trades": TRADES, "silver.intraday_bars": INTRADAY_BARS}
