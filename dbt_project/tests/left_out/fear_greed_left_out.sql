{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'fear_greed'}}}) }}
-- depends_on: {{ ref('fear_greed') }}

-- Raw values that are no number from 0 to 100, or have no readable time.
select timestamp, value, value_classification, object_id
from {{ source('raw', 'alternative_me_fear_greed') }}
where try_cast(timestamp as bigint) is null or coalesce(try_cast(value as double) not between 0 and 100, true)
