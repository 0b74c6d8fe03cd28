-- A post without a readable time counts from the next day on, unless it was received before.
select
    {{ document_id('fivech', ['board', 'thread', 'number']) }} as document_id,
    'post' as kind,
    board as feed,
    cast(null as varchar) as url,
    case when not is_deleted then title end as title_raw,
    case when not is_deleted then body end as body_raw,
    {{ author_hash('fivech', 'id_hash') }} as author_hash,
    coalesce(
        posted_at,
        least({{ utc_midnight('dated_on + 1') }}, min(ingested_at) over (partition by board, thread, number))
    ) as published_at,
    cast(null as varchar) as language_sent,
    cast(null as bigint) as score,
    cast(null as bigint) as like_count,
    cast(null as bigint) as comment_count,
    cast(null as bigint) as repost_count,
    is_deleted as is_withdrawn,
    'fivech' as source,
    partition_date,
    ingested_at,
    object_id
from {{ source('raw', 'fivech_posts') }}
