select
    exchange as venue,
    trim(code) as symbol,
    trim(name) as name,
    isin,
    nullif(trim(currency), '') as currency,
    type as vendor_type,
    is_delisted,
    snapshot_date
from {{ source('raw', 'eodhd_symbols') }}
qualify row_number() over (
    partition by exchange, trim(code) order by snapshot_date desc, is_delisted asc, ingested_at desc, object_id desc
) = 1
