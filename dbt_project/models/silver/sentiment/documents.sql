{{ config(
    unique_key=['document_id'],
    meta={
        'dagster': {'asset_key': ['silver', 'sentiment', 'documents']},
        'scope': ['document_id'],
        'touched_by': {'rss_articles': ["md5(feed || '|' || entry_id)"]},
    },
) }}

select
    document_id,
    feed,
    {{ utc_day('published_at') }} as session_date,
    language,
    author,
    title,
    body,
    url,
    published_at as event_time,
    published_at,
    ingested_at,
    source,
    object_id
from {{ ref('stg_rss__articles') }}
{{ only_touched() }}
{{ last_received(['document_id']) }}
