{{ config(
    unique_key=['source', 'series_id', 'frequency', 'known_from'],
    meta={
        'dagster': {'asset_key': ['silver', 'macro', 'macro_series']},
        'scope': ['source', 'series_id'],
        'touched_by': {
            'fred_series': ["'fred'", 'series_id'],
            'fred_series_releases': ["'fred'", 'series_id'],
            'imf_observations': ["'imf'", imf_series_id()],
            'landing_macro_observations': ["'landing'", 'series_id'],
        },
    },
) }}

{% set described = [
    'title', 'units', 'unit_exponent', 'seasonal_adjustment', 'release_id', 'first_period', 'last_period', 'last_updated'
] %}

with received as (
    select * from {{ ref('stg_fred__series') }} {{ only_touched() }}
    union all
    select * from {{ ref('stg_imf__series') }} {{ only_touched() }}
    union all
    select * from {{ ref('stg_landing__macro_series') }} {{ only_touched() }}
),

releases as (
    select * from {{ ref('stg_fred__series_releases') }}
    {{ only_touched() }}
    {{ last_received(['source', 'series_id', 'known_from'], then=['release_id']) }}
),

told as (
    select * from received
    {{ last_received(['source', 'series_id', 'frequency', 'known_from']) }}
),

-- A vintage may hold a part of a series only: it does not begin later than it began.
described as (
    select
        told.* replace (
            min(told.first_period) over so_far as first_period,
            max(told.last_updated) over so_far as last_updated
        ),
        releases.release_id
    from told
    asof left join releases
        on
            told.source = releases.source
            and told.series_id = releases.series_id
            and told.known_from >= releases.known_from
    window so_far as (
        partition by told.source, told.series_id, told.frequency order by told.known_from
    )
),

changes as (
    select *
    from described
    window vintages as (partition by source, series_id, frequency order by known_from)
    qualify
        row_number() over vintages = 1
        {%- for column in described %}
            or {{ column }} is distinct from lag({{ column }}) over vintages
        {%- endfor %}
)

select
    series_id,
    frequency,
    title,
    units,
    unit_exponent,
    seasonal_adjustment,
    release_id,
    first_period,
    last_period,
    last_updated,
    known_from,
    coalesce(
        lead(known_from) over (partition by source, series_id, frequency order by known_from) - 1, date '9999-12-31'
    ) as known_to,
    {{ utc_midnight('known_from') }} as event_time,
    coalesce(seen_at, {{ known_from_next_session('known_from') }}) as published_at,
    ingested_at,
    source,
    object_id
from changes
