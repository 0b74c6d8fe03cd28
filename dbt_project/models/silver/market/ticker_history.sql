{{ config(
    unique_key=['venue', 'symbol', 'valid_from'],
    meta={
        'dagster': {'asset_key': ['silver', 'market', 'ticker_history']},
        'scope': ['symbol'],
        'touched_by': {
            'eodhd_eod': [eodhd_ticker('symbol')],
            'eodhd_bulk_eod': ['code'],
            'tiingo_daily': ['symbol'],
            'alpaca_daily_bars': ['symbol'],
            'iex_chart': ['symbol'],
            'binance_klines': ['symbol'],
            'binance_kline_stream': ['symbol'],
            'binance_dumps_klines': ['symbol'],
            'coingecko_ohlc': [coin_symbol()],
            'coingecko_market_chart': [coin_symbol()],
            'binance_agg_trades': ['symbol'],
            'binance_trade_stream': ['symbol'],
            'binance_dumps_agg_trades': ['symbol'],
            'eodhd_intraday': [eodhd_ticker('symbol')],
            'tiingo_intraday': ['symbol'],
            'iex_intraday': ['symbol'],
            'alpaca_minute_bars': ['symbol'],
            'alpaca_trades': ['symbol'],
            'landing_trades': ['symbol'],
            'landing_intraday_bars': ['symbol'],
            'landing_daily_bars': ['symbol'],
            'landing_ticker_history': ['upper(ticker)'],
        },
        'also_touched': 'select upper(ticker) from lake.raw.landing_ticker_history where permanent_id in (select permanent_id from lake.raw.landing_ticker_history where upper(ticker) in (select symbol from touched_keys))',
    },
) }}

with bars as (
    select venue, symbol, session_date, close_raw, instrument_type, currency, source
    from ({{ bars_of_all_sources(only_touched()) }})
    union all
    {{ days_of_ticks(only_touched()) }}
),

-- Who held a ticker by a history of tickers.
listed as (
    select distinct on (symbol, valid_from) 'US' as venue, symbol, permanent_id, valid_from, valid_to
    from {{ ref('stg_landing__ticker_history') }}
    {{ only_touched() }}
    order by symbol asc, valid_from asc, valid_to desc, permanent_id asc
),

-- The bars of a source in a month that the history of tickers does not divide.
months_told as (
    select
        bars.venue,
        bars.symbol,
        bars.source,
        bars.instrument_type,
        bars.currency,
        listed.valid_from,
        date_trunc('month', bars.session_date) as month,
        min(bars.session_date) as first_session,
        max(bars.session_date) as last_session,
        arg_min(bars.close_raw, bars.session_date) as first_close,
        arg_max(bars.close_raw, bars.session_date) as last_close
    from bars
    left join listed
        on bars.symbol = listed.symbol and bars.session_date between listed.valid_from and listed.valid_to
    group by all
),

venues as (
    {{ venue_of_tickers('months_told') }}
),

months as (
    select
        coalesce(told.venue, venues.venue, 'US') as venue,
        told.symbol,
        min(told.first_session) as first_session,
        max(told.last_session) as last_session,
        arg_min(told.first_close, told.first_session) as first_close,
        arg_max(told.last_close, told.last_session) as last_close,
        arg_min(told.instrument_type, {{ source_priority('told.source') }}) as instrument_type,
        arg_min(told.currency, {{ source_priority('told.source') }}) filter (where told.currency <> 'XXX') as currency,
        min({{ source_priority('told.source') }}) as priority
    from months_told as told
    left join venues on told.symbol = venues.symbol
    group by coalesce(told.venue, venues.venue, 'US'), told.symbol, told.month, told.valid_from
),

resumed as (
    select
        venue,
        symbol,
        first_session,
        first_session - lag(last_session) over months_of_ticker > {{ silent_days() }}
        and {{ other_price('lag(last_close) over months_of_ticker', 'first_close') }} as is_another
    from months
    window months_of_ticker as (partition by venue, symbol order by first_session)
),

-- Elsewhere by the record of prices: the first holder from ever, each later one from its first session.
bounds as (
    select venue, symbol, valid_from, permanent_id, 'listed' as evidence
    from listed
    union all
    select ended.venue, ended.symbol, ended.valid_to + 1 as valid_from, null as permanent_id, 'unlisted' as evidence
    from listed as ended
    anti join listed as following on ended.symbol = following.symbol and ended.valid_to + 1 = following.valid_from
    where ended.valid_to < date '2050-01-01'
    union all
    select distinct venue, symbol, date '1900-01-01' as valid_from, null as permanent_id, 'unlisted' as evidence
    from listed
    union all
    select distinct
        months.venue, months.symbol, date '1900-01-01' as valid_from, null as permanent_id, 'prices' as evidence
    from months
    anti join listed on months.venue = listed.venue and months.symbol = listed.symbol
    union all
    select resumed.venue, resumed.symbol, resumed.first_session as valid_from, null as permanent_id, 'prices' as evidence
    from resumed
    anti join listed on resumed.venue = listed.venue and resumed.symbol = listed.symbol
    where resumed.is_another
),

holders as (
    select
        venue,
        symbol,
        valid_from,
        evidence,
        case
            when permanent_id is not null then {{ instrument_id('permanent', 'permanent_id') }}
            when valid_from = date '1900-01-01' then 'ins_' || left(md5(venue || '|' || symbol), 16)
            else 'ins_' || left(md5(venue || '|' || symbol || '|' || valid_from), 16)
        end as instrument_id
    from bounds
),

-- Neighbouring intervals of one holder are one.
changes as (
    select *
    from holders
    qualify instrument_id is distinct from lag(instrument_id) over (partition by venue, symbol order by valid_from)
),

intervals as (
    select
        *,
        coalesce(lead(valid_from) over (partition by venue, symbol order by valid_from) - 1, date '9999-12-31')
            as valid_to
    from changes
)

select
    intervals.instrument_id,
    intervals.venue,
    intervals.symbol,
    intervals.valid_from,
    intervals.valid_to,
    intervals.evidence,
    arg_min(months.instrument_type, months.priority) as instrument_type,
    arg_min(months.currency, months.priority) filter (where months.currency is not null) as currency,
    min(months.first_session) as first_session,
    max(months.last_session) as last_session
from intervals
inner join months
    on
        intervals.venue = months.venue
        and intervals.symbol = months.symbol
        and months.first_session between intervals.valid_from and intervals.valid_to
group by all
