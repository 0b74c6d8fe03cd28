-- For each expectation the change to a sound silver that it must find: `-- table, what fails, how many failures`.

-- silver.ticker_history, instruments_without_ticker, 1
DELETE FROM silver.ticker_history WHERE symbol = 'CCC';

-- silver.ticker_history, overlapping_periods, 1
INSERT INTO silver.ticker_history
SELECT * REPLACE (DATE '2018-12-01' AS valid_from)
FROM silver.ticker_history
WHERE symbol = 'AAA';

-- silver.ticker_history, tickers_behind_bars, 1
UPDATE silver.ticker_history SET last_session = last_session - 1 WHERE symbol = 'AAA';

-- silver.ticker_history, tickers_told_apart_by_price, 2
INSERT INTO silver.ticker_history
SELECT * REPLACE ('z' AS instrument_id)
FROM silver.ticker_history
WHERE symbol = 'AAA';

-- silver.instruments, unknown_instruments, 1
DELETE FROM silver.instruments WHERE symbol = 'CCC';

-- silver.instruments, traded_after_delisting, 1
UPDATE silver.instruments SET delisted_on = DATE '2018-12-20' WHERE symbol = 'DDD';

-- silver.instruments, instruments_behind_bars, 1
UPDATE silver.instruments SET last_session = last_session - 1 WHERE symbol = 'CCC';

-- silver.instruments, shared_isins, 2
UPDATE silver.instruments SET isin = 'US0000000001';

-- silver.instruments, unknown_currencies, 1
UPDATE silver.instruments SET currency = 'XXX' WHERE symbol = 'DDD';

-- silver.corporate_actions, missing_splits, 1
UPDATE silver.daily_bars
SET suspicion = 'missing_split'
WHERE symbol = 'AAA' AND session_date = DATE '2018-11-01';

-- silver.corporate_actions, sources_that_differ, 1
UPDATE silver.corporate_actions SET ratio = 2.1 WHERE source = 'landing';

-- silver.corporate_actions, unknown_instruments, 1
UPDATE silver.corporate_actions SET instrument_id = 'z' WHERE action = 'split';

-- silver.corporate_actions, sources_silent_for_a_quarter, 1
INSERT INTO silver.corporate_actions BY NAME
SELECT i::VARCHAR AS instrument_id, 'fred' AS source, DATE '2018-01-02' AS ex_date
FROM range(20) r(i);

-- silver.corporate_actions, implausible_actions, 1
UPDATE silver.corporate_actions SET ratio = 10 WHERE rank = 1 AND action = 'split';

-- silver.sessions, years_of_odd_length, 1
DELETE FROM silver.sessions WHERE year(session_date) = 2018 AND month(session_date) = 7;

-- silver.sessions, overlapping_sessions, 1
UPDATE silver.sessions SET closes_at = closes_at + INTERVAL 1 DAY WHERE session_date = DATE '2018-12-11';

-- silver.sessions, calendars_that_end_soon, 1
DELETE FROM silver.sessions WHERE session_date > DATE '2019-01-20';

-- silver.sessions, sessions_of_odd_length, 1
UPDATE silver.sessions SET is_half_day = false WHERE session_date = DATE '2018-12-24';

-- silver.daily_bars_by_source, missing_sessions, 2
DELETE
FROM silver.daily_bars_by_source
WHERE source = 'landing' AND session_date BETWEEN DATE '2018-12-24' AND DATE '2018-12-26';

-- silver.daily_bars_by_source, sources_that_differ, 1
UPDATE silver.daily_bars_by_source
SET close_raw = close_raw * 1.01
WHERE source = 'landing' AND session_date = DATE '2018-12-03';

-- silver.daily_bars_by_source, unexplained_adjustments, 2
DELETE FROM silver.corporate_actions WHERE action = 'split';

-- silver.daily_bars_by_source, unknown_instruments, 1
DELETE FROM silver.instruments WHERE symbol = 'CCC';

