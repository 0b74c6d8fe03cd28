select
    'landing' as source,
    null::varchar as venue,
    symbol,
    symbol as vendor_symbol,
    'equity' as instrument_type,
    currency,
    date as session_date,
    {{ bar_values() }},
    {{ new_york('date', '16:00') }} as event_time,
    row_number,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'landing_daily_bars') }}
where {{ positive('close') }} is not null
