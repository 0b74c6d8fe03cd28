{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'intraday_bars'}}}) }}
-- depends_on: {{ ref('intraday_bars') }}
-- noqa: disable=LT02

-- Raw bars that make none because their close or time cannot be used. One without prices had no trade.
{% for vendor, table, time in [
    ('binance', 'binance_klines', 'open_time'),
    ('binance', 'binance_kline_stream', 'open_time'),
    ('binance', 'binance_dumps_klines', 'open_time'),
    ('eodhd', 'eodhd_intraday', 'timestamp'),
    ('landing', 'landing_intraday_bars', 'time'),
] %}
{{ 'union all' if not loop.first }}
select '{{ vendor }}' as source, symbol, cast({{ time }} as varchar) as time, object_id
from {{ source('raw', table) }}
where close is not null and {{ positive('close') }} is null
{% endfor %}
{% for vendor, table, time in [('alpaca', 'alpaca_minute_bars', 'timestamp'), ('tiingo', 'tiingo_intraday', 'date')] %}
union all
select '{{ vendor }}' as source, symbol, {{ time }} as time, object_id
from {{ source('raw', table) }}
where close is not null and ({{ positive('close') }} is null or try_cast({{ time }} as timestamptz) is null)
{% endfor %}
union all
select 'iex' as source, symbol, cast(date as varchar) || ' ' || minute as time, object_id
from {{ source('raw', 'iex_intraday') }}
where close is not null and close != -1 and ({{ positive('close') }} is null or try_cast(minute as time) is null)
