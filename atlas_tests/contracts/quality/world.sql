-- A small silver in which nothing is wrong: a share, a pair, two series, an index and what people write.

INSERT INTO silver.instruments BY NAME SELECT * FROM (VALUES
    ('a', 'AAA', 'US0000000001', 'equity', 'US', 'USD', DATE '2018-10-01', DATE '2018-12-31', NULL::DATE),
    ('d', 'DDD', 'US0000000002', 'equity', 'US', 'USD', DATE '2018-12-20', DATE '2018-12-21', DATE '2018-12-21'),
    ('c', 'CCC', NULL, 'crypto_pair', 'binance', 'USDT', DATE '2018-10-01', DATE '2019-01-01', NULL)
) AS rows(instrument_id, symbol, isin, instrument_type, venue, currency, first_session, last_session, delisted_on);
INSERT INTO silver.ticker_history BY NAME
    SELECT instrument_id, venue, symbol, DATE '1900-01-01' AS valid_from, DATE '9999-12-31' AS valid_to,
        'prices' AS evidence, first_session, last_session
    FROM silver.instruments;
INSERT INTO silver.daily_bars_by_source BY NAME
    WITH days AS (
        SELECT 'a' AS instrument_id, session_date FROM silver.sessions
        WHERE session_date BETWEEN DATE '2018-10-01' AND DATE '2018-12-31'
        UNION ALL VALUES ('d', DATE '2018-12-20'), ('d', DATE '2018-12-21')
        UNION ALL SELECT 'c', day::DATE FROM range(TIMESTAMP '2018-10-01', TIMESTAMP '2019-01-02', INTERVAL 1 DAY) d(day)
    ),
    priced AS (
        SELECT *, CASE WHEN session_date < DATE '2018-11-01' THEN 100.0 ELSE 50.0 END + dayofyear(session_date) % 5 AS price
        FROM days
    )
    SELECT
        instrument_id, symbol, venue, session_date, source, price AS open_raw, price + 1 AS high_raw, price - 1 AS low_raw,
        price + 0.5 AS close_raw, price * 100 + dayofyear(session_date) AS volume_raw, currency,
        (price + 0.5) / CASE WHEN symbol = 'AAA' AND session_date < DATE '2018-11-01' THEN 2 ELSE 1 END AS close_vendor_adj,
        TIMESTAMPTZ '2019-01-01 12:00:00+00' AS ingested_at, 'object' AS object_id, 0 AS row_number,
        CASE source WHEN 'landing' THEN 2 ELSE 1 END AS rank
    FROM priced
    INNER JOIN silver.instruments USING (instrument_id)
    INNER JOIN (VALUES ('a', 'eodhd'), ('a', 'landing'), ('d', 'eodhd'), ('c', 'binance')) s(instrument_id, source)
        USING (instrument_id);
INSERT INTO silver.daily_bars BY NAME
    SELECT * EXCLUDE (venue, close_vendor_adj, fault, rank, row_number) FROM silver.daily_bars_by_source WHERE rank = 1;
INSERT INTO silver.corporate_actions BY NAME SELECT * FROM (VALUES
    ('a', 'AAA', DATE '2018-11-01', 'split', 2.0, NULL, 'USD', 1, 'eodhd'),
    ('a', 'AAA', DATE '2018-11-01', 'split', 2.0, NULL, 'USD', 2, 'landing'),
    ('a', 'AAA', DATE '2018-12-03', 'dividend', NULL, 0.05, 'USD', 1, 'eodhd')
) AS rows(instrument_id, symbol, ex_date, action, ratio, amount, currency, rank, source);
INSERT INTO silver.trades BY NAME
    SELECT 'c' AS instrument_id, 'CCC' AS symbol, 'binance' AS source, '24/7' AS calendar, session_date,
        (epoch_ms(session_date)::BIGINT + n)::VARCHAR AS trade_id, price + n / 100.0 AS price, false AS is_suspicious
    FROM (SELECT session_date, open_raw AS price FROM silver.daily_bars WHERE symbol = 'CCC'), range(20) r(n);
INSERT INTO silver.intraday_bars BY NAME
    SELECT 'a' AS instrument_id, 'AAA' AS symbol, 'eodhd' AS source, 'XNYS' AS calendar, 1800 AS interval_seconds,
        session_date, opens_at + to_minutes(30 * n) AS bar_open, true AS is_regular_session,
        low_raw, high_raw, close_raw
    FROM silver.daily_bars INNER JOIN silver.sessions USING (session_date), range(13) r(n)
    WHERE symbol = 'AAA' AND opens_at + to_minutes(30 * n) < closes_at;
