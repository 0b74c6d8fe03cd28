-- Known by its date only: a crypto index from the next day on, another one from the next morning in New York on.
select
    trim(index_name) as index_name,
    date as session_date,
    value,
    nullif(trim(classification), '') as classification,
    case
        when trim(index_name) = 'alternative_me' then {{ utc_midnight('date + 1') }}
        else {{ new_york('date', '16:00') }}
    end as event_time,
    case
        when known_from is not null then {{ new_york('known_from + 1', '09:30') }}
        when trim(index_name) = 'alternative_me' then {{ utc_midnight('date + 1') }}
        else {{ new_york('date + 1', '09:30') }}
    end as published_at,
    'landing' as source,
    row_number,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'landing_index_values') }}
where isfinite(value) and (trim(index_name) not in ('cnn', 'alternative_me') or value between 0 and 100)
