-- The UTC day of a pair, from its candles: where a day was loaded in several lengths, from the shortest.
with candles as (
    select *
    from {{ ref('stg_binance__intraday_bars') }}
    {{ last_received(['symbol', 'interval_seconds', 'bar_open']) }}
),

finest as (
    select *
    from candles
    qualify rank() over (partition by symbol, session_date order by interval_seconds) = 1
)

select
    'binance' as source,
    'binance' as venue,
    symbol,
    symbol as vendor_symbol,
    'crypto_pair' as instrument_type,
    currency,
    session_date,
    arg_min(open_raw, bar_open) as open_raw,
    max(high_raw) as high_raw,
    min(low_raw) as low_raw,
    arg_max(close_raw, bar_open) as close_raw,
    cast(null as double) as close_vendor_adj,
    cast(sum(cast(volume_raw as decimal(38, 10))) as double) as volume_raw,
    false as is_volume_split_adjusted,
    {{ utc_midnight('session_date + 1') }} as event_time,
    0 as row_number,
    max(partition_date) as partition_date,
    max(ingested_at) as ingested_at,
    arg_max(object_id, bar_open) as object_id
from finest
group by symbol, currency, session_date
