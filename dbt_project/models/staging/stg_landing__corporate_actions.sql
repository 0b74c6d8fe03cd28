-- Actions as written, and those that cumulative factors imply: between the row that ends and the one that follows.
with factors as (
    select *
    from {{ source('raw', 'landing_adjustment_factors') }}
    {{ last_received(['symbol', 'date'], then=['row_number']) }}
),

steps as (
    select
        symbol,
        date + case isodow(date) when 5 then 3 when 6 then 2 else 1 end as ex_date,
        lead(split_factor) over (partition by symbol order by date) / split_factor as ratio,
        reference_price * (1 - price_factor / lead(price_factor) over (partition by symbol order by date)) as amount,
        ingested_at,
        object_id
    from factors
),

implied as (
    select symbol, ex_date, 'split' as action, ratio, null::double as amount, ingested_at, object_id
    from steps
    where abs(ratio - 1) > 1e-6
    union all
    select symbol, ex_date, 'dividend' as action, null as ratio, amount, ingested_at, object_id
    from steps
    where amount > 1e-6
),

written as (
    select symbol, ex_date, action, ratio, amount, currency, announced_on, ingested_at, object_id
    from {{ source('raw', 'landing_corporate_actions') }}
    {{ last_received(['symbol', 'ex_date', 'action'], then=['row_number']) }}
)

select
    'landing' as source,
    null::varchar as venue,
    symbol,
    null::varchar as permanent_id,
    ex_date,
    action,
    ratio,
    amount,
    currency,
    announced_on,
    ingested_at,
    object_id
from written
union all
select
    'factors' as source,
    'US' as venue,
    upper(symbol) as symbol,
    symbol as permanent_id,
    ex_date,
    action,
    ratio,
    amount,
    null::varchar as currency,
    null::date as announced_on,
    ingested_at,
    object_id
from implied
