{{ config(
    unique_key=['instrument_id'],
    meta={
        'dagster': {'asset_key': ['silver', 'market', 'instruments']},
        'scope': ['venue'],
        'touched_by': {'silver.ticker_history': ['venue'], 'eodhd_symbols': ['exchange']},
    },
) }}

with held as (
    select
        instrument_id,
        venue,
        arg_max(symbol, last_session) as symbol,
        arg_max(instrument_type, last_session) as instrument_type,
        arg_max(currency, last_session) as currency,
        min(first_session) as first_session,
        max(last_session) as last_session,
        max(valid_to) as valid_to
    from {{ ref('ticker_history') }}
    {{ only_touched() }}
    group by instrument_id, venue
)

-- A vendor's list of symbols speaks of who holds the ticker today.
select
    held.instrument_id,
    held.symbol,
    named.name,
    named.isin,
    held.instrument_type,
    held.venue,
    coalesce(held.currency, named.currency, 'XXX') as currency,
    held.first_session,
    held.last_session,
    case when named.is_delisted then held.last_session end as delisted_on
from held
left join {{ ref('stg_eodhd__symbols') }} as named
    on held.venue = named.venue and held.symbol = named.symbol and held.valid_to = date '9999-12-31'
