"""Prices adjusted for splits and dividends as they were known on a day: computed when asked for, never stored."""

# pyarrow and duckdb have no complete type stubs.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_QUERY = """
WITH known AS (
    SELECT instrument_id, ex_date::DATE AS ex_date, action, ratio, amount
    FROM actions
    WHERE rank = 1 AND ex_date::DATE <= $as_of AND CAST(published_at AT TIME ZONE 'UTC' AS DATE) <= $as_of
),

-- What a price before each ex-date is multiplied by: a dividend is weighed with the close before it.
steps AS (
    SELECT
        known.instrument_id,
        known.ex_date,
        coalesce(1 / known.ratio, 1) AS split_factor,
        coalesce(1 - known.amount / before.close_raw, 1) AS dividend_factor
    FROM known
    ASOF LEFT JOIN bars AS before
        ON known.instrument_id = before.instrument_id AND before.session_date::DATE < known.ex_date
),

-- Of all the steps after a day: their product, counted from the newest.
factors AS (
    SELECT
        instrument_id,
        ex_date,
        product(split_factor) OVER newest_first AS split_factor,
        product(CASE WHEN dividend_factor > 0 THEN dividend_factor ELSE 1 END) OVER newest_first AS dividend_factor
    FROM (
        SELECT
            instrument_id,
            ex_date,
            product(split_factor) AS split_factor,
            product(dividend_factor) AS dividend_factor
        FROM steps
        GROUP BY instrument_id, ex_date
    )
    WINDOW newest_first AS (PARTITION BY instrument_id ORDER BY ex_date DESC)
)

SELECT
    bars.*,
    bars.open_raw * coalesce(factors.split_factor, 1) AS open_split_adj,
    bars.high_raw * coalesce(factors.split_factor, 1) AS high_split_adj,
    bars.low_raw * coalesce(factors.split_factor, 1) AS low_split_adj,
    bars.close_raw * coalesce(factors.split_factor, 1) AS close_split_adj,
    bars.volume_raw / coalesce(factors.split_factor, 1) AS volume_split_adj,
    bars.close_raw * coalesce(factors.split_factor * factors.dividend_factor, 1) AS close_total_return_adj
FROM bars
ASOF LEFT JOIN factors
    ON bars.instrument_id = factors.instrument_id AND bars.session_date::DATE < factors.ex_date
WHERE bars.session_date::DATE <= $as_of
ORDER BY bars.instrument_id, bars.session_date
"""


def adjusted_prices(bars: pd.DataFrame, *, actions: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Bars with split-adjusted prices and volumes and ``close_total_return_adj``, as they could be computed on a day.

    A close before a split is divided by its ratio; before a dividend or a spin-off it is multiplied by one less the
    amount's part of the close of the session before (the method of CRSP and of the vendors). The newest close is left
    as it was traded, and an action that was not known yet, or lies after `as_of`, changes nothing.

    Parameters
    ----------
    bars
        ``silver.daily_bars``. Rows after `as_of` are left out.
    actions
        ``silver.corporate_actions``.
    as_of
        The day (UTC).

    Returns
    -------
    DataFrame
        The bars by instrument and session, with ``open_split_adj``, ``high_split_adj``, ``low_split_adj``,
        ``close_split_adj``, ``volume_split_adj`` and ``close_total_return_adj``; what is missing stays missing. An
        amount not below the close before it is passed over.
    """
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("bars", bars)
        connection.register("actions", actions)
        return connection.execute(_QUERY, {"as_of": as_of}).df()
