{{ config(
    unique_key=['instrument_id'],
    meta={
        'dagster': {'asset_key': ['silver', 'market', 'instruments']},
        'scope': ['symbol'],
        'touched_by': {
            'eodhd_eod': [eodhd_ticker('symbol')],
            'binance_klines': ['symbol'],
            'binance_agg_trades': ['symbol'],
            'landing_daily_bars': ['symbol'],
        },
    },
) }}

with eodhd as (
    select instrument_id, symbol, vendor_symbol, source, instrument_type, venue, currency, session_date
    from {{ ref('stg_eodhd__daily_bars') }}
    {{ only_touched() }}
),

candles as (
    select instrument_id, symbol, vendor_symbol, source, instrument_type, venue, currency, session_date
    from {{ ref('stg_binance__candles') }}
    {{ only_touched() }}
),

trades as (
    select instrument_id, symbol, vendor_symbol, source, instrument_type, venue, currency, session_date
    from {{ ref('stg_binance__trades') }}
    {{ only_touched() }}
),

landed as (
    select symbol, vendor_symbol, source, instrument_type, venue, currency, session_date
    from {{ ref('stg_landing__daily_bars') }}
    {{ only_touched() }}
),

-- The one instrument that a bare ticker in a landed file means: the listing in the US, else the first by name.
known_tickers as (
    select symbol, instrument_id, vendor_symbol, source, instrument_type, venue, currency
    from eodhd
    qualify row_number() over (partition by symbol order by venue = 'US' desc, vendor_symbol) = 1
),

sightings as (
    select * from eodhd
    union all
    select * from candles
    union all
    select * from trades
    union all
    select
        coalesce(known.instrument_id, {{ instrument_id('landing', 'landed.symbol') }}) as instrument_id,
        landed.symbol,
        coalesce(known.vendor_symbol, landed.vendor_symbol) as vendor_symbol,
        coalesce(known.source, landed.source) as source,
        coalesce(known.instrument_type, landed.instrument_type) as instrument_type,
        coalesce(known.venue, landed.venue) as venue,
        coalesce(known.currency, landed.currency) as currency,
        landed.session_date
    from landed
    left join known_tickers as known on landed.symbol = known.symbol
)

select
    instrument_id,
    symbol,
    vendor_symbol,
    source,
    instrument_type,
    venue,
    currency,
    min(session_date) as first_session,
    max(session_date) as last_session
from sightings
group by instrument_id, symbol, vendor_symbol, source, instrument_type, venue, currency
