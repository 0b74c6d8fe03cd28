-- A post that several searches find is one document.
select
    {{ document_id('x', ['id']) }} as document_id,
    'post' as kind,
    search as feed,
    'https://x.com/i/status/' || id as url,
    cast(null as varchar) as title_raw,
    text as body_raw,
    {{ author_hash('x', 'author_id') }} as author_hash,
    posted_at as published_at,
    {{ language_tag('lang') }} as language_sent,
    cast(null as bigint) as score,
    like_count,
    reply_count as comment_count,
    retweet_count + coalesce(quote_count, 0) as repost_count,
    false as is_withdrawn,
    'x' as source,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'x_posts') }}
