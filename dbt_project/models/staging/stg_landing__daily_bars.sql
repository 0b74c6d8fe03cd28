select
    symbol,
    symbol as vendor_symbol,
    'landing' as source,
    'equity' as instrument_type,
    'unknown' as venue,
    'USD' as currency,
    date as session_date,
    {{ positive('open') }} as open_raw,
    {{ positive('high') }} as high_raw,
    {{ positive('low') }} as low_raw,
    {{ positive('close') }} as close_raw,
    {{ not_negative('volume') }} as volume_raw,
    {{ new_york('date', '16:00') }} as event_time,
    row_number,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'landing_daily_bars') }}
where {{ positive('close') }} is not null
