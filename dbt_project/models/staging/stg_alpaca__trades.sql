-- A trade that was cancelled or corrected is not valid; the correction is a trade of its own.
select
    symbol,
    symbol as vendor_symbol,
    'alpaca' as source,
    'equity' as instrument_type,
    'unknown' as venue,
    'USD' as currency,
    feed,
    exchange,
    exchange || ':' || cast(trade_id as varchar) as trade_id,
    trade_id as sequence,
    {{ new_york_day('try_cast(timestamp as timestamptz)') }} as session_date,
    {{ positive('price') }} as price,
    {{ positive('size') }} as quantity,
    conditions,
    coalesce(update in ('canceled', 'incorrect'), false) as is_cancelled,
    try_cast(timestamp as timestamptz) as event_time,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'alpaca_trades') }}
where
    {{ positive('price') }} is not null
    and {{ positive('size') }} is not null
    and try_cast(timestamp as timestamptz) is not null
