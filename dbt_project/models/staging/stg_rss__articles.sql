select
    md5(feed || '|' || entry_id) as document_id,
    feed,
    link as url,
    coalesce(plain_text(title), '') as title,
    nullif(plain_text(summary), '') as body,
    nullif(plain_text(author), '') as author,
    coalesce(published_at, ingested_at) as published_at,
    coalesce(nullif(lower(regexp_extract(trim(language), '^([a-zA-Z]{2})([-_].*)?$', 1)), ''), 'und') as language,
    'rss' as source,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'rss_articles') }}
