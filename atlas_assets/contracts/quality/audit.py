"""What was set aside, and how what came compares with what was expected."""

from atlas_assets.contracts.quality.calendars import fresh_by_session
from atlas_assets.contracts.quality.expectations import Expectation, Family
from atlas_assets.contracts.quality.keys import found_in

_CALENDAR = "CASE WHEN venue IN ('US', 'INDX') THEN 'XNYS' WHEN source <> 'landing' THEN '24/7' END"

QUARANTINE = (
    Expectation(
        Family.COMPLETENESS,
        "faults_not_in_quarantine",
        "Every bar with a fault is in quarantine.",
        """
        SELECT bars.symbol, bars.session_date, bars.source, bars.fault, held.object_id IS NULL AS fails
        FROM silver.daily_bars_by_source AS bars
        LEFT JOIN silver.quarantine AS held
            ON
                bars.object_id = held.object_id
                AND bars.row_number = held.row_number
                AND bars.symbol = held.symbol
                AND bars.session_date = held.session_date
                AND bars.fault = held.rule
        WHERE bars.fault IS NOT NULL
        """,
        is_error=True,
    ),
    Expectation(
        Family.CONSISTENCY,
        "decisions_without_note",
        "Every decision says who made it, when and why.",
        """
        SELECT
            quarantine_id, state, decided_by, decided_at, note,
            note IS NULL OR decided_by IS NULL OR decided_at IS NULL AS fails
        FROM silver.quarantine
        WHERE state <> 'open'
        """,
        is_error=True,
    ),
    Expectation(
        Family.FRESHNESS,
        "rows_undecided_for_a_month",
        "Somebody decides on a row within a month.",
        """
        SELECT dataset, source, symbol, session_date, rule, ingested_at < $now - INTERVAL 30 DAY AS fails
        FROM silver.quarantine
        WHERE state = 'open'
        """,
    ),
    Expectation(
        Family.ACCURACY,
        "rules_that_cry_wolf",
        "Of the rows that a rule set aside most are not released.",
        """
        SELECT
            dataset, rule, count(*) AS decided, count(*) FILTER (state = 'released') AS released,
            released > decided / 2 AS fails
        FROM silver.quarantine
        WHERE state <> 'open'
        GROUP BY ALL
        """,
    ),
)

RECONCILIATION = (
    found_in(
        "silver.reconciliation",
        of="silver.daily_bars_by_source",
        by="source, venue, session_date",
        name="days_left_out",
        says="Every session of every source is reconciled.",
        is_error=True,
    ),
    Expectation(
        Family.CONSISTENCY,
        "days_that_do_not_add_up",
        "What was expected came or is missing, and no more is in quarantine than came.",
        """
        SELECT *, received + missing <> expected OR quarantined > received AS fails
        FROM silver.reconciliation
        """,
        is_error=True,
    ),
    fresh_by_session(f"SELECT source, session_date, {_CALENDAR} AS calendar FROM silver.reconciliation"),
    Expectation(
        Family.ACCURACY,
        "days_of_many_losses",
        "Of twenty bars or more that were expected on a day not a twentieth is missing or in quarantine.",
        """
        SELECT
            source, venue, session_date, expected, missing, quarantined, missing + quarantined > expected / 20 AS fails
        FROM silver.reconciliation
        WHERE expected >= 20
        """,
    ),
)

EXPECTATIONS = {"silver.quarantine": QUARANTINE, "silver.reconciliation": RECONCILIATION}
