-- The feed "iex" holds a fraction of the volume, so its bars are another source than those of the whole tape.
select
    case feed when 'sip' then 'alpaca' else 'alpaca_iex' end as source,
    'US' as venue,
    symbol,
    symbol as vendor_symbol,
    'equity' as instrument_type,
    'USD' as currency,
    {{ new_york_day('cast(timestamp as timestamptz)') }} as session_date,
    {{ bar_values() }},
    {{ new_york(new_york_day('cast(timestamp as timestamptz)'), '16:00') }} as event_time,
    0 as row_number,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'alpaca_daily_bars') }}
where {{ positive('close') }} is not null
