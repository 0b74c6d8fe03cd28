-- An article that is seen again, or found by several topics, by the search or in the files, is one document, known
-- since it was first seen. The files hold only what was written in English; what has no title there says nothing.
with sent as (
    select topic, url, title, seen_at, language, partition_date, ingested_at, object_id
    from {{ source('raw', 'gdelt_articles') }}
    union all
    select
        split_part(topics, ';', 1) as topic, url, page_title as title, seen_at, 'English' as language, partition_date,
        ingested_at, object_id
    from {{ source('raw', 'gdelt_files_documents') }}
    where url like 'http%' and trim(page_title) != ''
)

select
    {{ document_id('gdelt', ['url']) }} as document_id,
    'article' as kind,
    topic as feed,
    url,
    title as title_raw,
    cast(null as varchar) as body_raw,
    cast(null as varchar) as author_hash,
    min(seen_at) over (partition by url) as published_at,
    case lower(trim(language))
        when 'english' then 'en'
        when 'japanese' then 'ja'
        when 'chinese' then 'zh'
        when 'korean' then 'ko'
        when 'german' then 'de'
        when 'french' then 'fr'
        when 'spanish' then 'es'
        when 'italian' then 'it'
        when 'portuguese' then 'pt'
        when 'dutch' then 'nl'
        when 'russian' then 'ru'
        when 'arabic' then 'ar'
        when 'turkish' then 'tr'
        when 'hindi' then 'hi'
        when 'indonesian' then 'id'
    end as language_sent,
    cast(null as bigint) as score,
    cast(null as bigint) as like_count,
    cast(null as bigint) as comment_count,
    cast(null as bigint) as repost_count,
    false as is_withdrawn,
    'gdelt' as source,
    partition_date,
    ingested_at,
    object_id
from sent
