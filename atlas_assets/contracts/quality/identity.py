"""Who trades under which ticker, on which days, and what became of a share."""

from atlas_assets.contracts.quality.expectations import Expectation, Family
from atlas_assets.contracts.quality.keys import apart, found_in, known

_TRADED = """
    SELECT instrument_id, session_date FROM silver.daily_bars
    UNION ALL SELECT instrument_id, session_date FROM silver.trades
    UNION ALL SELECT instrument_id, session_date FROM silver.intraday_bars
"""
_LAST_TRADED = f"SELECT instrument_id, max(session_date) AS last_traded FROM ({_TRADED}) GROUP BY instrument_id"

TICKER_HISTORY = (
    found_in(
        "silver.ticker_history",
        of="silver.instruments",
        by="instrument_id",
        shown="symbol",
        name="instruments_without_ticker",
        says="Every instrument had a ticker.",
        is_error=True,
    ),
    apart("silver.ticker_history", by="venue, symbol", starts="valid_from", ends="valid_to"),
    Expectation(
        Family.FRESHNESS,
        "tickers_behind_bars",
        "The last session of an open ticker is not before the instrument's newest bar or trade.",
        f"""
        SELECT held.venue, held.symbol, held.last_session, traded.last_traded, last_session < last_traded AS fails
        FROM silver.ticker_history AS held
        INNER JOIN ({_LAST_TRADED}) AS traded USING (instrument_id)
        WHERE held.valid_to > traded.last_traded
        """,
    ),
    Expectation(
        Family.ACCURACY,
        "tickers_told_apart_by_price",
        "That a ticker changed hands is told by a list, not by a silence and another price.",
        """
        SELECT
            venue, symbol, valid_from, evidence,
            evidence = 'prices' AND count(*) OVER (PARTITION BY venue, symbol) > 1 AS fails
        FROM silver.ticker_history
        """,
        most=0.05,
    ),
)

INSTRUMENTS = (
    found_in(
        "silver.instruments",
        of=f"({_LAST_TRADED})",
        by="instrument_id",
        name="unknown_instruments",
        says="Whatever has a bar or a trade is an instrument.",
        is_error=True,
    ),
    Expectation(
        Family.CONSISTENCY,
        "traded_after_delisting",
        "No instrument trades after its delisting.",
        f"""
        SELECT instruments.symbol, instruments.delisted_on, traded.last_traded, last_traded > delisted_on AS fails
        FROM silver.instruments
        INNER JOIN ({_LAST_TRADED}) AS traded USING (instrument_id)
        WHERE instruments.delisted_on IS NOT NULL
        """,
    ),
    Expectation(
        Family.FRESHNESS,
        "instruments_behind_bars",
        "The last session of an instrument is that of its newest bar or trade.",
        f"""
        SELECT instruments.symbol, instruments.last_session, traded.last_traded, last_session < last_traded AS fails
        FROM silver.instruments
        INNER JOIN ({_LAST_TRADED}) AS traded USING (instrument_id)
        """,
    ),
    Expectation(
        Family.ACCURACY,
        "shared_isins",
        "No two instruments of a venue have the same ISIN.",
        """
        SELECT symbol, venue, isin, count(*) OVER (PARTITION BY venue, isin) > 1 AS fails
        FROM silver.instruments
        WHERE isin IS NOT NULL
        """,
    ),
    Expectation(
        Family.ACCURACY,
        "unknown_currencies",
        "The currency of an instrument is known, unless it is only in files.",
        """
        SELECT symbol, venue, currency, currency = 'XXX' AS fails
        FROM silver.instruments
        WHERE instrument_id IN (
            SELECT instrument_id FROM silver.daily_bars_by_source WHERE list_contains($scheduled, source)
        )
        """,
        most=0.05,
    ),
)

CORPORATE_ACTIONS = (
    Expectation(
        Family.COMPLETENESS,
        "missing_splits",
        "No price moves as if a share had been split of which no source speaks.",
        """
        SELECT symbol, session_date, close_raw, coalesce(suspicion = 'missing_split', false) AS fails
        FROM silver.daily_bars
        """,
    ),
    Expectation(
        Family.CONSISTENCY,
        "sources_that_differ",
        "Sources agree on a ratio or an amount to one percent.",
        """
        SELECT
            losing.symbol, losing.ex_date, losing.action, losing.source,
            coalesce(losing.ratio, losing.amount) AS value,
            coalesce(believed.ratio, believed.amount) AS believed_value,
            abs(value / believed_value - 1) > 0.01 AS fails
        FROM silver.corporate_actions AS losing
        INNER JOIN silver.corporate_actions AS believed USING (instrument_id, ex_date, action)
        WHERE losing.rank > 1 AND believed.rank = 1 AND losing.currency = believed.currency
        """,
    ),
    known("silver.corporate_actions", "instrument_id", "silver.instruments", what="instruments"),
    Expectation(
        Family.FRESHNESS,
        "sources_silent_for_a_quarter",
        "Each source has brought an action within a hundred days: most shares pay by the quarter.",
        """
        SELECT source, max(ex_date) AS newest_action, newest_action < ($now - INTERVAL 100 DAY)::DATE AS fails
        FROM silver.corporate_actions
        WHERE list_contains($scheduled, source)
        GROUP BY source
        HAVING count(DISTINCT instrument_id) >= 20
        """,
    ),
    Expectation(
        Family.ACCURACY,
        "implausible_actions",
        "On its day a split moves the price as its ratio says, to a factor of two; a dividend is less than the price.",
        """
        WITH bars AS (
            SELECT
                instrument_id, session_date, open_raw,
                lag(close_raw) OVER (PARTITION BY instrument_id ORDER BY session_date) AS close_before
            FROM silver.daily_bars
        )
        SELECT
            actions.symbol, actions.ex_date, actions.action, actions.ratio, actions.amount,
            bars.close_before, bars.open_raw,
            CASE
                WHEN actions.action = 'split' THEN abs(ln(bars.close_before / bars.open_raw / actions.ratio)) > ln(2)
                ELSE actions.amount >= bars.close_before
            END AS fails
        FROM silver.corporate_actions AS actions
        INNER JOIN bars ON actions.instrument_id = bars.instrument_id AND actions.ex_date = bars.session_date
        WHERE actions.rank = 1
        """,
    ),
)

EXPECTATIONS = {
    "silver.ticker_history": TICKER_HISTORY,
    "silver.instruments": INSTRUMENTS,
    "silver.corporate_actions": CORPORATE_ACTIONS,
}
