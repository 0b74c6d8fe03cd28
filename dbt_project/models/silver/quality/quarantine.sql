{{ config(
    unique_key=['quarantine_id'],
    meta={
        'dagster': {'asset_key': ['silver', 'quality', 'quarantine']},
        'scope': ['quarantine_id'],
        'touched_by': {
            'quarantine': [row_quarantine_id()],
            'quarantine_decisions': ['quarantine_id'],
            'silver.daily_bars_by_source': [bar_quarantine_id()],
        },
    },
) }}

with bars as (
    select
        {{ bar_quarantine_id() }} as quarantine_id,
        'silver.daily_bars_by_source' as dataset,
        source,
        object_id,
        row_number,
        symbol,
        session_date,
        fault as rule,
        case fault
            when 'currency' then 'It is in ' || currency || ', in which the instrument does not trade.'
            when 'decimal_slip' then 'Its price is off by a power of ten from the days beside it.'
            when 'price_level' then 'Its price lies away from the days beside it, which agree with each other.'
            when 'sources_differ' then 'Another source has another price, and this one left its own level.'
            when 'repeated_day' then 'It repeats the session before it in all values.'
        end as reason,
        to_json({
            'open': open_raw, 'high': high_raw, 'low': low_raw, 'close': close_raw, 'volume': volume_raw,
            'currency': currency
        })::varchar as content,
        ingested_at
    from {{ ref('daily_bars_by_source') }}
    where fault is not null
),

unread as (
    select
        {{ row_quarantine_id() }} as quarantine_id,
        'raw.' || source || '_' || dataset as dataset,
        source,
        object_id,
        position as row_number,
        null::varchar as symbol,
        null::date as session_date,
        'not as documented' as rule,
        reason,
        content,
        min(quarantined_at) as ingested_at
    from {{ this.database }}.raw.quarantine
    group by all
),

decisions as (
    {{ last_decisions() }}
),

every_row as (
    select * from bars
    union all
    select * from unread
),

set_aside as (
    select *
    from every_row
    {{ only_touched() }}
)

select
    set_aside.quarantine_id,
    set_aside.dataset,
    set_aside.source,
    set_aside.object_id,
    set_aside.row_number,
    set_aside.symbol,
    set_aside.session_date,
    set_aside.rule,
    set_aside.reason,
    set_aside.content,
    case decisions.decision when 'release' then 'released' when 'reject' then 'rejected' else 'open' end as state,
    decisions.note,
    decisions.decided_by,
    decisions.decided_at,
    set_aside.ingested_at
from set_aside
left join decisions on set_aside.quarantine_id = decisions.quarantine_id
