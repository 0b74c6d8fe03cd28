select
    'imf' as source,
    {{ imf_series_id() }} as series_id,
    {{ period_frequency('time_period') }} as frequency,
    cast(null as varchar) as title,
    max(attributes ->> '$.UNIT') as units,
    max(try_cast(coalesce(attributes ->> '$.SCALE', attributes ->> '$.UNIT_MULT') as bigint)) as unit_exponent,
    cast(null as varchar) as seasonal_adjustment,
    min({{ period_start('time_period') }}) as first_period,
    max({{ period_start('time_period') }}) as last_period,
    cast(null as timestamp with time zone) as last_updated,
    {{ imf_known_from() }} as known_from,
    {{ imf_seen_at() }} as seen_at,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'imf_observations') }}
where {{ period_start('time_period') }} is not null
group by all
