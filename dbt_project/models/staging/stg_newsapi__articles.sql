-- An article that several topics find is one document.
select
    {{ document_id('newsapi', ['url']) }} as document_id,
    'article' as kind,
    topic as feed,
    url,
    title as title_raw,
    coalesce(nullif(description, ''), content) as body_raw,
    {{ author_hash('newsapi', 'plain_text(author)') }} as author_hash,
    published_at,
    cast(null as varchar) as language_sent,
    cast(null as bigint) as score,
    cast(null as bigint) as like_count,
    cast(null as bigint) as comment_count,
    cast(null as bigint) as repost_count,
    false as is_withdrawn,
    'newsapi' as source,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'newsapi_articles') }}
