-- Rows without a trade id are fills of their own, equal or not: their file and position name them.
select
    symbol,
    symbol as vendor_symbol,
    'landing' as source,
    case when {{ landed_calendar() }} = 'XNYS' then 'equity' else 'crypto_pair' end as instrument_type,
    'unknown' as venue,
    case when {{ landed_calendar() }} = 'XNYS' then 'USD' else {{ quote_asset('symbol') }} end as currency,
    {{ landed_calendar() }} as calendar,
    exchange,
    case
        when trade_id is not null then concat_ws(':', exchange, trade_id)
        else left(object_id, 16) || ':' || cast(row_number as varchar)
    end as trade_id,
    trade_id is not null as has_id,
    row_number as sequence,
    {{ session_day('time', landed_calendar()) }} as session_date,
    {{ positive('price') }} as price,
    {{ positive('quantity') }} as quantity,
    aggressor_side,
    case when isfinite(bid) then bid end as bid,
    case when isfinite(ask) then ask end as ask,
    conditions,
    coalesce(is_suspicious, false) as is_suspicious,
    time as event_time,
    file_name,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'landing_trades') }}
where
    {{ positive('price') }} is not null
    and {{ positive('quantity') }} is not null
