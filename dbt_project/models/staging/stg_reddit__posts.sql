-- What was taken away leaves its title or [deleted] in its place.
select
    {{ document_id('reddit', ['name']) }} as document_id,
    'post' as kind,
    subreddit as feed,
    'https://www.reddit.com' || permalink as url,
    nullif(title, '[deleted by user]') as title_raw,
    case when selftext not in ('[deleted]', '[removed]') then nullif(selftext, '') end as body_raw,
    {{ author_hash('reddit', "nullif(author, '[deleted]')") }} as author_hash,
    to_timestamp(created_utc) as published_at,
    cast(null as varchar) as language_sent,
    score,
    cast(null as bigint) as like_count,
    num_comments as comment_count,
    cast(null as bigint) as repost_count,
    selftext in ('[deleted]', '[removed]') or title = '[deleted by user]' as is_withdrawn,
    'reddit' as source,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'reddit_posts') }}
