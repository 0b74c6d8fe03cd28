{{ config(
    unique_key=['instrument_id', 'session_date'],
    meta={
        'dagster': {'asset_key': ['silver', 'market', 'daily_bars']},
        'scope': ['symbol', 'session_date'],
        'touched_by': {
            'eodhd_eod': [eodhd_ticker('symbol'), 'date'],
            'binance_klines': ['symbol', utc_day(epoch_time('open_time'))],
            'landing_daily_bars': ['symbol', 'date'],
        },
        'also_touched': 'select symbol, date from lake.raw.landing_daily_bars where symbol in (select symbol from touched_keys)',
    },
) }}

with eodhd as (
    select *
    from {{ ref('stg_eodhd__daily_bars') }}
    {{ only_touched() }}
    {{ last_received(['vendor_symbol', 'session_date']) }}
),

landed as (
    select *
    from {{ ref('stg_landing__daily_bars') }}
    {{ only_touched() }}
    {{ last_received(['symbol', 'session_date'], then=['row_number']) }}
),

candles as (
    select *
    from {{ ref('stg_binance__candles') }}
    {{ only_touched() }}
    {{ last_received(['symbol', 'candle_minutes', 'candle_start']) }}
),

-- Where a day was loaded in several lengths, its shortest candles make the bar.
finest_candles as (
    select *
    from candles
    qualify rank() over (partition by symbol, session_date order by candle_minutes) = 1
),

crypto_days as (
    select
        instrument_id,
        symbol,
        source,
        currency,
        session_date,
        arg_min(open_raw, candle_start) as open_raw,
        max(high_raw) as high_raw,
        min(low_raw) as low_raw,
        arg_max(close_raw, candle_start) as close_raw,
        cast(sum(volume_raw) as double) as volume_raw,
        max(ingested_at) as ingested_at,
        arg_max(object_id, candle_start) as object_id
    from finest_candles
    group by instrument_id, symbol, source, currency, session_date
),

-- As in instruments: a bare ticker means the listing in the US, else the first by name.
known_tickers as (
    select symbol, instrument_id, currency
    from {{ ref('instruments') }}
    where source = 'eodhd'
    qualify row_number() over (partition by symbol order by venue = 'US' desc, vendor_symbol) = 1
),

bars as (
    select
        instrument_id, symbol, session_date, open_raw, high_raw, low_raw, close_raw,
        close_total_return_adj, volume_raw, currency, event_time, ingested_at, source, object_id
    from eodhd
    union all
    select
        instrument_id, symbol, session_date, open_raw, high_raw, low_raw, close_raw,
        null as close_total_return_adj, volume_raw, currency,
        {{ utc_midnight('session_date + 1') }} as event_time, ingested_at, source, object_id
    from crypto_days
    union all
    select
        coalesce(known.instrument_id, {{ instrument_id('landing', 'landed.symbol') }}) as instrument_id,
        landed.symbol, landed.session_date, landed.open_raw, landed.high_raw, landed.low_raw, landed.close_raw,
        null as close_total_return_adj, landed.volume_raw, coalesce(known.currency, landed.currency) as currency,
        landed.event_time, landed.ingested_at, landed.source, landed.object_id
    from landed
    left join known_tickers as known on landed.symbol = known.symbol
)

select
    instrument_id,
    symbol,
    session_date,
    open_raw,
    high_raw,
    low_raw,
    close_raw,
    close_total_return_adj,
    volume_raw,
    currency,
    event_time,
    event_time as published_at,
    ingested_at,
    source,
    object_id
from bars
qualify row_number() over (partition by instrument_id, session_date order by {{ source_priority('source') }}) = 1
