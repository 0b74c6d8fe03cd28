select
    to_timestamp(try_cast(timestamp as bigint)) as event_time,
    {{ utc_day('to_timestamp(try_cast(timestamp as bigint))') }} as session_date,
    try_cast(value as double) as value,
    value_classification as classification,
    'alternative_me' as source,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'alternative_me_fear_greed') }}
where try_cast(timestamp as bigint) is not null and try_cast(value as double) between 0 and 100
