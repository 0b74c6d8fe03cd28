{{ config(
    unique_key=['series_id', 'frequency', 'period', 'known_from'],
    meta={
        'dagster': {'asset_key': ['silver', 'macro', 'macro_observations']},
        'scope': ['series_id', 'frequency', 'period'],
        'touched_by': {'fred_observations': ['series_id', 'frequency', 'date']},
    },
) }}

with vintages as (
    select *
    from {{ ref('stg_fred__observations') }}
    {{ only_touched() }}
    {{ last_received(['series_id', 'frequency', 'period', 'known_from']) }}
)

select
    series_id,
    frequency,
    period,
    value,
    known_from,
    coalesce(
        lead(known_from) over (partition by series_id, frequency, period order by known_from) - 1, date '9999-12-31'
    ) as known_to,
    {{ utc_midnight('period') }} as event_time,
    {{ new_york('known_from + 1', '09:30') }} as published_at,
    ingested_at,
    source,
    object_id
from vintages
