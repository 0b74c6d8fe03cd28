select
    'tiingo' as source,
    'US' as venue,
    symbol,
    null::varchar as permanent_id,
    date as ex_date,
    'split' as action,
    {{ positive('split_factor') }} as ratio,
    null::double as amount,
    null::varchar as currency,
    null::date as announced_on,
    ingested_at,
    object_id
from {{ source('raw', 'tiingo_daily') }}
where split_factor <> 1
union all
select
    'tiingo' as source,
    'US' as venue,
    symbol,
    null::varchar as permanent_id,
    date as ex_date,
    'dividend' as action,
    null as ratio,
    {{ not_negative('div_cash') }} as amount,
    'USD' as currency,
    null as announced_on,
    ingested_at,
    object_id
from {{ source('raw', 'tiingo_daily') }}
where div_cash <> 0
