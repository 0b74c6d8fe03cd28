{{ config(
    unique_key=['instrument_id', 'trade_id'],
    meta={
        'dagster': {'asset_key': ['silver', 'market', 'trades']},
        'scope': ['symbol', 'trade_id'],
        'touched_by': {'binance_agg_trades': ['symbol', 'cast(agg_trade_id as varchar)']},
    },
) }}

select
    instrument_id,
    symbol,
    trade_id,
    session_date,
    price,
    quantity,
    price * quantity as notional_usd,
    aggressor_side,
    event_time,
    event_time as published_at,
    ingested_at,
    source,
    object_id
from {{ ref('stg_binance__trades') }}
{{ only_touched() }}
{{ last_received(['instrument_id', 'trade_id']) }}
