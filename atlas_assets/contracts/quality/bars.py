"""Sessions and daily bars."""

from atlas_assets.contracts.quality.calendars import CALENDAR_OF_INSTRUMENT, every_session, fresh_by_session
from atlas_assets.contracts.quality.expectations import Expectation, Family
from atlas_assets.contracts.quality.keys import known

STALE_SESSIONS = 5


def _with_calendar(table: str) -> str:
    return f"""
        SELECT bars.instrument_id, bars.symbol, bars.source, bars.session_date, instruments.calendar
        FROM {table} AS bars
        LEFT JOIN ({CALENDAR_OF_INSTRUMENT}) AS instruments USING (instrument_id)
    """


SESSIONS = (
    Expectation(
        Family.COMPLETENESS,
        "years_of_odd_length",
        "A whole year has 248 to 254 sessions.",
        """
        SELECT calendar, year(session_date) AS year, count(*) AS length, length NOT BETWEEN 248 AND 254 AS fails
        FROM silver.sessions
        GROUP BY ALL
        HAVING day(min(session_date)) <= 5 AND max(session_date) < (SELECT max(session_date) - 5 FROM silver.sessions)
        """,
    ),
    Expectation(
        Family.CONSISTENCY,
        "overlapping_sessions",
        "A session opens after the one before has closed.",
        """
        SELECT
            calendar, session_date, opens_at,
            lag(closes_at) OVER (PARTITION BY calendar ORDER BY session_date) AS closed_before,
            opens_at <= closed_before AS fails
        FROM silver.sessions
        """,
        is_error=True,
    ),
    Expectation(
        Family.FRESHNESS,
        "calendars_that_end_soon",
        "Each calendar reaches a month beyond the present.",
        """
        SELECT calendar, max(session_date) AS last_session, last_session < ($now + INTERVAL 30 DAY)::DATE AS fails
        FROM silver.sessions
        GROUP BY calendar
        """,
        is_error=True,
    ),
    Expectation(
        Family.ACCURACY,
        "sessions_of_odd_length",
        "A session lasts six hours and a half, a half day three to five.",
        """
        SELECT
            calendar, session_date, closes_at - opens_at AS length, is_half_day,
            NOT CASE
                WHEN is_half_day THEN length BETWEEN INTERVAL 3 HOUR AND INTERVAL 5 HOUR
                ELSE length = INTERVAL 390 MINUTE
            END AS fails
        FROM silver.sessions
        """,
    ),
)

DAILY_BARS_BY_SOURCE = (
    every_session(_with_calendar("silver.daily_bars_by_source"), by="instrument_id, symbol, source"),
    Expectation(
        Family.CONSISTENCY,
        "sources_that_differ",
        "Two sources of a bar agree on its close to half a percent.",
        """
        SELECT
            losing.symbol, losing.session_date, losing.source, losing.close_raw,
            believed.source AS believed_source, believed.close_raw AS believed_close,
            abs(losing.close_raw / believed.close_raw - 1) > 0.005 AS fails
        FROM silver.daily_bars_by_source AS losing
        INNER JOIN silver.daily_bars AS believed USING (instrument_id, session_date)
        WHERE losing.source <> believed.source AND losing.currency = believed.currency
        """,
        most=0.001,
    ),
    Expectation(
        Family.CONSISTENCY,
        "unexplained_adjustments",
        "Where a source's adjustment changes from one session to the next there is a corporate action.",
        """
        WITH factors AS (
            SELECT
                instrument_id, symbol, source, session_date,
                close_vendor_adj / close_raw AS factor,
                factor / lag(factor) OVER of_one_reading - 1 AS change
            FROM silver.daily_bars_by_source
            WHERE close_vendor_adj IS NOT NULL AND fault IS NULL
            WINDOW of_one_reading AS (PARTITION BY instrument_id, source, ingested_at::DATE ORDER BY session_date)
        )
        SELECT
            factors.symbol, factors.source, factors.session_date, factors.change,
            abs(factors.change) > 0.002 AND acts.ex_date IS NULL AS fails
        FROM factors
        LEFT JOIN (SELECT DISTINCT instrument_id, ex_date FROM silver.corporate_actions) AS acts
            ON factors.instrument_id = acts.instrument_id AND factors.session_date = acts.ex_date
        WHERE factors.change IS NOT NULL
        """,
        most=0.001,
    ),
    known("silver.daily_bars_by_source", "instrument_id", "silver.instruments", what="instruments"),
    fresh_by_session(_with_calendar("silver.daily_bars_by_source")),
    *(
        Expectation(
            Family.ACCURACY,
            f"bars_of_fault_{fault}",
            f"No bar {has}; one that does is in quarantine.",
            f"""
            SELECT symbol, session_date, source, close_raw, coalesce(fault = '{fault}', false) AS fails
            FROM silver.daily_bars_by_source
            """,
        )
        for fault, has in {
            "currency": "is in a currency in which its instrument does not trade",
            "decimal_slip": "is off by a power of ten",
            "price_level": "lies away from the days beside it that agree with each other",
            "sources_differ": "left its level while another source stayed",
            "repeated_day": "repeats the session before it in all values",
        }.items()
    ),
)

