select
    'eodhd' as source,
    {{ eodhd_exchange('symbol') }} as venue,
    {{ eodhd_ticker('symbol') }} as symbol,
    null::varchar as permanent_id,
    date as ex_date,
    'split' as action,
    {{ positive("split_part(split, '/', 1)") }} / {{ positive("split_part(split, '/', 2)") }} as ratio,
    null::double as amount,
    null::varchar as currency,
    null::date as announced_on,
    ingested_at,
    object_id
from {{ source('raw', 'eodhd_splits') }}
{{ last_received(['symbol', 'date']) }}
union all
-- A special dividend can share its date: the amounts add up.
select
    'eodhd' as source,
    {{ eodhd_exchange('symbol') }} as venue,
    {{ eodhd_ticker('symbol') }} as symbol,
    null::varchar as permanent_id,
    date as ex_date,
    'dividend' as action,
    null as ratio,
    sum({{ not_negative('unadjusted_value') }}) as amount,
    arg_max(currency, ingested_at) as currency,
    max(declaration_date) as announced_on,
    max(ingested_at) as ingested_at,
    max(object_id) as object_id
from {{ source('raw', 'eodhd_dividends') }}
where unadjusted_value is not null
group by symbol, date
