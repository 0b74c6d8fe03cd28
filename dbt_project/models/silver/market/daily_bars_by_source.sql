{{ config(
    unique_key=['instrument_id', 'session_date', 'source'],
    meta={
        'dagster': {'asset_key': ['silver', 'market', 'daily_bars_by_source']},
        'scope': ['symbol', 'session_date'],
        'touched_by': {
            'eodhd_eod': [eodhd_ticker('symbol'), 'date'],
            'eodhd_bulk_eod': ['code', 'date'],
            'silver.corporate_actions': ['symbol', 'ex_date'],
            'silver.ticker_history': ['cast(null as varchar)', 'cast(null as date)'],
            'quarantine_decisions': ['symbol', 'session_date'],
            'tiingo_daily': ['symbol', 'date'],
            'alpaca_daily_bars': ['symbol', new_york_day('cast(timestamp as timestamptz)')],
            'iex_chart': ['symbol', 'date'],
            'binance_klines': ['symbol', utc_day(epoch_time('open_time'))],
            'binance_kline_stream': ['symbol', utc_day(epoch_time('open_time'))],
            'binance_dumps_klines': ['symbol', utc_day(epoch_time('open_time'))],
            'coingecko_ohlc': [coin_symbol(), utc_day(epoch_time('(close_time - 1)'))],
            'coingecko_market_chart': [coin_symbol(), utc_day(epoch_time('time')) ~ ' - 1'],
            'landing_daily_bars': ['symbol', 'date'],
        },
        'also_touched': "
            select kept.symbol, kept.session_date
            from lake.silver.daily_bars_by_source as kept
            asof inner join touched_keys as touched
                on kept.symbol = touched.symbol and kept.session_date - " ~ judged_days() ~ " <= touched.session_date
            where
                touched.session_date <= kept.session_date + " ~ judged_days() ~ "
                and kept.session_date between getvariable('first_session_date') - " ~ judged_days() ~ "
                and getvariable('last_session_date') + " ~ judged_days() ~ "
            union " ~ renamed_tickers('daily_bars_by_source') ~ "
            union " ~ bars_before_new_splits(),
    },
) }}

{# A day is little: it is read once. Many years are rather read again than kept. #}
{% set kept = 'materialized' if is_incremental() else 'not materialized' %}
with bars as {{ kept }} (
    {{ bars_to_judge() }}
),

venues as (
    {{ venue_of_tickers(ref('ticker_history')) }}
),

splits as (
    {{ splits_by_instrument(ref('corporate_actions')) }}
),

identified as {{ kept }} (
    select
        held.instrument_id,
        held.venue,
        bars.* exclude (bars.venue, bars.currency, bars.volume_raw, bars.is_volume_split_adjusted),
        {{ volume_as_traded('bars', 'splits') }} as volume_raw,
        {{ source_priority('bars.source') }} as priority,
        coalesce(nullif(bars.currency, 'XXX'), held.currency, 'XXX') as currency,
        coalesce(nullif(bars.currency, 'XXX') <> held.currency, false) as is_of_another_currency
    from bars
    left join venues on bars.symbol = venues.symbol
    inner join {{ ref('ticker_history') }} as held
        on
            coalesce(bars.venue, venues.venue, 'US') = held.venue
            and bars.symbol = held.symbol
            and bars.session_date between held.valid_from and held.valid_to
    left join splits on held.instrument_id = splits.instrument_id
),

of_many_sources as (
    select instrument_id
    from identified
    group by instrument_id
    having count(distinct priority) > 1
),

verdicts as (
    {{ verdicts_on('identified', ref('corporate_actions'), 'of_many_sources') }}
),

judged as {{ kept }} (
    select
        identified.*,
        case when identified.is_of_another_currency then 'currency' else verdicts.fault end as fault,
        verdicts.suspicion,
        verdicts.outlier_score
    from identified
    left join verdicts using (instrument_id, priority, session_date)
),

named as {{ kept }} (
    select
        *,
        case when fault is not null then {{ bar_quarantine_id() }} end as quarantine_id
    from judged
),

decisions as (
    {{ last_decisions() }}
),

-- A bar without a fault counts, and one that somebody released.
counted as {{ kept }} (
    select
        named.*,
        named.fault is null or coalesce(decisions.decision = 'release', false) as is_believed
    from named
    left join decisions on named.quarantine_id = decisions.quarantine_id
),

ranks as (
    select
        counted.instrument_id,
        counted.priority,
        counted.session_date,
        row_number() over (
            partition by counted.instrument_id, counted.session_date order by counted.priority
        ) as rank
    from counted
    semi join of_many_sources using (instrument_id)
    where counted.is_believed
)

select
    counted.instrument_id,
    counted.symbol,
    counted.session_date,
    counted.open_raw,
    counted.high_raw,
    counted.low_raw,
    counted.close_raw,
    counted.volume_raw,
    counted.currency,
    counted.outlier_score,
    counted.suspicion,
    counted.venue,
    counted.close_vendor_adj,
    counted.fault,
    case when counted.is_believed then coalesce(ranks.rank, 1) end as rank,
    cast(counted.row_number as bigint) as row_number,
    counted.event_time,
    counted.event_time as published_at,
    counted.ingested_at,
    counted.source,
    counted.object_id
from counted
left join ranks using (instrument_id, priority, session_date)
{{ only_touched() }}
