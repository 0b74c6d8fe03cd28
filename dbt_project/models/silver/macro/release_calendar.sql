{{ config(
    unique_key=['source', 'release_id', 'release_date'],
    meta={
        'dagster': {'asset_key': ['silver', 'macro', 'release_calendar']},
        'scope': ['source', 'release_id'],
        'touched_by': {
            'fred_release_dates': ["'fred'", 'release_id'],
            'fred_release_schedule': ["'fred'", 'release_id'],
            'fred_releases': ["'fred'", 'release_id'],
        },
    },
) }}

-- What came out counts before what is due; a day that the last schedule no longer has was moved.
with dates as (
    select
        source,
        release_id,
        release_name,
        release_date,
        true as came_out,
        partition_date,
        ingested_at,
        object_id
    from {{ ref('stg_fred__release_dates') }}
    {{ only_touched() }}
    union all
    select
        source,
        release_id,
        release_name,
        release_date,
        false as came_out,
        partition_date,
        ingested_at,
        object_id
    from {{ ref('stg_fred__release_schedule') }}
    {{ only_touched() }}
    qualify snapshot_date = max(snapshot_date) over (partition by source, release_id)
),

announced as (
    select source, release_id, release_date, min(ingested_at) as announced_at
    from {{ ref('stg_fred__release_schedule') }}
    {{ only_touched() }}
    group by source, release_id, release_date
),

days as (
    select * from dates
    qualify row_number() over (
        partition by source, release_id, release_date
        order by came_out desc, ingested_at desc, partition_date desc, object_id desc
    ) = 1
),

releases as (
    select * from {{ ref('stg_fred__releases') }}
    {{ only_touched() }}
    qualify row_number() over (
        partition by source, release_id
        order by known_from desc, ingested_at desc, partition_date desc, object_id desc
    ) = 1
)

select
    days.release_id,
    days.release_date,
    coalesce(days.release_name, releases.release_name) as release_name,
    releases.is_press_release,
    {{ utc_midnight('days.release_date') }} as event_time,
    least(announced.announced_at, {{ known_from_next_session('days.release_date') }}) as published_at,
    days.ingested_at,
    days.source,
    days.object_id
from days
left join announced using (source, release_id, release_date)
left join releases using (source, release_id)
