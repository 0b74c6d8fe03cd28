"""What people write, whom they mean, and how they feel."""

from atlas_assets.contracts.quality.expectations import Expectation, Family
from atlas_assets.contracts.quality.keys import found_in, known


def _fresh_by_hours(table: str, *, hours: int) -> Expectation:
    return Expectation(
        Family.FRESHNESS,
        "silent_sources",
        f"Each source has brought something within {hours} hours.",
        f"""
        SELECT source, max(published_at) AS newest, newest < $now - INTERVAL {hours} HOUR AS fails
        FROM {table}
        WHERE list_contains($scheduled, source)
        GROUP BY source
        """,
    )


DOCUMENTS = (
    Expectation(
        Family.COMPLETENESS,
        "documents_without_text",
        "A document that was not withdrawn says something.",
        """
        SELECT document_id, source, url, NOT is_withdrawn AND trim(title || coalesce(body, '')) = '' AS fails
        FROM silver.documents
        """,
        most=0.01,
    ),
    Expectation(
        Family.COMPLETENESS,
        "silent_days",
        "From its first day to its last a source of a document a day or more has one every day.",
        """
        WITH days AS (SELECT source, session_date, count(*) AS documents FROM silver.documents GROUP BY ALL),
        lives AS (
            SELECT source, min(session_date) AS first_day, max(session_date) AS last_day
            FROM days
            GROUP BY source
            HAVING sum(documents) >= 2 * (last_day - first_day + 1)
        ),
        expected AS (
            SELECT source, unnest(range(first_day, last_day + INTERVAL 1 DAY, INTERVAL 1 DAY))::DATE AS session_date
            FROM lives
        )
        SELECT expected.*, days.documents IS NULL AS fails
        FROM expected
        LEFT JOIN days USING (source, session_date)
        """,
        most=0.05,
    ),
    Expectation(
        Family.CONSISTENCY,
        "documents_from_the_future",
        "No document was published an hour after the lake received it.",
        """
        SELECT document_id, source, published_at, ingested_at, published_at > ingested_at + INTERVAL 1 HOUR AS fails
        FROM silver.documents
        """,
    ),
    _fresh_by_hours("silver.documents", hours=72),
    Expectation(
        Family.ACCURACY,
        "unknown_languages",
        "The language of a document is known.",
        """
        SELECT document_id, source, title, language = 'und' AS fails
        FROM silver.documents
        WHERE NOT is_withdrawn
        """,
        most=0.1,
    ),
)

DOCUMENT_GROUPS = (
    found_in(
        "silver.document_groups",
        of="silver.documents",
        by="document_id",
        shown="source",
        name="documents_left_out",
        says="Every document is there.",
        is_error=True,
    ),
    Expectation(
        Family.CONSISTENCY,
        "groups_of_wrong_size",
        "A group has as many documents as it says.",
        """
        SELECT duplicate_group, any_value(duplicate_size) AS size, count(*) AS documents, size <> documents AS fails
        FROM silver.document_groups
        GROUP BY duplicate_group
        """,
        is_error=True,
    ),
    _fresh_by_hours("silver.document_groups", hours=72),
    Expectation(
        Family.ACCURACY,
        "floods",
        "Half of the posts or more are no part of a flood of more than ten.",
        """
        SELECT grouped.document_id, grouped.source, grouped.flood_group, grouped.flood_size, flood_size > 10 AS fails
        FROM silver.document_groups AS grouped
        INNER JOIN silver.documents USING (document_id)
        WHERE documents.kind = 'post'
        """,
        most=0.5,
    ),
)

INSTRUMENT_TERMS = (
    found_in(
        "silver.instrument_terms",
        of="silver.instruments",
        by="instrument_id",
        shown="symbol, venue",
        name="instruments_without_terms",
        says="Every instrument can be named by a text.",
        most=0.05,
    ),
    known("silver.instrument_terms", "instrument_id", "silver.instruments", what="instruments"),
    found_in(
        "silver.instrument_terms",
        of="(FROM silver.instruments WHERE first_session >= ($now - INTERVAL 30 DAY)::DATE)",
        by="instrument_id",
        shown="symbol, first_session",
        name="new_instruments_without_terms",
        says="An instrument that began to trade in the last month can be named.",
        family=Family.FRESHNESS,
    ),
    Expectation(
        Family.ACCURACY,
        "ambiguous_terms",
        "A term names one instrument.",
        """
        SELECT term_kind, term, count(DISTINCT instrument_id) AS instruments, instruments > 1 AS fails
        FROM silver.instrument_terms
        GROUP BY ALL
        """,
        most=0.1,
    ),
)

