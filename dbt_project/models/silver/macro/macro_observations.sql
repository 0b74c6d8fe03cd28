{{ config(
    unique_key=['source', 'series_id', 'frequency', 'period', 'known_from'],
    meta={
        'dagster': {'asset_key': ['silver', 'macro', 'macro_observations']},
        'scope': ['source', 'series_id', 'frequency'],
        'touched_by': {
            'fred_observations': ["'fred'", 'series_id', 'frequency'],
            'imf_observations': ["'imf'", imf_series_id(), period_frequency('time_period')],
            'landing_macro_observations': ["'landing'", 'series_id', "coalesce(lower(frequency), '')"],
        },
    },
) }}

with received as (
    select * from {{ ref('stg_fred__observations') }} {{ only_touched() }}
    union all
    select * from {{ ref('stg_imf__observations') }} {{ only_touched() }}
    union all
    select * from {{ ref('stg_landing__macro_observations') }} {{ only_touched() }}
),

told as (
    select
        source,
        series_id,
        frequency,
        period,
        known_from,
        value,
        seen_at,
        ingested_at,
        object_id,
        min(known_from) over (partition by source, series_id, frequency, period) as first_known
    from received
    {{ last_received(['source', 'series_id', 'frequency', 'period', 'known_from'], then=['row_number']) }}
),

vintages as (
    select
        source,
        series_id,
        frequency,
        known_from,
        min(period) as first_period,
        count(*) filter (where first_known < known_from) as restated,
        count(*) filter (where first_known = known_from) as added,
        max(seen_at) as seen_at,
        max(ingested_at) as ingested_at,
        max_by(object_id, (ingested_at, object_id)) as object_id
    from told
    where source != 'fred'
    group by source, series_id, frequency, known_from
),

-- A vintage that begins where the series began and restates more than half of it is the whole series, and so is what
-- the IMF answers, from its first period on. FRED tells changes only, a withdrawal among them.
whole as (
    select *
    from vintages
    window
        earlier as (
            partition by source, series_id, frequency order by known_from
            rows between unbounded preceding and 1 preceding
        )
    qualify
        source = 'imf'
        or (
            first_period <= min(first_period) over earlier
            and 2 * restated > sum(added) over earlier
        )
),

-- What a whole vintage no longer has was withdrawn.
withdrawn as (
    select
        told.source,
        told.series_id,
        told.frequency,
        told.period,
        whole.known_from,
        cast(null as double) as value,
        whole.seen_at,
        whole.ingested_at,
        whole.object_id
    from (
        select
            *,
            lead(known_from) over (partition by source, series_id, frequency, period order by known_from) as told_again
        from told
    ) as told
    asof inner join whole
        on
            told.source = whole.source
            and told.series_id = whole.series_id
            and told.frequency = whole.frequency
            and told.known_from < whole.known_from
    where
        told.value is not null
        and told.period >= whole.first_period
        and coalesce(whole.known_from < told.told_again, true)
),

-- A vintage that repeats the one before is no news.
changes as (
    select *
    from (
        select * exclude (first_known) from told
        union all
        select * from withdrawn
    ) as statements
    window vintages_of_it as (partition by source, series_id, frequency, period order by known_from)
    qualify
        row_number() over vintages_of_it = 1
        or value is distinct from lag(value) over vintages_of_it
)

select
    series_id,
    frequency,
    period,
    value,
    case
        when value is not null then 'published'
        when row_number() over vintages_of_it = 1 then 'missing'
        else 'withdrawn'
    end as status,
    known_from,
    coalesce(lead(known_from) over vintages_of_it - 1, date '9999-12-31') as known_to,
    {{ utc_midnight('period') }} as event_time,
    coalesce(seen_at, {{ known_from_next_session('known_from') }}) as published_at,
    ingested_at,
    source,
    object_id
from changes
window vintages_of_it as (partition by source, series_id, frequency, period order by known_from)
