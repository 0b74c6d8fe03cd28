{#- A point of CNN touches its day in UTC and the day before, which it may be in New York. -#}
{{ config(
    unique_key=['index_name', 'source', 'session_date', 'known_from'],
    meta={
        'dagster': {'asset_key': ['silver', 'sentiment', 'fear_greed']},
        'scope': ['session_date'],
        'touched_by': {
            'alternative_me_fear_greed': [utc_day('to_timestamp(try_cast(timestamp as bigint))')],
            'cnn_fear_greed': ["unnest(range(cast(epoch_ms(cast(x as bigint)) as date) - 1, cast(epoch_ms(cast(x as bigint)) as date) + 1, interval 1 day))::date"],
            'landing_index_values': ['date'],
        },
    },
) }}

with received as (
    select * from {{ ref('stg_alternative_me__fear_greed') }}
    union all by name
    select * from {{ ref('stg_cnn__fear_greed') }}
    union all by name
    select * from {{ ref('stg_landing__index_values') }}
),

-- Of one receipt the last row counts.
said as (
    select
        *,
        row_number() over (
            partition by index_name, source, session_date, event_time, published_at
            order by ingested_at
        ) as number_of_receipt
    from received
    {{ only_touched() }}
    qualify row_number() over (
        partition by index_name, source, session_date, event_time, published_at, ingested_at
        order by row_number desc, partition_date desc, object_id desc
    ) = 1
),

-- What is said for the first time was known when it was published, what is said later when it was received.
known as (
    select
        * exclude (published_at),
        case when number_of_receipt = 1 then published_at else greatest(published_at, ingested_at) end as known_from
    from said
),

-- A later word about an earlier moment of the day revises nothing.
in_order as (
    select *
    from known
    qualify
        event_time >= coalesce(max(event_time) over (
            partition by index_name, source, session_date
            order by known_from, event_time, ingested_at
            rows between unbounded preceding and 1 preceding
        ), event_time)
        and row_number() over (
            partition by index_name, source, session_date, known_from order by event_time desc, ingested_at desc
        ) = 1
),

-- A value that is said again is no revision.
versions as (
    select *
    from in_order
    qualify
        (value, classification) is distinct from lag((value, classification)) over (
            partition by index_name, source, session_date order by known_from
        )
)

select
    index_name,
    session_date,
    value,
    classification,
    known_from,
    coalesce(
        lead(known_from) over (partition by index_name, source, session_date order by known_from),
        timestamptz '9999-12-31 00:00:00+00'
    ) as known_to,
    lead(known_from) over (partition by index_name, source, session_date order by known_from) is null as is_current,
    event_time,
    known_from as published_at,
    ingested_at,
    source,
    object_id
from versions
