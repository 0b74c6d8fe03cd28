-- Bars are named by their opening; a minute without a trade is absent.
select
    symbol,
    symbol as vendor_symbol,
    'alpaca' as source,
    'equity' as instrument_type,
    'unknown' as venue,
    'USD' as currency,
    'XNYS' as calendar,
    feed,
    {{ new_york_day('try_cast(timestamp as timestamptz)') }} as session_date,
    60 as interval_seconds,
    try_cast(timestamp as timestamptz) as bar_open,
    {{ positive('open') }} as open_raw,
    {{ positive('high') }} as high_raw,
    {{ positive('low') }} as low_raw,
    {{ positive('close') }} as close_raw,
    {{ not_negative('volume') }} as volume_raw,
    {{ positive('vwap') }} as vwap_raw,
    trade_count,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'alpaca_minute_bars') }}
where {{ positive('close') }} is not null and try_cast(timestamp as timestamptz) is not null