-- silver.daily_bars_by_source, groups_behind_calendar, 1
DELETE FROM silver.daily_bars_by_source WHERE source = 'eodhd' AND session_date > DATE '2018-12-26';

-- silver.daily_bars_by_source, bars_of_fault_currency, 1
UPDATE silver.daily_bars_by_source
SET fault = 'currency'
WHERE source = 'landing' AND session_date = DATE '2018-12-03';

-- silver.daily_bars_by_source, bars_of_fault_decimal_slip, 1
UPDATE silver.daily_bars_by_source
SET fault = 'decimal_slip'
WHERE source = 'landing' AND session_date = DATE '2018-12-03';

-- silver.daily_bars_by_source, bars_of_fault_price_level, 1
UPDATE silver.daily_bars_by_source
SET fault = 'price_level'
WHERE source = 'landing' AND session_date = DATE '2018-12-03';

-- silver.daily_bars_by_source, bars_of_fault_sources_differ, 1
UPDATE silver.daily_bars_by_source
SET fault = 'sources_differ'
WHERE source = 'landing' AND session_date = DATE '2018-12-03';

-- silver.daily_bars_by_source, bars_of_fault_repeated_day, 1
UPDATE silver.daily_bars_by_source
SET fault = 'repeated_day'
WHERE source = 'landing' AND session_date = DATE '2018-12-03';

-- silver.daily_bars, missing_sessions, 2
DELETE FROM silver.daily_bars WHERE session_date = DATE '2018-12-05' OR session_date = DATE '2018-12-22';

-- silver.daily_bars, prices_out_of_order, 1
UPDATE silver.daily_bars SET low_raw = high_raw + 1 WHERE session_date = DATE '2018-12-22';

-- silver.daily_bars, unknown_instruments, 1
DELETE FROM silver.instruments WHERE symbol = 'CCC';

-- silver.daily_bars, groups_behind_calendar, 1
DELETE FROM silver.daily_bars WHERE symbol = 'CCC' AND session_date > DATE '2018-12-26';

-- silver.daily_bars, outliers, 1
UPDATE silver.daily_bars SET suspicion = 'outlier' WHERE session_date = DATE '2018-12-22';

-- silver.daily_bars, moves_without_volume, 1
UPDATE silver.daily_bars SET volume_raw = 0 WHERE session_date = DATE '2018-12-22';

-- silver.daily_bars, stale_bars, 2
UPDATE silver.daily_bars
SET open_raw = 50, high_raw = 51, low_raw = 49, close_raw = 50, volume_raw = 7
WHERE symbol = 'CCC' AND session_date BETWEEN DATE '2018-12-10' AND DATE '2018-12-16';

-- silver.trades, days_with_gaps, 1
DELETE FROM silver.trades WHERE session_date = DATE '2018-12-24' AND trade_id::BIGINT % 20 = 7;

-- silver.trades, unknown_instruments, 1
DELETE FROM silver.instruments WHERE symbol = 'CCC';

-- silver.trades, days_beyond_daily_bar, 1
UPDATE silver.daily_bars
SET high_raw = high_raw * 0.9
WHERE symbol = 'CCC' AND session_date = DATE '2018-12-24';

-- silver.trades, groups_behind_calendar, 1
DELETE FROM silver.trades WHERE true AND session_date > DATE '2018-12-26';

-- silver.trades, outliers, 1
UPDATE silver.trades
SET price = price * 10
WHERE session_date = DATE '2018-12-24' AND trade_id = (SELECT min(trade_id) FROM silver.trades WHERE session_date = DATE '2018-12-24');

-- silver.trades, doubted_trades, 20
UPDATE silver.trades SET is_suspicious = true WHERE session_date = DATE '2018-12-24';

-- silver.intraday_bars, days_with_few_bars, 2
DELETE
FROM silver.intraday_bars
WHERE session_date IN (DATE '2018-12-20', DATE '2018-12-24') AND hour(bar_open) = 15;

