select
    'imf' as source,
    {{ imf_series_id() }} as series_id,
    {{ period_frequency('time_period') }} as frequency,
    {{ period_start('time_period') }} as period,
    case when isfinite(try_cast(value as double)) then try_cast(value as double) end as value,
    {{ imf_known_from() }} as known_from,
    {{ imf_seen_at() }} as seen_at,
    0 as row_number,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'imf_observations') }}
where {{ period_start('time_period') }} is not null
