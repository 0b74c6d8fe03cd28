{#- A term that came or went touches the documents in which its first word occurs; where many did, all documents. -#}
{{ config(
    unique_key=['document_id', 'position', 'instrument_id'],
    meta={
        'dagster': {'asset_key': ['silver', 'sentiment', 'document_mentions']},
        'scope': ['document_id'],
        'touched_by': {
            'silver.documents': ['document_id'],
            'silver.instrument_terms': ['cast(null as varchar)'],
        },
        'also_touched': "
            with changed as (
                select lower(split_part(term, ' ', 1)) as word, count(*) over () as changes
                from lake.silver.table_changes('instrument_terms', {since}, {now})
                group by instrument_id, symbol, term_kind, term
                having count(*) filter (change_type = 'insert') != count(*) filter (change_type = 'delete')
            )
            select documents.document_id
            from lake.silver.documents
            where exists (
                select 1
                from changed
                where changes > 500 or contains(lower(documents.title || ' ' || coalesce(documents.body, '')), word)
            )
        ",
    },
) }}

with documents as (
    select
        document_id,
        session_date,
        {{ document_text('title', 'body') }} as text,
        event_time,
        published_at,
        ingested_at,
        source,
        object_id
    from {{ ref('documents') }}
    {{ only_touched() }}
),

candidates as (
    select * exclude (text), unnest(mention_candidates(text)) as found
    from documents
    where text != ''
),

mentions as (
    select
        candidates.document_id,
        candidates.found.position,
        terms.instrument_id,
        terms.symbol,
        candidates.found.method,
        candidates.found.evidence,
        candidates.session_date,
        candidates.event_time,
        candidates.published_at,
        candidates.ingested_at,
        candidates.source,
        candidates.object_id
    from candidates
    inner join {{ ref('instrument_terms') }} as terms
        on
            case candidates.found.method when 'cashtag' then 'ticker' else candidates.found.method end = terms.term_kind
            and candidates.found.term = terms.term
    -- Of Bitcoin and Bitcoin Cash at one place, the longer name is meant.
    qualify rank() over (
        partition by candidates.document_id, candidates.found.position
        order by length(candidates.found.evidence) desc, candidates.found.method
    ) = 1
)

select distinct
    document_id,
    position,
    instrument_id,
    symbol,
    method,
    evidence,
    count(distinct instrument_id) over (partition by document_id, position) as candidates,
    session_date,
    event_time,
    published_at,
    ingested_at,
    source,
    object_id
from mentions
