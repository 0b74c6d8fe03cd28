{{ config(
    unique_key=['document_id'],
    meta={
        'dagster': {'asset_key': ['silver', 'sentiment', 'documents']},
        'scope': ['document_id'],
        'touched_by': {
            'rss_articles': ["md5(feed || '|' || entry_id)"],
            'reddit_posts': [document_id('reddit', ['name'])],
            'x_posts': [document_id('x', ['id'])],
            'newsapi_articles': [document_id('newsapi', ['url'])],
            'gdelt_articles': [document_id('gdelt', ['url'])],
            'gdelt_files_documents': [document_id('gdelt', ['url'])],
            'fivech_posts': [document_id('fivech', ['board', 'thread', 'number'])],
            'landing_documents': [document_id('landing', ['document_id'])],
        },
    },
) }}

with received as (
    select * from {{ ref('stg_rss__articles') }}
    union all by name
    select * from {{ ref('stg_reddit__posts') }}
    union all by name
    select * from {{ ref('stg_x__posts') }}
    union all by name
    select * from {{ ref('stg_newsapi__articles') }}
    union all by name
    select * from {{ ref('stg_gdelt__articles') }}
    union all by name
    select * from {{ ref('stg_fivech__posts') }}
    union all by name
    select * from {{ ref('stg_landing__documents') }}
),

latest as (
    select *
    from received
    {{ only_touched() }}
    {{ last_received(['document_id'], then=['published_at', 'row_number', 'feed']) }}
),

read as (
    select
        *,
        coalesce(plain_text(title_raw), '') as title,
        nullif(plain_text(body_raw), '') as body
    from latest
)

select
    document_id,
    kind,
    feed,
    {{ utc_day('published_at') }} as session_date,
    coalesce(language_sent, text_language({{ document_text('title', 'body') }})) as language,
    case when language_sent is null then 'detected' else 'sent' end as language_method,
    author_hash,
    title,
    body,
    title_raw,
    body_raw,
    url,
    score,
    like_count,
    comment_count,
    repost_count,
    is_withdrawn,
    published_at as event_time,
    published_at,
    ingested_at,
    source,
    object_id
from read
