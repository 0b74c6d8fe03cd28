-- A file says whether its time is the bar's opening or its close; silver names bars by their opening.
with opened as (
    select
        *,
        {{ landed_calendar() }} as known_calendar,
        coalesce(interval_seconds, 60) as seconds,
        {{ landed_bar_open() }} as bar_open
    from {{ source('raw', 'landing_intraday_bars') }}
)

select
    symbol,
    symbol as vendor_symbol,
    'landing' as source,
    case when known_calendar = 'XNYS' then 'equity' else 'crypto_pair' end as instrument_type,
    'unknown' as venue,
    case when known_calendar = 'XNYS' then 'USD' else {{ quote_asset('symbol') }} end as currency,
    known_calendar as calendar,
    {{ session_day('bar_open', 'known_calendar') }} as session_date,
    seconds as interval_seconds,
    bar_open,
    {{ positive('open') }} as open_raw,
    {{ positive('high') }} as high_raw,
    {{ positive('low') }} as low_raw,
    {{ positive('close') }} as close_raw,
    {{ not_negative('volume') }} as volume_raw,
    row_number,
    partition_date,
    ingested_at,
    object_id
from opened
where {{ positive('close') }} is not null
