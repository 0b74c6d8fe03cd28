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
