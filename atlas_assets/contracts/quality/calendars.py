"""Days that calendars have, and expectations that follow from them for any table."""

from atlas_assets.contracts.quality.expectations import Expectation, Family

# A source has half a day after the close to bring a session.
GRACE = "INTERVAL 12 HOUR"

DAYS = f"""
    SELECT calendar, session_date, closes_at + {GRACE} <= $now AS is_due FROM silver.sessions
    UNION ALL
    SELECT '24/7', day::DATE, day AT TIME ZONE 'UTC' + INTERVAL 1 DAY + {GRACE} <= $now
    FROM range(TIMESTAMP '1970-01-01', ($now AT TIME ZONE 'UTC')::TIMESTAMP, INTERVAL 1 DAY) AS days(day)
"""
"""Every session of every calendar, and whether its bars should be here by now."""

CALENDAR_OF_INSTRUMENT = """
    SELECT
        instrument_id,
        CASE WHEN instrument_type = 'crypto_pair' THEN '24/7' WHEN venue IN ('US', 'INDX') THEN 'XNYS' END AS calendar
    FROM silver.instruments
"""


def fresh_by_session(rows: str, *, most_behind: int = 1, by: str = "source, calendar") -> Expectation:
    """The newest session of each group is not behind its calendar.

    Parameters
    ----------
    rows
        Query with ``source``, ``calendar`` and ``session_date``. Sources without a schedule are left out.
    most_behind
        Sessions that may be due and not here.
    """
    return Expectation(
        Family.FRESHNESS,
        "groups_behind_calendar",
        f"The newest session of each {by.replace(', ', ' and ')} is at most {most_behind} behind the calendar, "
        "whatever was loaded of earlier years.",
        f"""
        WITH newest AS (
            SELECT {by}, max(session_date) AS newest_session
            FROM ({rows})
            WHERE list_contains($scheduled, source) AND calendar IS NOT NULL
            GROUP BY ALL
        )
        SELECT newest.*, count(days.session_date) AS sessions_behind, sessions_behind > {most_behind} AS fails
        FROM newest
        LEFT JOIN ({DAYS}) AS days
            ON newest.calendar = days.calendar AND days.is_due AND days.session_date > newest.newest_session
        GROUP BY ALL
        """,
    )


def every_session(rows: str, *, by: str, most: float = 0.0) -> Expectation:
    """From its first session to its last each group has every session of its calendar.

    Parameters
    ----------
    rows
        Query with the columns of ``by``, ``calendar`` and ``session_date``.
    by
        What has a life of its own, such as ``instrument_id, source``.
    """
    return Expectation(
        Family.COMPLETENESS,
        "missing_sessions",
        f"From its first session to its last each {by.replace(', ', ' and ')} has every session of its calendar.",
        f"""
        WITH there AS (SELECT DISTINCT {by}, calendar, session_date FROM ({rows}) WHERE calendar IS NOT NULL),
        lives AS (
            SELECT {by}, calendar, min(session_date) AS first_session, max(session_date) AS last_session
            FROM there
            GROUP BY ALL
        ),
        expected AS (
            SELECT lives.* EXCLUDE (first_session, last_session), days.session_date
            FROM lives
            INNER JOIN ({DAYS}) AS days
                ON
                    lives.calendar = days.calendar
                    AND days.session_date BETWEEN lives.first_session AND lives.last_session
        )
        SELECT expected.*, there.session_date IS NULL AS fails
        FROM expected
        LEFT JOIN there USING ({by}, calendar, session_date)
        """,
        most=most,
    )
