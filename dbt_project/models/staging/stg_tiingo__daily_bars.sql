select
    'tiingo' as source,
    'US' as venue,
    symbol,
    symbol as vendor_symbol,
    'equity' as instrument_type,
    'USD' as currency,
    date as session_date,
    {{ bar_values(adjusted='adj_close') }},
    {{ new_york('date', '16:00') }} as event_time,
    0 as row_number,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'tiingo_daily') }}
where {{ positive('close') }} is not null
