select
    'fred' as source,
    release_id,
    name as release_name,
    press_release as is_press_release,
    realtime_start as known_from,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'fred_releases') }}
