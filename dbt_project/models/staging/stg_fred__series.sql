select
    'fred' as source,
    series_id,
    lower(frequency_short) as frequency,
    nullif(title, '') as title,
    nullif(units, '') as units,
    cast(null as bigint) as unit_exponent,
    nullif(seasonal_adjustment_short, '') as seasonal_adjustment,
    observation_start as first_period,
    observation_end as last_period,
    try_cast(last_updated as timestamp with time zone) as last_updated,
    realtime_start as known_from,
    cast(null as timestamp with time zone) as seen_at,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'fred_series') }}
