select
    'fred' as source,
    series_id,
    frequency,
    date as period,
    case when isfinite(try_cast(value as double)) then try_cast(value as double) end as value,
    realtime_start as known_from,
    cast(null as timestamp with time zone) as seen_at,
    0 as row_number,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'fred_observations') }}
