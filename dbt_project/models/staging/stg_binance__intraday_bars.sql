-- Candles are named by their opening. One that was streamed and later loaded is the same candle.
with sent as (
    select
        symbol, interval, open_time, open, high, low, close, volume, quote_volume, trades, partition_date, ingested_at,
        object_id
    from {{ source('raw', 'binance_klines') }}
    union all
    select
        symbol, interval, open_time, open, high, low, close, volume, quote_volume, trades, partition_date, ingested_at,
        object_id
    from {{ source('raw', 'binance_kline_stream') }}
    union all
    select
        symbol, interval, open_time, open, high, low, close, volume, quote_volume, trades, partition_date, ingested_at,
        object_id
    from {{ source('raw', 'binance_dumps_klines') }}
)

select
    {{ instrument_id('binance', 'symbol') }} as instrument_id,
    symbol,
    symbol as vendor_symbol,
    'binance' as source,
    'crypto_pair' as instrument_type,
    'binance' as venue,
    {{ quote_asset('symbol') }} as currency,
    '24/7' as calendar,
    {{ utc_day(epoch_time('open_time')) }} as session_date,
    {{ interval_seconds('interval') }} as interval_seconds,
    {{ epoch_time('open_time') }} as bar_open,
    {{ positive('open') }} as open_raw,
    {{ positive('high') }} as high_raw,
    {{ positive('low') }} as low_raw,
    {{ positive('close') }} as close_raw,
    {{ not_negative('volume') }} as volume_raw,
    {{ positive('try_cast(quote_volume as double) / nullif(try_cast(volume as double), 0)') }} as vwap_raw,
    trades as trade_count,
    partition_date,
    ingested_at,
    object_id
from sent
where {{ positive('close') }} is not null and {{ interval_seconds('interval') }} < 86400
