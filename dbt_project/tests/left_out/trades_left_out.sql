{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'trades'}}}) }}
-- depends_on: {{ ref('trades') }}

-- Raw trades without a usable price, quantity or side, or not quoted in dollars.
select symbol, agg_trade_id, price, quantity, is_buyer_maker, object_id
from {{ source('raw', 'binance_agg_trades') }}
where
    {{ positive('price') }} is null
    or {{ positive('quantity') }} is null
    or is_buyer_maker is null
    or not {{ is_dollar(quote_asset('symbol')) }}
