{{ config(
    unique_key=['instrument_id', 'interval_seconds', 'bar_open', 'source'],
    meta={
        'dagster': {'asset_key': ['silver', 'market', 'intraday_bars']},
        'scope': ['symbol', 'session_date'],
        'touched_by': {
            'silver.ticker_history': ['cast(null as varchar)', 'cast(null as date)'],
            'binance_klines': ['symbol', utc_day(epoch_time('open_time'))],
            'binance_kline_stream': ['symbol', utc_day(epoch_time('open_time'))],
            'binance_dumps_klines': ['symbol', utc_day(epoch_time('open_time'))],
            'eodhd_intraday': [
                eodhd_ticker('symbol'), session_day('to_timestamp(timestamp)', eodhd_calendar('symbol')),
            ],
            'alpaca_minute_bars': ['symbol', new_york_day('try_cast(timestamp as timestamptz)')],
            'tiingo_intraday': ['symbol', new_york_day('try_cast(date as timestamptz)')],
            'iex_intraday': ['symbol', 'date'],
            'landing_intraday_bars': ['symbol', session_day(landed_bar_open(), landed_calendar())],
        },
        'also_touched': renamed_tickers('intraday_bars'),
    },
) }}

with binance as (
    select *
    from {{ ref('stg_binance__intraday_bars') }}
    {{ only_touched() }}
    {{ last_received(['vendor_symbol', 'interval_seconds', 'bar_open']) }}
),

eodhd as (
    select *
    from {{ ref('stg_eodhd__intraday_bars') }}
    {{ only_touched() }}
    {{ last_received(['vendor_symbol', 'interval_seconds', 'bar_open']) }}
),

alpaca as (
    select *
    from {{ ref('stg_alpaca__intraday_bars') }}
    {{ only_touched() }}
    qualify row_number() over (
        partition by symbol, bar_open
        order by feed = 'sip' desc, ingested_at desc, partition_date desc, object_id desc
    ) = 1
),

tiingo as (
    select *
    from {{ ref('stg_tiingo__intraday_bars') }}
    {{ only_touched() }}
    {{ last_received(['vendor_symbol', 'interval_seconds', 'bar_open']) }}
),

iex as (
    select *
    from {{ ref('stg_iex__intraday_bars') }}
    {{ only_touched() }}
    {{ last_received(['vendor_symbol', 'interval_seconds', 'bar_open']) }}
),

landing as (
    select *
    from {{ ref('stg_landing__intraday_bars') }}
    {{ only_touched() }}
    {{ last_received(['symbol', 'interval_seconds', 'bar_open'], then=['row_number']) }}
),

venues as (
    {{ venue_of_tickers(ref('ticker_history')) }}
),

bars as (
    select
        venue, symbol, session_date, interval_seconds, bar_open, calendar, open_raw, high_raw, low_raw, close_raw,
        volume_raw, vwap_raw, trade_count, currency, ingested_at, source, object_id
    from binance
    union all
    select
        venue, symbol, session_date, interval_seconds, bar_open, calendar, open_raw, high_raw, low_raw, close_raw,
        volume_raw, null as vwap_raw, null as trade_count, currency, ingested_at, source, object_id
    from eodhd
    union all
    select
        null as venue, symbol, session_date, interval_seconds, bar_open, calendar, open_raw, high_raw, low_raw, close_raw,
        volume_raw, vwap_raw, trade_count, currency, ingested_at, source, object_id
    from alpaca
    union all
    select
        null as venue, symbol, session_date, interval_seconds, bar_open, calendar, open_raw, high_raw, low_raw, close_raw,
        volume_raw, null as vwap_raw, null as trade_count, currency, ingested_at, source, object_id
    from tiingo
    union all
    select
        null as venue, symbol, session_date, interval_seconds, bar_open, calendar, open_raw, high_raw, low_raw, close_raw,
        volume_raw, vwap_raw, trade_count, currency, ingested_at, source, object_id
    from iex
    union all
    select
        {{ venue_of_file() }} as venue, symbol, session_date, interval_seconds, bar_open, calendar, open_raw, high_raw, low_raw, close_raw,
        volume_raw, null as vwap_raw, null as trade_count, currency, ingested_at, source, object_id
    from landing
)

select
    held.instrument_id,
    bars.symbol,
    bars.interval_seconds,
    bars.bar_open,
    bars.bar_open + to_seconds(bars.interval_seconds) as bar_close,
    bars.session_date,
    bars.calendar,
    case bars.calendar
        when '24/7' then true
        when 'XNYS' then coalesce(bars.bar_open >= sessions.opens_at and bars.bar_open < sessions.closes_at, false)
    end as is_regular_session,
    bars.open_raw,
    bars.high_raw,
    bars.low_raw,
    bars.close_raw,
    bars.volume_raw,
    bars.vwap_raw,
    bars.trade_count,
    bars.currency,
    bars.bar_open + to_seconds(bars.interval_seconds) as event_time,
    bars.bar_open + to_seconds(bars.interval_seconds) as published_at,
    bars.ingested_at,
    bars.source,
    bars.object_id
from bars
left join venues on bars.symbol = venues.symbol
inner join {{ ref('ticker_history') }} as held
    on
        coalesce(bars.venue, venues.venue, 'US') = held.venue
        and bars.symbol = held.symbol
        and bars.session_date between held.valid_from and held.valid_to
left join {{ ref('sessions') }} as sessions
    on bars.calendar = sessions.calendar and bars.session_date = sessions.session_date
