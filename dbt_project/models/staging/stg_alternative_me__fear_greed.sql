select
    'alternative_me' as index_name,
    {{ utc_day('to_timestamp(try_cast(timestamp as bigint))') }} as session_date,
    try_cast(value as double) as value,
    value_classification as classification,
    to_timestamp(try_cast(timestamp as bigint)) as event_time,
    to_timestamp(try_cast(timestamp as bigint)) as published_at,
    'alternative_me' as source,
    0 as row_number,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'alternative_me_fear_greed') }}
where try_cast(timestamp as bigint) is not null and try_cast(value as double) between 0 and 100
