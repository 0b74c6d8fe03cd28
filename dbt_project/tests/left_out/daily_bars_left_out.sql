{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'daily_bars'}}}) }}
-- depends_on: {{ ref('daily_bars') }}

-- Raw rows that make no bar because they have no usable close.
select 'eodhd' as source, symbol, date, object_id
from {{ source('raw', 'eodhd_eod') }}
where {{ positive('close') }} is null
union all
select 'landing' as source, symbol, date, object_id
from {{ source('raw', 'landing_daily_bars') }}
where {{ positive('close') }} is null
union all
select 'binance' as source, symbol, {{ utc_day(epoch_time('open_time')) }} as date, object_id
from {{ source('raw', 'binance_klines') }}
where {{ positive('close') }} is null
union all
select 'coingecko' as source, {{ coin_symbol() }} as symbol, {{ utc_day(epoch_time('time')) }} - 1 as date, object_id
from {{ source('raw', 'coingecko_market_chart') }}
where {{ positive('price') }} is null and {{ is_midnight('time') }}
