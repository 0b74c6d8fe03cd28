-- The UTC day of a coin in a currency: from its candles where they cover all of it, else its last price alone. Candles
-- are named by their close, so that the one at midnight is the last of the day before; so is a chart's point at
-- midnight, off by some seconds at most where points are hourly. The point of the moment lies elsewhere and ends no day.
-- A chart's volume is the money of 24 hours at all exchanges, no number of coins.
with candles as (
    select
        *,
        case candle when '30m' then 48 when '4h' then 6 end as candles_a_day,
        {{ utc_day(epoch_time('(close_time - 1)')) }} as session_date
    from {{ source('raw', 'coingecko_ohlc') }}
    where {{ positive('close') }} is not null and candle in ('30m', '4h')
),

whole_days as (
    select
        coin_id,
        vs_currency,
        session_date,
        arg_min({{ positive('open') }}, close_time) as open_raw,
        max({{ positive('high') }}) as high_raw,
        min({{ positive('low') }}) as low_raw,
        arg_max({{ positive('close') }}, close_time) as close_raw,
        if(candle = '30m', 1, 2) as preference,
        max(partition_date) as partition_date,
        max(ingested_at) as ingested_at,
        arg_max(object_id, close_time) as object_id
    from candles
    group by coin_id, vs_currency, candle, candles_a_day, session_date
    having count(*) = candles_a_day and bool_or({{ is_midnight('close_time') }})
),

told as (
    select * from whole_days
    union all
    select
        coin_id,
        vs_currency,
        {{ utc_day(epoch_time('time')) }} - 1 as session_date,
        cast(null as double) as open_raw,
        cast(null as double) as high_raw,
        cast(null as double) as low_raw,
        {{ positive('price') }} as close_raw,
        -- Of several points the nearest to midnight.
        3 + time % 86400000 as preference,
        partition_date,
        ingested_at,
        object_id
    from {{ source('raw', 'coingecko_market_chart') }}
    where {{ positive('price') }} is not null and {{ is_midnight('time') }}
)

select
    'coingecko' as source,
    'coingecko' as venue,
    {{ coin_symbol() }} as symbol,
    coin_id as vendor_symbol,
    'crypto_pair' as instrument_type,
    upper(vs_currency) as currency,
    session_date,
    open_raw,
    high_raw,
    low_raw,
    close_raw,
    cast(null as double) as close_vendor_adj,
    cast(null as double) as volume_raw,
    false as is_volume_split_adjusted,
    {{ utc_midnight('session_date + 1') }} as event_time,
    0 as row_number,
    partition_date,
    ingested_at,
    object_id
from told
qualify row_number() over (
    partition by coin_id, vs_currency, session_date order by preference asc, ingested_at desc, object_id asc
) = 1
