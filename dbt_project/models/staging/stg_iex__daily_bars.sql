-- Plain prices are split adjusted, so only rows with unadjusted ones make a bar.
select
    'iex' as source,
    'US' as venue,
    symbol,
    symbol as vendor_symbol,
    'equity' as instrument_type,
    'USD' as currency,
    date as session_date,
    {{ bar_values('unadjusted_', adjusted='fully_adjusted_close') }},
    {{ new_york('date', '16:00') }} as event_time,
    0 as row_number,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'iex_chart') }}
where {{ positive('unadjusted_close') }} is not null
