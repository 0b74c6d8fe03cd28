{{ config(
    unique_key=['instrument_id', 'ex_date', 'action', 'source'],
    meta={
        'dagster': {'asset_key': ['silver', 'market', 'corporate_actions']},
        'scope': ['venue'],
        'touched_by': {
            'silver.ticker_history': ['venue'],
            'eodhd_splits': [eodhd_exchange('symbol')],
            'eodhd_dividends': [eodhd_exchange('symbol')],
            'tiingo_daily': ["'US'"],
            'landing_corporate_actions': ["'US'"],
            'landing_adjustment_factors': ["'US'"],
        },
        'also_touched': 'select distinct venue from lake.silver.ticker_history',
    },
) }}

with actions as (
    select * from {{ ref('stg_eodhd__corporate_actions') }}
    union all
    select * from {{ ref('stg_tiingo__corporate_actions') }}
    union all
    select * from {{ ref('stg_landing__corporate_actions') }}
),

venues as (
    {{ venue_of_tickers(ref('ticker_history')) }}
),

permanent_ids as (
    select distinct instrument_id
    from {{ ref('ticker_history') }}
    where evidence = 'listed'
),

placed as (
    select actions.* replace (coalesce(actions.venue, venues.venue, 'US') as venue)
    from actions
    left join venues on actions.symbol = venues.symbol
),

identified as (
    select
        coalesce(permanent.instrument_id, held.instrument_id) as instrument_id,
        placed.*
    from placed
    left join permanent_ids as permanent
        on {{ instrument_id('permanent', 'placed.permanent_id') }} = permanent.instrument_id
    left join {{ ref('ticker_history') }} as held
        on
            placed.venue = held.venue
            and placed.symbol = held.symbol
            and placed.ex_date between held.valid_from and held.valid_to
)

select
    instrument_id,
    venue,
    symbol,
    ex_date,
    action,
    case when action in ('split', 'class_split') then ratio end as ratio,
    case when action in ('dividend', 'spin_off') then amount end as amount,
    coalesce(currency, 'XXX') as currency,
    announced_on,
    cast(row_number() over (
        partition by instrument_id, ex_date, action order by {{ source_priority('source') }}, source
    ) as bigint) as rank,
    {{ new_york('ex_date', '09:30') }} as event_time,
    least(
        {{ new_york('ex_date', '09:30') }}, coalesce({{ new_york('announced_on + 1', '09:30') }}, timestamptz '9999-01-01 00:00:00+00')
    ) as published_at,
    ingested_at,
    source,
    object_id
from identified
{{ only_touched() }}
where
    instrument_id is not null
    and (
        (action in ('split', 'class_split') and ratio > 0)
        or (action in ('dividend', 'spin_off') and amount > 0)
    )
