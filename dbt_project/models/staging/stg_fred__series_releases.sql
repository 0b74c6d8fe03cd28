select
    'fred' as source,
    series_id,
    release_id,
    realtime_start as known_from,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'fred_series_releases') }}
