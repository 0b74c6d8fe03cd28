select
    {{ instrument_id('eodhd', 'symbol') }} as instrument_id,
    {{ eodhd_ticker('symbol') }} as symbol,
    symbol as vendor_symbol,
    'eodhd' as source,
    case when {{ eodhd_exchange('symbol') }} = 'INDX' then 'index' else 'equity' end as instrument_type,
    {{ eodhd_exchange('symbol') }} as venue,
    {{ eodhd_currency('symbol') }} as currency,
    date as session_date,
    {{ positive('open') }} as open_raw,
    {{ positive('high') }} as high_raw,
    {{ positive('low') }} as low_raw,
    {{ positive('close') }} as close_raw,
    {{ positive('adjusted_close') }} as close_total_return_adj,
    {{ not_negative('volume') }} as volume_raw,
    {{ new_york('date', '16:00') }} as event_time,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'eodhd_eod') }}
where {{ positive('close') }} is not null
