select
    {{ instrument_id('binance', 'symbol') }} as instrument_id,
    symbol,
    symbol as vendor_symbol,
    'binance' as source,
    'crypto_pair' as instrument_type,
    'binance' as venue,
    {{ quote_asset('symbol') }} as currency,
    cast(agg_trade_id as varchar) as trade_id,
    {{ utc_day(epoch_time('transact_time')) }} as session_date,
    {{ positive('price') }} as price,
    {{ positive('quantity') }} as quantity,
    case when is_buyer_maker then 'sell' else 'buy' end as aggressor_side,
    {{ epoch_time('transact_time') }} as event_time,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'binance_agg_trades') }}
where
    {{ positive('price') }} is not null
    and {{ positive('quantity') }} is not null
    and is_buyer_maker is not null
    and {{ is_dollar(quote_asset('symbol')) }}
