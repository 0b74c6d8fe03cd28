-- Minutes are named by their opening in New York. The whole market's values where the reply has them, else IEX's own.
select
    symbol,
    symbol as vendor_symbol,
    'iex' as source,
    'equity' as instrument_type,
    'unknown' as venue,
    'USD' as currency,
    'XNYS' as calendar,
    date as session_date,
    60 as interval_seconds,
    (date + try_cast(minute as time)) at time zone 'America/New_York' as bar_open,
    {{ positive('case when market_close > 0 then market_open else open end') }} as open_raw,
    {{ positive('case when market_close > 0 then market_high else high end') }} as high_raw,
    {{ positive('case when market_close > 0 then market_low else low end') }} as low_raw,
    {{ positive('case when market_close > 0 then market_close else close end') }} as close_raw,
    {{ not_negative('case when market_close > 0 then market_volume else volume end') }} as volume_raw,
    {{ positive('case when market_close > 0 then market_average else average end') }} as vwap_raw,
    case when market_close > 0 then market_number_of_trades else number_of_trades end as trade_count,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'iex_intraday') }}
where {{ positive('case when market_close > 0 then market_close else close end') }} is not null and try_cast(minute as time) is not null
