{{ config(
    unique_key=['instrument_id', 'session_date', 'source', 'trade_id'],
    meta={
        'dagster': {'asset_key': ['silver', 'market', 'trades']},
        'scope': ['symbol', 'session_date'],
        'touched_by': {
            'silver.ticker_history': ['cast(null as varchar)', 'cast(null as date)'],
            'binance_agg_trades': ['symbol', utc_day(epoch_time('transact_time'))],
            'binance_trade_stream': ['symbol', utc_day(epoch_time('transact_time'))],
            'binance_dumps_agg_trades': ['symbol', utc_day(epoch_time('transact_time'))],
            'alpaca_trades': ['symbol', new_york_day('try_cast(timestamp as timestamptz)')],
            'landing_trades': ['symbol', session_day('time', landed_calendar())],
        },
        'also_touched': renamed_tickers('trades'),
    },
) }}

with binance as (
    select *
    from {{ ref('stg_binance__trades') }}
    {{ only_touched() }}
    {{ last_received(['symbol', 'session_date', 'trade_id']) }}
),

alpaca as (
    select *
    from {{ ref('stg_alpaca__trades') }}
    {{ only_touched() }}
    qualify row_number() over (
        partition by symbol, session_date, trade_id
        order by feed = 'sip' desc, ingested_at desc, partition_date desc, event_time desc, object_id desc
    ) = 1
),

-- A file that is dropped again under its name stands in the place of the one before.
landed_files as (
    select *
    from {{ ref('stg_landing__trades') }}
    {{ only_touched() }}
    qualify
        has_id
        or object_id = first_value(object_id) over (
            partition by symbol, session_date, file_name
            order by ingested_at desc, partition_date desc, object_id desc
        )
),

landed as (
    select *
    from landed_files
    {{ last_received(['symbol', 'session_date', 'trade_id'], then=['sequence']) }}
),

unsigned as (
    select
        symbol, source, currency, 'XNYS' as calendar, exchange, trade_id, sequence, session_date, price, quantity,
        cast(null as varchar) as sent_side, cast(null as double) as bid, cast(null as double) as ask,
        conditions, false as is_suspicious, event_time, ingested_at, object_id
    from alpaca
    where not is_cancelled
    union all
    select
        symbol, source, currency, calendar, exchange, trade_id, sequence, session_date, price, quantity,
        aggressor_side as sent_side, bid, ask, conditions, is_suspicious, event_time, ingested_at, object_id
    from landed
),

-- The tick rule looks back within the session only. A trade that the vendor doubts moves no price.
moves as (
    select
        *,
        case
            when not is_suspicious
                then nullif(
                    sign(price - lag(case when not is_suspicious then price end ignore nulls) over in_time), 0
                )
        end as price_move
    from unsigned
    window in_time as (partition by symbol, calendar, source, session_date order by event_time, sequence, trade_id)
),

ticks as (
    select
        *,
        last_value(price_move ignore nulls) over (
            partition by symbol, calendar, source, session_date order by event_time, sequence, trade_id
            rows between unbounded preceding and current row
        ) as tick,
        -- Twice the distance from the mid, rounded: (13.87 + 13.89) / 2 is not 13.88 in binary.
        sign(round(2 * price - bid - ask, 8)) as from_mid
    from moves
),

signed as (
    select
        *,
        case
            when sent_side is not null then 'exchange'
            when coalesce(nullif(from_mid, 0), tick) is null then 'unknown'
            when from_mid is not null then 'lee_ready'
            else 'tick_rule'
        end as side_method,
        coalesce(
            sent_side,
            case coalesce(nullif(from_mid, 0), tick) when 1 then 'buy' when -1 then 'sell' end
        ) as aggressor_side
    from ticks
),

venues as (
    {{ venue_of_tickers(ref('ticker_history')) }}
),

every_trade as (
    select
        instrument_id, symbol, trade_id, sequence, session_date, '24/7' as calendar, cast(null as varchar) as exchange,
        price, quantity, currency, aggressor_side, 'exchange' as side_method, false as is_suspicious,
        cast(null as varchar) as conditions, event_time, ingested_at, source, object_id
    from binance
    union all
    select
        held.instrument_id,
        signed.symbol, signed.trade_id, signed.sequence, signed.session_date, signed.calendar, signed.exchange,
        signed.price, signed.quantity, signed.currency, signed.aggressor_side, signed.side_method, signed.is_suspicious,
        signed.conditions, signed.event_time, signed.ingested_at, signed.source, signed.object_id
    from signed
    left join venues on signed.symbol = venues.symbol
    inner join {{ ref('ticker_history') }} as held
        on
            case when signed.calendar = 'XNYS' then coalesce(venues.venue, 'US') else 'landing' end = held.venue
            and signed.symbol = held.symbol
            and signed.session_date between held.valid_from and held.valid_to
)

select
    instrument_id,
    symbol,
    trade_id,
    sequence,
    session_date,
    calendar,
    exchange,
    price,
    quantity,
    currency,
    price * quantity as notional,
    case when {{ is_dollar('currency') }} then price * quantity end as notional_usd,
    aggressor_side,
    side_method,
    is_suspicious,
    conditions,
    event_time,
    event_time as published_at,
    ingested_at,
    source,
    object_id
from every_trade
