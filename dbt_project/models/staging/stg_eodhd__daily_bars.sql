select
    'eodhd' as source,
    {{ eodhd_exchange('symbol') }} as venue,
    {{ eodhd_ticker('symbol') }} as symbol,
    symbol as vendor_symbol,
    case when {{ eodhd_exchange('symbol') }} = 'INDX' then 'index' else 'equity' end as instrument_type,
    {{ eodhd_currency('symbol') }} as currency,
    date as session_date,
    {{ bar_values(adjusted='adjusted_close', split_adjusted_volume=true) }},
    {{ new_york('date', '16:00') }} as event_time,
    0 as row_number,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'eodhd_eod') }}
where {{ positive('close') }} is not null
