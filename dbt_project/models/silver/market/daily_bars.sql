{{ config(
    unique_key=['instrument_id', 'session_date'],
    meta={
        'dagster': {'asset_key': ['silver', 'market', 'daily_bars']},
        'scope': ['symbol', 'session_date'],
        'touched_by': {'silver.daily_bars_by_source': ['symbol', 'session_date']},
    },
) }}

select
    instrument_id,
    symbol,
    session_date,
    open_raw,
    high_raw,
    low_raw,
    close_raw,
    volume_raw,
    currency,
    outlier_score,
    suspicion,
    event_time,
    published_at,
    ingested_at,
    source,
    object_id
from {{ ref('daily_bars_by_source') }}
{{ only_touched() }}
where rank = 1