-- silver.intraday_bars, unknown_instruments, 1
DELETE FROM silver.instruments WHERE symbol = 'AAA';

-- silver.intraday_bars, days_beyond_daily_bar, 1
UPDATE silver.intraday_bars SET low_raw = low_raw * 0.9 WHERE session_date = DATE '2018-12-24';

-- silver.intraday_bars, groups_behind_calendar, 1
DELETE FROM silver.intraday_bars WHERE true AND session_date > DATE '2018-12-26';

-- silver.intraday_bars, jumps, 1
UPDATE silver.intraday_bars
SET close_raw = close_raw * 10
WHERE session_date = DATE '2018-12-20' AND hour(bar_open) >= 18;

-- silver.macro_observations, missing_periods, 2
DELETE FROM silver.macro_observations WHERE period = DATE '2017-01-01';

-- silver.macro_observations, overlapping_periods, 2
INSERT INTO silver.macro_observations
SELECT * REPLACE (known_from + 30 AS known_from)
FROM silver.macro_observations
WHERE period = DATE '2017-01-01';

-- silver.macro_observations, known_before_their_period, 2
UPDATE silver.macro_observations SET known_from = DATE '2016-12-01' WHERE period = DATE '2017-01-01';

-- silver.macro_observations, series_behind, 1
DELETE FROM silver.macro_observations WHERE series_id = 'CPI' AND period > DATE '2018-08-01';

-- silver.macro_observations, outliers, 2
UPDATE silver.macro_observations SET value = 1000 WHERE series_id = 'CPI' AND period = DATE '2017-02-01';

-- silver.macro_series, series_without_description, 1
DELETE FROM silver.macro_series WHERE series_id = 'CPI';

-- silver.macro_series, overlapping_periods, 2
INSERT INTO silver.macro_series
SELECT * REPLACE (DATE '2018-01-01' AS known_from)
FROM silver.macro_series
WHERE known_to = DATE '9999-12-31';

-- silver.macro_series, descriptions_behind_values, 1
UPDATE silver.macro_series SET last_period = DATE '2018-01-01' WHERE series_id = 'CPI';

-- silver.macro_series, changed_units, 1
INSERT INTO silver.macro_series
SELECT * REPLACE (DATE '2018-01-01' AS known_from, 'Millions' AS units)
FROM silver.macro_series
WHERE series_id = 'GDP';

-- silver.release_calendar, releases_without_days, 1
DELETE FROM silver.release_calendar WHERE release_id = 10;

-- silver.release_calendar, releases_of_two_names, 1
UPDATE silver.release_calendar
SET release_name = 'Another'
WHERE release_id = 10 AND release_date > DATE '2018-07-01';

-- silver.release_calendar, calendars_that_end, 1
DELETE FROM silver.release_calendar WHERE release_date > DATE '2018-12-01';

-- silver.release_calendar, releases_at_weekends, 2
UPDATE silver.release_calendar SET release_date = release_date + 2 WHERE release_date = DATE '2018-01-04';

-- silver.documents, documents_without_text, 1
UPDATE silver.documents SET title = '', body = ' ' WHERE document_id = 'rss1-1';

-- silver.documents, silent_days, 1
DELETE FROM silver.documents WHERE source = 'rss' AND session_date = DATE '2018-12-25';

-- silver.documents, documents_from_the_future, 1
UPDATE silver.documents SET published_at = TIMESTAMPTZ '2019-01-01 14:00:00+00' WHERE document_id = 'rss1-1';

-- silver.documents, silent_sources, 1
DELETE FROM silver.documents WHERE source = 'rss' AND session_date > DATE '2018-12-28';

-- silver.documents, unknown_languages, 1
UPDATE silver.documents SET language = 'und' WHERE document_id = 'rss1-1';

