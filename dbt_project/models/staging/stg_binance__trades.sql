-- A trade that was streamed and later loaded is the same trade: `trades` keeps the row received last.
with sent as (
    select
        symbol, agg_trade_id, price, quantity, transact_time, is_buyer_maker, partition_date, ingested_at, object_id
    from {{ source('raw', 'binance_agg_trades') }}
    union all
    select
        symbol, agg_trade_id, price, quantity, transact_time, is_buyer_maker, partition_date, ingested_at, object_id
    from {{ source('raw', 'binance_trade_stream') }}
    union all
    select
        symbol, agg_trade_id, price, quantity, transact_time, is_buyer_maker, partition_date, ingested_at, object_id
    from {{ source('raw', 'binance_dumps_agg_trades') }}
)

select
    {{ instrument_id('binance', 'symbol') }} as instrument_id,
    symbol,
    symbol as vendor_symbol,
    'binance' as source,
    'crypto_pair' as instrument_type,
    'binance' as venue,
    {{ quote_asset('symbol') }} as currency,
    cast(agg_trade_id as varchar) as trade_id,
    agg_trade_id as sequence,
    {{ utc_day(epoch_time('transact_time')) }} as session_date,
    {{ positive('price') }} as price,
    {{ positive('quantity') }} as quantity,
    case when is_buyer_maker then 'sell' else 'buy' end as aggressor_side,
    {{ epoch_time('transact_time') }} as event_time,
    partition_date,
    ingested_at,
    object_id
from sent
where
    {{ positive('price') }} is not null
    and {{ positive('quantity') }} is not null
    and is_buyer_maker is not null
