{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'trades'}}}) }}
-- depends_on: {{ ref('trades') }}
-- noqa: disable=LT02

-- Raw trades that are none: without a usable price, quantity, side or time, or taken back by the vendor.
{% for table in ['binance_agg_trades', 'binance_dumps_agg_trades', 'binance_trade_stream'] %}
select
    'binance' as source,
    symbol,
    cast(agg_trade_id as varchar) as trade_id,
    case
        when first_trade_id < 0 then 'taken back'
        when is_buyer_maker is null then 'no side'
        else 'no price or quantity'
    end as reason,
    object_id
from {{ source('raw', table) }}
where {{ positive('price') }} is null or {{ positive('quantity') }} is null or is_buyer_maker is null
union all
{% endfor %}
select
    'alpaca' as source,
    symbol,
    cast(trade_id as varchar) as trade_id,
    case
        when update in ('canceled', 'incorrect') then update
        when try_cast(timestamp as timestamptz) is null then 'no time'
        else 'no price or quantity'
    end as reason,
    object_id
from {{ source('raw', 'alpaca_trades') }}
where
    {{ positive('price') }} is null
    or {{ positive('size') }} is null
    or try_cast(timestamp as timestamptz) is null
    or update in ('canceled', 'incorrect')
union all
select
    'landing' as source,
    symbol,
    trade_id,
    'no price or quantity' as reason,
    object_id
from {{ source('raw', 'landing_trades') }}
where {{ positive('price') }} is null or {{ positive('quantity') }} is null
