{{ config(
    unique_key=['source', 'venue', 'session_date'],
    meta={
        'dagster': {'asset_key': ['silver', 'quality', 'reconciliation']},
        'scope': ['source'],
        'touched_by': {'silver.daily_bars_by_source': ['source']},
    },
) }}

with bars as (
    select source, venue, instrument_id, session_date, fault, suspicion
    from {{ ref('daily_bars_by_source') }}
    {{ only_touched() }}
),

-- From its first bar to its last an instrument is expected on every session; crypto pairs on every day.
lives as (
    select source, venue, instrument_id, min(session_date) as first_session, max(session_date) as last_session
    from bars
    group by source, venue, instrument_id
),

received as (
    select
        source,
        venue,
        session_date,
        count(*) as received,
        count(*) filter (where fault is not null) as quarantined,
        count(*) filter (where 'sources_differ' in (fault, suspicion)) as different,
        count(*) filter (where suspicion in ('missing_split', 'outlier')) as suspected
    from bars
    group by source, venue, session_date
),

days as (
    select distinct bars.source, bars.venue, sessions.session_date
    from (select distinct source, venue from received) as bars
    cross join {{ ref('sessions') }} as sessions
    where sessions.calendar = 'XNYS' and bars.venue in ('US', 'INDX')
    union
    select source, venue, session_date
    from received
),

-- How many are alive is a running sum of those that begin and those that ended.
changes as (
    select source, venue, first_session as session_date, count(*) as change
    from lives
    group by all
    union all
    select source, venue, last_session + 1 as session_date, -count(*) as change
    from lives
    group by all
),

alive as (
    select source, venue, session_date, sum(sum(change)) over (partition by source, venue order by session_date) as number
    from changes
    group by source, venue, session_date
)

select
    days.source,
    days.venue,
    days.session_date,
    cast(alive.number as bigint) as expected,
    coalesce(received.received, 0) as received,
    cast(alive.number - coalesce(received.received, 0) as bigint) as missing,
    coalesce(received.quarantined, 0) as quarantined,
    coalesce(received.different, 0) as different,
    coalesce(received.suspected, 0) as suspected
from days
asof inner join alive
    on days.source = alive.source and days.venue = alive.venue and days.session_date >= alive.session_date
left join received
    on days.source = received.source and days.venue = received.venue and days.session_date = received.session_date
where alive.number > 0
