{#- Seven days are the life of a duplicate group. A document changes the groups of the days after it, and the sizes of
those that begin up to seven days before it; those follow from the documents of seven more days. -#}
{{ config(
    unique_key=['document_id'],
    meta={
        'dagster': {'asset_key': ['silver', 'sentiment', 'document_groups']},
        'scope': ['session_date'],
        'touched_by': {'silver.documents': ['session_date']},
        'also_touched': '
            select distinct session_date
            from lake.silver.documents
            where session_date >= (select min(session_date) - 7 from touched_keys)
        ',
    },
) }}

-- The documents of the seven days before those that are touched say what their groups are already.
{% set known = this if is_incremental() else
    '(select null as document_id, null as duplicate_group, null as flood_group, null as session_date where false)' %}

with known as (
    select document_id, duplicate_group, flood_group
    from {{ known }} as itself
    {{ 'where session_date < (select min(session_date) from touched_keys)' if is_incremental() }}
),

documents as (
    select documents.*, known.duplicate_group, known.flood_group
    from {{ ref('documents') }} as documents
    left join known on documents.document_id = known.document_id
    {{ 'where documents.session_date >= (select min(session_date) - 7 from touched_keys)' if is_incremental() }}
),

-- Only a person floods: an outlet's name stands above everything it publishes.
in_order as (
    select
        list(
            {
                'document_id': document_id,
                'published_at': epoch_us(published_at),
                'text': left({{ document_text('title', 'body') }}, 4000),
                'author': case when kind = 'post' then author_hash end,
                'duplicate_group': duplicate_group,
                'flood_group': flood_group
            } order by published_at asc, document_id asc
        ) as documents
    from documents
),

judged as (
    select unnest(group_documents(documents)) as found
    from in_order
),

ranked as (
    select
        documents.document_id,
        documents.session_date,
        judged.found.duplicate_group,
        row_number() over (copies order by documents.published_at, documents.document_id) as duplicate_rank,
        count(*) over copies as duplicate_size,
        judged.found.flood_group,
        row_number() over (flood order by documents.published_at, documents.document_id) as flood_rank,
        count(*) over flood as flood_size,
        documents.event_time,
        documents.published_at,
        documents.ingested_at,
        documents.source,
        documents.object_id
    from documents
    inner join judged on documents.document_id = judged.found.document_id
    window
        copies as (partition by judged.found.duplicate_group),
        flood as (partition by judged.found.flood_group)
)

select
    document_id,
    session_date,
    duplicate_group,
    duplicate_rank,
    duplicate_size,
    flood_group,
    flood_rank,
    flood_size,
    event_time,
    published_at,
    ingested_at,
    source,
    object_id
from ranked
{{ only_touched() }}
