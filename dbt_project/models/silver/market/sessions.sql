{{ config(
    unique_key=['calendar', 'session_date'],
    meta={
        'dagster': {'asset_key': ['silver', 'market', 'sessions']},
        'scope': ['calendar'],
        'touched_by': {},
        'made_of_code': "select 'XNYS' as calendar",
    },
) }}

select
    calendar,
    session_date,
    opens_at,
    closes_at,
    is_half_day
from {{ ref('stg_exchanges__sessions') }}
{{ only_touched() }}
