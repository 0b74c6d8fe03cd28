-- Bars are named by their opening, in UTC. One without prices had no trade.
select
    {{ instrument_id('eodhd', 'symbol') }} as instrument_id,
    {{ eodhd_ticker('symbol') }} as symbol,
    symbol as vendor_symbol,
    'eodhd' as source,
    case when {{ eodhd_exchange('symbol') }} = 'INDX' then 'index' else 'equity' end as instrument_type,
    {{ eodhd_exchange('symbol') }} as venue,
    {{ eodhd_currency('symbol') }} as currency,
    {{ eodhd_calendar('symbol') }} as calendar,
    {{ session_day('to_timestamp(timestamp)', eodhd_calendar('symbol')) }} as session_date,
    {{ interval_seconds('interval') }} as interval_seconds,
    to_timestamp(timestamp) as bar_open,
    {{ positive('open') }} as open_raw,
    {{ positive('high') }} as high_raw,
    {{ positive('low') }} as low_raw,
    {{ positive('close') }} as close_raw,
    {{ not_negative('volume') }} as volume_raw,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'eodhd_intraday') }}
where {{ positive('close') }} is not null and {{ interval_seconds('interval') }} is not null
