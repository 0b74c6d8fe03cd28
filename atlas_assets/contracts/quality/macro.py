"""Macro series, their values and their releases."""

from atlas_assets.contracts.quality.expectations import Expectation, Family
from atlas_assets.contracts.quality.keys import apart, found_in

_STEPS = "(VALUES ('m', INTERVAL 1 MONTH), ('q', INTERVAL 3 MONTH), ('a', INTERVAL 12 MONTH)) AS steps(frequency, step)"
# How far the newest period's first day may lie back: a release comes after its period, and holidays come between.
_PATIENCE = """(VALUES
    ('d', INTERVAL 10 DAY), ('w', INTERVAL 24 DAY), ('m', INTERVAL 3 MONTH), ('q', INTERVAL 8 MONTH),
    ('a', INTERVAL 26 MONTH)
) AS patience(frequency, longest)"""
_TODAY = "SELECT * FROM silver.macro_observations WHERE known_to = DATE '9999-12-31'"
# Observations may leave the frequency to the series.
_SERIES = """
    SELECT source, series_id, frequency, first_period, last_period
    FROM silver.macro_series
    WHERE known_to = DATE '9999-12-31'
"""
_TODAY_BY_FREQUENCY = f"""
    SELECT today.* EXCLUDE (frequency), coalesce(nullif(today.frequency, ''), series.frequency) AS frequency
    FROM ({_TODAY}) AS today
    LEFT JOIN ({_SERIES}) AS series
        ON
            today.source = series.source
            AND today.series_id = series.series_id
            AND today.frequency IN ('', series.frequency)
"""

MACRO_OBSERVATIONS = (
    Expectation(
        Family.COMPLETENESS,
        "missing_periods",
        "Between its first and its last period a monthly, quarterly or yearly series has every period.",
        f"""
        WITH lives AS (
            SELECT today.source, today.series_id, steps.step, min(period) AS first_period, max(period) AS last_period
            FROM ({_TODAY_BY_FREQUENCY}) AS today
            INNER JOIN {_STEPS} USING (frequency)
            GROUP BY ALL
        ),
        expected AS (
            SELECT source, series_id, unnest(range(first_period, last_period + INTERVAL 1 DAY, step))::DATE AS period
            FROM lives
        )
        SELECT expected.*, today.period IS NULL AS fails
        FROM expected
        LEFT JOIN (SELECT DISTINCT source, series_id, period FROM ({_TODAY})) AS today USING (source, series_id, period)
        """,
        most=0.001,
    ),
    apart("silver.macro_observations", by="source, series_id, frequency, period", starts="known_from", ends="known_to"),
    Expectation(
        Family.CONSISTENCY,
        "known_before_their_period",
        "No value was known before its period began.",
        """
        SELECT source, series_id, period, value, known_from, known_from < period AS fails
        FROM silver.macro_observations
        WHERE status = 'published'
        """,
        most=0.001,
    ),
    Expectation(
        Family.FRESHNESS,
        "series_behind",
        "The newest period of a series lies no farther back than its frequency lets expect; five times as far, it has "
        "ended and is not judged.",
        f"""
        SELECT
            today.source, today.series_id, today.frequency, max(today.period) AS newest_period,
            newest_period < ($now - any_value(patience.longest))::DATE AS fails
        FROM ({_TODAY_BY_FREQUENCY}) AS today
        INNER JOIN {_PATIENCE} USING (frequency)
        WHERE today.status = 'published' AND list_contains($scheduled, today.source)
        GROUP BY ALL
        HAVING newest_period >= ($now - 5 * any_value(patience.longest))::DATE
        """,
        most=0.1,
    ),
    Expectation(
        Family.ACCURACY,
        "outliers",
        "No change lies beyond thirty robust standard deviations of its series' changes.",
        f"""
        WITH changes AS (
            SELECT
                source, series_id, period, value,
                value - lag(value) OVER (PARTITION BY source, series_id ORDER BY period) AS change
            FROM ({_TODAY})
        ),
        usual AS (
            SELECT source, series_id, median(change) AS middle, mad(change) * 1.4826 AS spread
            FROM changes
            GROUP BY ALL
        )
        SELECT changes.*, abs(changes.change - usual.middle) > 30 * usual.spread AS fails
        FROM changes
        INNER JOIN usual USING (source, series_id)
        WHERE usual.spread > 0
        """,
        most=0.005,
    ),
)

MACRO_SERIES = (
    found_in(
        "silver.macro_series",
        of="silver.macro_observations",
        by="source, series_id",
        name="series_without_description",
        says="Every series of which there are values is described.",
    ),
    apart("silver.macro_series", by="source, series_id, frequency", starts="known_from", ends="known_to"),
    Expectation(
        Family.FRESHNESS,
        "descriptions_behind_values",
        "The last period of a description is not before the newest value's.",
        f"""
        SELECT
            series.source, series.series_id, any_value(series.last_period) AS last_period,
            max(today.period) AS newest_period,
            any_value(series.last_period) < newest_period AS fails
        FROM ({_SERIES}) AS series
        INNER JOIN ({_TODAY}) AS today USING (source, series_id)
        WHERE list_contains($scheduled, series.source) AND today.status = 'published'
        GROUP BY ALL
        """,
    ),
    Expectation(
        Family.ACCURACY,
        "changed_units",
        "Units and adjustment of a series stay what they were; a change makes old and new values incomparable.",
        """
        SELECT
            source, series_id, known_from, units, unit_exponent, seasonal_adjustment,
            hash(units, unit_exponent, seasonal_adjustment)
                <> lag(hash(units, unit_exponent, seasonal_adjustment)) OVER vintages AS fails
        FROM silver.macro_series
        WINDOW vintages AS (PARTITION BY source, series_id, frequency ORDER BY known_from)
        """,
    ),
)

RELEASE_CALENDAR = (
    found_in(
        "silver.release_calendar",
        of="(FROM silver.macro_series WHERE release_id IS NOT NULL)",
        by="source, release_id",
        name="releases_without_days",
        says="Every release that brings a series has days.",
    ),
    Expectation(
        Family.CONSISTENCY,
        "releases_of_two_names",
        "A release has one name.",
        """
        SELECT source, release_id, count(DISTINCT release_name) AS names, names > 1 AS fails
        FROM silver.release_calendar
        GROUP BY ALL
        """,
    ),
    Expectation(
        Family.FRESHNESS,
        "calendars_that_end",
        "The newest release day of a source is at most a week ago.",
        """
        SELECT source, max(release_date) AS newest_day, newest_day < ($now - INTERVAL 7 DAY)::DATE AS fails
        FROM silver.release_calendar
        WHERE list_contains($scheduled, source)
        GROUP BY source
        """,
    ),
    Expectation(
        Family.ACCURACY,
        "releases_at_weekends",
        "Releases come on working days.",
        """
        SELECT source, release_id, release_date, release_name, isodow(release_date) > 5 AS fails
        FROM silver.release_calendar
        """,
        most=0.02,
    ),
)

EXPECTATIONS = {
    "silver.macro_observations": MACRO_OBSERVATIONS,
    "silver.macro_series": MACRO_SERIES,
    "silver.release_calendar": RELEASE_CALENDAR,
}
