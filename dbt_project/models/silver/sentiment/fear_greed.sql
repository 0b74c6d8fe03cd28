{{ config(
    unique_key=['source', 'session_date'],
    meta={
        'dagster': {'asset_key': ['silver', 'sentiment', 'fear_greed']},
        'scope': ['session_date'],
        'touched_by': {'alternative_me_fear_greed': [utc_day('to_timestamp(try_cast(timestamp as bigint))')]},
    },
) }}

select
    session_date,
    value,
    classification,
    event_time,
    event_time as published_at,
    ingested_at,
    source,
    object_id
from {{ ref('stg_alternative_me__fear_greed') }}
{{ only_touched() }}
qualify row_number() over (
    partition by source, session_date
    order by event_time desc, ingested_at desc, partition_date desc, object_id desc
) = 1
