{#- Each macro of cleaning, clocks and identity, fed literal values. Fails with what it made of them instead. -#}
{% set eodhd_symbols = {
    'GSPC.INDX': ('GSPC', 'INDX', 'USD'), 'BRK-B.US': ('BRK-B', 'US', 'USD'), 'BRK.B.US': ('BRK.B', 'US', 'USD'),
    'BRK/B': ('BRK/B', 'unknown', 'XXX'), 'VOD.LSE': ('VOD', 'LSE', 'XXX'), '': ('', 'unknown', 'XXX'), 'NA': ('NA', 'unknown', 'XXX'),
} %}
-- noqa: disable=AL03,LT02,LT05
with checked as (
    {% for symbol, (ticker, exchange, currency) in eodhd_symbols.items() %}
    select
        '{{ symbol }}' as given,
        concat_ws(',', {{ eodhd_ticker("'" ~ symbol ~ "'") }}, {{ eodhd_exchange("'" ~ symbol ~ "'") }}, {{ eodhd_currency("'" ~ symbol ~ "'") }}) as made,
        '{{ ticker }},{{ exchange }},{{ currency }}' as expected
    union all
    {% endfor %}
    select 'BTCUSDT', {{ quote_asset("'BTCUSDT'") }}, 'USDT'
    union all
    select 'USDT', {{ quote_asset("'USDT'") }}, 'XXX'
    union all
    select 'instrument_id', {{ instrument_id('eodhd', "'GSPC.INDX'") }}, 'ins_0a41f2f2a36b098e'
    union all
    select 'ms', cast({{ epoch_time('1544000000123') }} as varchar), '2018-12-05 08:53:20.123+00'
    union all
    select 'us', cast({{ epoch_time('1544000000123456') }} as varchar), '2018-12-05 08:53:20.123456+00'
    union all
    select 'utc_day', cast({{ utc_day("timestamptz '2018-12-05 23:30:00-05'") }} as varchar), '2018-12-06'
    union all
    select 'utc_midnight', cast({{ utc_midnight("date '2018-12-05'") }} as varchar), '2018-12-05 00:00:00+00'
    union all
    select 'new_york winter', cast({{ new_york("date '2018-12-05'", '16:00') }} as varchar), '2018-12-05 21:00:00+00'
    union all
    select 'new_york summer', cast({{ new_york("date '2018-07-05'", '16:00') }} as varchar), '2018-07-05 20:00:00+00'
    union all
    select 'new_york_day', cast({{ new_york_day("timestamptz '2018-12-06 04:59:59+00'") }} as varchar), '2018-12-05'
    union all
    select 'session_day XNYS', cast({{ session_day("timestamptz '2018-07-06 03:59:59+00'", "'XNYS'") }} as varchar), '2018-07-05'
    union all
    select 'session_day 24/7', cast({{ session_day("timestamptz '2018-07-06 03:59:59+00'", "'24/7'") }} as varchar), '2018-07-06'
    union all
    select 'session_day unknown', cast({{ session_day("timestamptz '2018-07-06 03:59:59+00'", "cast(null as varchar)") }} as varchar), '2018-07-06'
    {% for text, seconds in {'1s': 1, '1m': 60, '15m': 900, '5min': 300, '1hour': 3600, '4h': 14400, '1d': 86400}.items() %}
    union all
    select '{{ text }}', cast({{ interval_seconds("'" ~ text ~ "'") }} as varchar), '{{ seconds }}'
    {% endfor %}
    union all
    select 'eodhd_calendar', concat_ws(',', {{ eodhd_calendar("'AAPL.US'") }}, {{ eodhd_calendar("'GSPC.INDX'") }}, {{ eodhd_calendar("'VOD.LSE'") }}), 'XNYS,XNYS'
    union all
    select 'positive', cast([{{ positive("'1.5'") }}, {{ positive("'0'") }}, {{ positive("'nan'") }}, {{ positive("'inf'") }}, {{ positive("'x'") }}, {{ positive('null') }}] as varchar), '[1.5, NULL, NULL, NULL, NULL, NULL]'
    union all
    select 'not_negative', cast([{{ not_negative("'0'") }}, {{ not_negative("'-1'") }}, {{ not_negative("'nan'") }}] as varchar), '[0.0, NULL, NULL]'
    union all
    select 'plain_text', plain_text('<p>A&amp;B&nbsp;<b>1 &lt; 2</b>' || chr(10) || 'ﬁn<script>x</script><!-- y --> a < b</p>'), 'A&B 1 < 2 fin a < b'
    union all
    select 'sql_text', {{ sql_text("it's") }}, 'it''s'
)

select * from checked
where made is distinct from expected