-- silver.document_groups, documents_left_out, 1
DELETE FROM silver.document_groups WHERE document_id = 'rss1-1';

-- silver.document_groups, groups_of_wrong_size, 1
UPDATE silver.document_groups SET duplicate_group = 'rss1-2' WHERE document_id = 'rss1-1';

-- silver.document_groups, silent_sources, 1
DELETE FROM silver.document_groups WHERE source = 'rss' AND session_date > DATE '2018-12-28';

-- silver.document_groups, floods, 1
UPDATE silver.document_groups SET flood_size = 11 WHERE document_id IN ('rss1-1', 'reddit1-1');

-- silver.instrument_terms, instruments_without_terms, 1
DELETE FROM silver.instrument_terms WHERE symbol = 'AAA';

-- silver.instrument_terms, unknown_instruments, 1
UPDATE silver.instrument_terms SET instrument_id = 'z' WHERE symbol = 'AAA';

-- silver.instrument_terms, new_instruments_without_terms, 1
DELETE FROM silver.instrument_terms WHERE symbol = 'DDD';

-- silver.instrument_terms, ambiguous_terms, 1
UPDATE silver.instrument_terms SET term = 'AAA' WHERE symbol = 'DDD';

-- silver.document_mentions, days_without_mentions, 1
DELETE FROM silver.document_mentions WHERE session_date = DATE '2018-12-25';

-- silver.document_mentions, unknown_documents, 1
DELETE FROM silver.documents WHERE document_id = 'rss1-1';

-- silver.document_mentions, evidence_not_in_text, 1
UPDATE silver.document_mentions SET position = 8 WHERE document_id = 'rss1-1';

-- silver.document_mentions, sources_without_new_mentions, 1
DELETE FROM silver.document_mentions WHERE source = 'rss';

-- silver.document_mentions, ambiguous_mentions, 1
UPDATE silver.document_mentions SET candidates = 2 WHERE document_id = 'rss1-1';

-- silver.fear_greed, missing_days, 1
DELETE FROM silver.fear_greed WHERE session_date = DATE '2018-12-25';

-- silver.fear_greed, days_without_one_current_value, 1
UPDATE silver.fear_greed SET is_current = false WHERE session_date = DATE '2018-12-25';

-- silver.fear_greed, indices_behind, 1
DELETE FROM silver.fear_greed WHERE session_date > DATE '2018-12-25';

-- silver.fear_greed, jumps, 2
UPDATE silver.fear_greed SET value = 95 WHERE session_date = DATE '2018-12-25';

-- silver.quarantine, faults_not_in_quarantine, 1
UPDATE silver.daily_bars_by_source
SET fault = 'currency'
WHERE source = 'landing' AND session_date = DATE '2018-12-20';

-- silver.quarantine, decisions_without_note, 1
UPDATE silver.quarantine SET note = NULL;

-- silver.quarantine, rows_undecided_for_a_month, 1
UPDATE silver.quarantine SET ingested_at = ingested_at - INTERVAL 60 DAY WHERE quarantine_id = 'q2';

-- silver.quarantine, rules_that_cry_wolf, 1
UPDATE silver.quarantine SET state = 'released' WHERE quarantine_id = 'q1';

-- silver.reconciliation, days_left_out, 1
DELETE FROM silver.reconciliation WHERE source = 'eodhd' AND session_date = DATE '2018-12-20';

-- silver.reconciliation, days_that_do_not_add_up, 1
UPDATE silver.reconciliation SET missing = 1 WHERE source = 'eodhd' AND session_date = DATE '2018-12-20';

-- silver.reconciliation, groups_behind_calendar, 1
DELETE FROM silver.reconciliation WHERE source = 'eodhd' AND session_date > DATE '2018-12-26';

-- silver.reconciliation, days_of_many_losses, 1
UPDATE silver.reconciliation SET missing = 2 WHERE source = 'eodhd' AND session_date = DATE '2018-12-20';