DOCUMENT_MENTIONS = (
    Expectation(
        Family.COMPLETENESS,
        "days_without_mentions",
        "On a day of a hundred documents or more somebody mentions an instrument.",
        """
        SELECT documents.session_date, documents.documents, mentions.session_date IS NULL AS fails
        FROM (
            SELECT session_date, count(*) AS documents
            FROM silver.documents
            GROUP BY session_date
            HAVING documents >= 100
        ) AS documents
        LEFT JOIN (SELECT DISTINCT session_date FROM silver.document_mentions) AS mentions USING (session_date)
        """,
    ),
    known("silver.document_mentions", "document_id", "silver.documents", what="documents"),
    Expectation(
        Family.CONSISTENCY,
        "evidence_not_in_text",
        "The evidence stands in the text at its place.",
        """
        SELECT
            mentions.document_id, mentions.position, mentions.evidence,
            concat_ws(chr(10), nullif(documents.title, ''), nullif(documents.body, '')) AS text,
            substr(text, mentions.position, length(mentions.evidence)) <> mentions.evidence AS fails
        FROM silver.document_mentions AS mentions
        INNER JOIN silver.documents USING (document_id)
        """,
        is_error=True,
    ),
    Expectation(
        Family.FRESHNESS,
        "sources_without_new_mentions",
        "Somebody mentioned an instrument in the month before each source's newest document.",
        """
        SELECT
            documents.source, max(documents.session_date) AS newest_document,
            max(mentions.session_date) AS newest_mention,
            newest_mention IS NULL OR newest_mention < newest_document - 30 AS fails
        FROM silver.documents AS documents
        LEFT JOIN silver.document_mentions AS mentions USING (document_id)
        WHERE list_contains($scheduled, documents.source)
        GROUP BY documents.source
        HAVING count(*) >= 100
        """,
    ),
    Expectation(
        Family.ACCURACY,
        "ambiguous_mentions",
        "What a text says means one instrument.",
        "SELECT document_id, position, evidence, candidates, candidates > 1 AS fails FROM silver.document_mentions",
        most=0.25,
    ),
)

# Stocks have an index of each session, coins of each day.
_INDEX_DAYS = """
    SELECT 'cnn' AS index_name, session_date FROM silver.sessions WHERE calendar = 'XNYS'
    UNION ALL
    SELECT 'alternative_me', day::DATE
    FROM range(TIMESTAMP '2018-02-01', ($now AT TIME ZONE 'UTC')::TIMESTAMP, INTERVAL 1 DAY) AS days(day)
"""

FEAR_GREED = (
    Expectation(
        Family.COMPLETENESS,
        "missing_days",
        "From its first day to its last an index has a value of every day of its calendar.",
        f"""
        WITH there AS (SELECT DISTINCT index_name, session_date FROM silver.fear_greed),
        lives AS (
            SELECT index_name, min(session_date) AS first_day, max(session_date) AS last_day FROM there GROUP BY ALL
        )
        SELECT days.index_name, days.session_date, there.session_date IS NULL AS fails
        FROM lives
        INNER JOIN ({_INDEX_DAYS}) AS days
            ON lives.index_name = days.index_name AND days.session_date BETWEEN lives.first_day AND lives.last_day
        LEFT JOIN there ON days.index_name = there.index_name AND days.session_date = there.session_date
        """,
        most=0.01,
    ),
    Expectation(
        Family.CONSISTENCY,
        "days_without_one_current_value",
        "Every day of an index of a source has one value that is current.",
        """
        SELECT
            index_name, source, session_date, count(*) FILTER (is_current) AS current_values,
            current_values <> 1 AS fails
        FROM silver.fear_greed
        GROUP BY ALL
        """,
        is_error=True,
    ),
    Expectation(
        Family.FRESHNESS,
        "indices_behind",
        "The newest value of an index is of the last four days.",
        """
        SELECT index_name, source, max(session_date) AS newest, newest < ($now - INTERVAL 4 DAY)::DATE AS fails
        FROM silver.fear_greed
        WHERE list_contains($scheduled, source)
        GROUP BY ALL
        """,
    ),
    Expectation(
        Family.ACCURACY,
        "jumps",
        "From one day to the next no index of 0 to 100 moves by forty points.",
        """
        SELECT
            index_name, source, session_date, value, lag(value) OVER days AS value_before,
            abs(value - value_before) > 40 AS fails
        FROM silver.fear_greed
        WHERE is_current AND index_name IN ('cnn', 'alternative_me')
        WINDOW days AS (PARTITION BY index_name, source ORDER BY session_date)
        """,
        most=0.005,
    ),
)

EXPECTATIONS = {
    "silver.documents": DOCUMENTS,
    "silver.document_groups": DOCUMENT_GROUPS,
    "silver.instrument_terms": INSTRUMENT_TERMS,
    "silver.document_mentions": DOCUMENT_MENTIONS,
    "silver.fear_greed": FEAR_GREED,
}
