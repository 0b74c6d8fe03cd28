select
    'fred' as source,
    release_id,
    release_name,
    date as release_date,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'fred_release_dates') }}
