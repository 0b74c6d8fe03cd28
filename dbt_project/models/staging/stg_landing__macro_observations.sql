select
    'landing' as source,
    series_id,
    coalesce(lower(frequency), '') as frequency,
    period,
    case when isfinite(value) then value end as value,
    known_from,
    cast(null as timestamp with time zone) as seen_at,
    row_number,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'landing_macro_observations') }}
