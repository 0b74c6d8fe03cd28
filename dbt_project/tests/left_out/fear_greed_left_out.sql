{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'fear_greed'}}}) }}
-- depends_on: {{ ref('fear_greed') }}

-- Raw values that are no number from 0 to 100, or have no readable time.
select timestamp, value, value_classification, object_id
from {{ source('raw', 'alternative_me_fear_greed') }}
where try_cast(timestamp as bigint) is null or coalesce(try_cast(value as double) not between 0 and 100, true)
union all
select cast(x as varchar) as timestamp, cast(y as varchar) as value, rating as value_classification, object_id
from {{ source('raw', 'cnn_fear_greed') }}
where component = 'fear_and_greed_historical' and y not between 0 and 100
union all
select cast(date as varchar) as timestamp, cast(value as varchar) as value, classification as value_classification, object_id
from {{ source('raw', 'landing_index_values') }}
where not isfinite(value) or (trim(index_name) in ('cnn', 'alternative_me') and value not between 0 and 100)
