{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'macro_observations'}}}) }}
-- depends_on: {{ ref('macro_observations') }}

-- Raw observations whose period cannot be read.
select {{ imf_series_id() }} as series_id, time_period, value, object_id
from {{ source('raw', 'imf_observations') }}
where {{ period_start('time_period') }} is null