INSERT INTO silver.macro_series BY NAME SELECT * FROM (VALUES
    ('fred', 'GDP', 'q', 53, 'Billions', DATE '2015-01-01', DATE '2018-07-01'),
    ('fred', 'CPI', 'm', 10, 'Index', DATE '2015-01-01', DATE '2018-11-01')
) AS rows(source, series_id, frequency, release_id, units, first_period, last_period);
UPDATE silver.macro_series SET known_from = DATE '2015-01-01', known_to = DATE '9999-12-31';
INSERT INTO silver.macro_series
    SELECT * REPLACE (DATE '2014-01-01' AS known_from, DATE '2014-12-31' AS known_to) FROM silver.macro_series;
INSERT INTO silver.macro_observations BY NAME
    SELECT source, series_id, frequency, period::DATE AS period, 100 + (dayofyear(period) % 7) / 10 AS value,
        'published' AS status, period::DATE + 100 AS known_from, DATE '9999-12-31' AS known_to
    FROM (FROM silver.macro_series WHERE known_to = DATE '9999-12-31'), (SELECT unnest(range(TIMESTAMP '2015-01-01', TIMESTAMP '2018-12-01', INTERVAL 1 MONTH)) period)
    WHERE period <= last_period AND (frequency = 'm' OR month(period) % 3 = 1);
INSERT INTO silver.release_calendar BY NAME
    SELECT 'fred' AS source, release_id, day::DATE AS release_date, 'Release ' || release_id AS release_name
    FROM (VALUES (10), (53)) r(release_id), (SELECT unnest(range(TIMESTAMP '2018-01-04', TIMESTAMP '2019-01-04', INTERVAL 7 DAY)) AS day);
INSERT INTO silver.documents BY NAME
    SELECT
        source || d || '-' || n AS document_id, source, CASE source WHEN 'rss' THEN 'article' ELSE 'post' END AS kind,
        DATE '2018-12-20' + d::INT AS session_date, 'About AAA' AS title, 'All of it' AS body, 'en' AS language,
        (DATE '2018-12-20' + d::INT)::TIMESTAMP AT TIME ZONE 'UTC' AS published_at, TIMESTAMPTZ '2019-01-01 12:00:00+00' AS ingested_at,
        false AS is_withdrawn
    FROM range(12) days(d), range(60) numbers(n), (VALUES ('rss'), ('reddit')) s(source);
INSERT INTO silver.document_groups BY NAME
    SELECT document_id, source, session_date, published_at, document_id AS duplicate_group, 1 AS duplicate_size,
        document_id AS flood_group, 1 AS flood_size
    FROM silver.documents;
INSERT INTO silver.instrument_terms BY NAME
    SELECT instrument_id, symbol, 'ticker' AS term_kind, symbol AS term FROM silver.instruments;
INSERT INTO silver.document_mentions BY NAME
    SELECT document_id, source, session_date, 'a' AS instrument_id, 'AAA' AS symbol, 7 AS position, 'AAA' AS evidence, 1 AS candidates
    FROM silver.documents;
INSERT INTO silver.fear_greed BY NAME
    SELECT 'alternative_me' AS index_name, 'alternative_me' AS source, day::DATE AS session_date, 40 + n % 5 AS value, true AS is_current
    FROM (SELECT day, row_number() OVER () AS n FROM range(TIMESTAMP '2018-09-01', TIMESTAMP '2019-01-02', INTERVAL 1 DAY) d(day));
INSERT INTO silver.quarantine BY NAME SELECT * FROM (VALUES
    ('q1', 'silver.daily_bars_by_source', 'rejected', 'wrong', 'ann', TIMESTAMPTZ '2019-01-01 09:00:00+00', 'decimal_slip'),
    ('q2', 'raw.eodhd_eod', 'open', NULL, NULL, NULL, 'not as documented')
) AS rows(quarantine_id, dataset, state, note, decided_by, decided_at, rule);
UPDATE silver.quarantine SET source = 'eodhd', object_id = 'object', row_number = 7, ingested_at = TIMESTAMPTZ '2018-12-20 00:00:00+00';
INSERT INTO silver.reconciliation BY NAME
    SELECT source, venue, session_date, 30 AS expected, 30 AS received, 0 AS missing, 0 AS quarantined, 0 AS different, 0 AS suspected
    FROM (SELECT DISTINCT source, venue, session_date FROM silver.daily_bars_by_source);
