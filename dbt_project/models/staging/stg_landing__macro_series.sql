select
    'landing' as source,
    series_id,
    coalesce(lower(frequency), '') as frequency,
    max(title) as title,
    max(units) as units,
    cast(null as bigint) as unit_exponent,
    max(seasonal_adjustment) as seasonal_adjustment,
    min(period) as first_period,
    max(period) as last_period,
    cast(null as timestamp with time zone) as last_updated,
    known_from,
    cast(null as timestamp with time zone) as seen_at,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'landing_macro_observations') }}
group by all