DAILY_BARS = (
    every_session(_with_calendar("silver.daily_bars"), by="instrument_id, symbol"),
    Expectation(
        Family.CONSISTENCY,
        "prices_out_of_order",
        "The low is the lowest and the high the highest price.",
        """
        SELECT
            symbol, session_date, open_raw, high_raw, low_raw, close_raw,
            NOT (
                high_raw >= greatest(open_raw, low_raw, close_raw) AND low_raw <= least(open_raw, high_raw, close_raw)
            ) AS fails
        FROM silver.daily_bars
        """,
    ),
    known("silver.daily_bars", "instrument_id", "silver.instruments", what="instruments"),
    fresh_by_session(_with_calendar("silver.daily_bars"), by="calendar"),
    Expectation(
        Family.ACCURACY,
        "outliers",
        "A move beyond the robust standard deviations of its weeks is rare.",
        """
        SELECT symbol, session_date, close_raw, outlier_score, coalesce(suspicion = 'outlier', false) AS fails
        FROM silver.daily_bars
        """,
        most=0.005,
    ),
    Expectation(
        Family.ACCURACY,
        "moves_without_volume",
        "Where prices differ within a session something was traded.",
        """
        SELECT symbol, session_date, low_raw, high_raw, volume_raw, volume_raw = 0 AND high_raw > low_raw AS fails
        FROM silver.daily_bars
        WHERE symbol IN (SELECT symbol FROM silver.daily_bars GROUP BY symbol HAVING median(volume_raw) > 0)
        """,
        most=0.001,
    ),
    Expectation(
        Family.ACCURACY,
        "stale_bars",
        f"No bar has the prices and the volume of the {STALE_SESSIONS} before it.",
        f"""
        WITH runs AS (
            SELECT
                symbol, session_date, close_raw, volume_raw,
                count(*) OVER weeks = {STALE_SESSIONS + 1}
                AND min(row_hash) OVER weeks = max(row_hash) OVER weeks AS fails
            FROM (SELECT *, hash(open_raw, high_raw, low_raw, close_raw, volume_raw) AS row_hash FROM silver.daily_bars)
            WINDOW weeks AS (
                PARTITION BY instrument_id ORDER BY session_date ROWS BETWEEN {STALE_SESSIONS} PRECEDING AND CURRENT ROW
            )
        )
        SELECT * FROM runs
        """,
    ),
)

EXPECTATIONS = {
    "silver.sessions": SESSIONS,
    "silver.daily_bars_by_source": DAILY_BARS_BY_SOURCE,
    "silver.daily_bars": DAILY_BARS,
}
