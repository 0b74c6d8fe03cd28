select
    {{ instrument_id('binance', 'symbol') }} as instrument_id,
    symbol,
    symbol as vendor_symbol,
    'binance' as source,
    'crypto_pair' as instrument_type,
    'binance' as venue,
    {{ quote_asset('symbol') }} as currency,
    {{ utc_day(epoch_time('open_time')) }} as session_date,
    case interval when '1m' then 1 when '5m' then 5 when '15m' then 15 when '1h' then 60 end as candle_minutes,
    {{ epoch_time('open_time') }} as candle_start,
    {{ positive('open') }} as open_raw,
    {{ positive('high') }} as high_raw,
    {{ positive('low') }} as low_raw,
    {{ positive('close') }} as close_raw,
    try_cast(volume as decimal(38, 10)) as volume_raw,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'binance_klines') }}
where {{ positive('close') }} is not null
