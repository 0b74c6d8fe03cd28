-- Bars are named by their opening and hold the IEX book only.
select
    symbol,
    symbol as vendor_symbol,
    'tiingo' as source,
    'equity' as instrument_type,
    'unknown' as venue,
    'USD' as currency,
    'XNYS' as calendar,
    {{ new_york_day('try_cast(date as timestamptz)') }} as session_date,
    {{ interval_seconds('interval') }} as interval_seconds,
    try_cast(date as timestamptz) as bar_open,
    {{ positive('open') }} as open_raw,
    {{ positive('high') }} as high_raw,
    {{ positive('low') }} as low_raw,
    {{ positive('close') }} as close_raw,
    {{ not_negative('volume') }} as volume_raw,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'tiingo_intraday') }}
where {{ positive('close') }} is not null and try_cast(date as timestamptz) is not null
