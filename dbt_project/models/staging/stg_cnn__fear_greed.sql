-- A point of midnight is a day's value, made when New York closes; any other was saved at that moment.
with points as (
    select
        epoch_ms(cast(x as bigint)) at time zone 'UTC' as moment,
        y,
        rating,
        partition_date,
        ingested_at,
        object_id
    from {{ source('raw', 'cnn_fear_greed') }}
    where component = 'fear_and_greed_historical' and y between 0 and 100
),

days as (
    select
        *,
        moment = {{ utc_midnight(utc_day('moment')) }} as is_day,
        case
            when moment = {{ utc_midnight(utc_day('moment')) }} then {{ utc_day('moment') }}
            else cast(moment at time zone 'America/New_York' as date)
        end as session_date
    from points
)

select
    'cnn' as index_name,
    session_date,
    y as value,
    rating as classification,
    case when is_day then {{ new_york('session_date', '16:00') }} else moment end as event_time,
    case when is_day then {{ new_york('session_date + 1', '09:30') }} else moment end as published_at,
    'cnn' as source,
    0 as row_number,
    partition_date,
    ingested_at,
    object_id
from days
