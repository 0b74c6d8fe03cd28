select
    'eodhd' as source,
    exchange as venue,
    code as symbol,
    code || '.' || exchange as vendor_symbol,
    case when exchange = 'INDX' then 'index' else 'equity' end as instrument_type,
    {{ eodhd_currency("code || '.' || exchange") }} as currency,
    date as session_date,
    {{ bar_values(adjusted='adjusted_close', split_adjusted_volume=true) }},
    {{ new_york('date', '16:00') }} as event_time,
    0 as row_number,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'eodhd_bulk_eod') }}
where {{ positive('close') }} is not null
