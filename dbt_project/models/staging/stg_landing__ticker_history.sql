-- The first row of a permanent id says when its history begins, each later one until when it had the ticker.
with files as (
    select *
    from {{ source('raw', 'landing_ticker_history') }}
    qualify row_number() over (
        partition by permanent_id, valid_to, upper(ticker) order by ingested_at desc, object_id desc, row_number desc
    ) = 1
)

select
    permanent_id,
    upper(ticker) as symbol,
    coalesce(lag(valid_to) over history + 1, valid_to) as valid_from,
    valid_to
from files
window history as (partition by permanent_id order by valid_to)
