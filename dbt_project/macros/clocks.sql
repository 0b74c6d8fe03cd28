{#- Binance counts milliseconds (13 digits) in old data and microseconds (16 digits) in new data. -#}
{% macro epoch_time(number) -%}
    make_timestamptz(case when {{ number }} < 100000000000000 then {{ number }} * 1000 else {{ number }} end)
{%- endmacro %}

{% macro utc_day(time) -%}
    cast({{ time }} at time zone 'UTC' as date)
{%- endmacro %}

{% macro utc_midnight(day) -%}
    cast({{ day }} as timestamp) at time zone 'UTC'
{%- endmacro %}

{% macro new_york(day, time_of_day) -%}
    ({{ day }} + time '{{ time_of_day }}') at time zone 'America/New_York'
{%- endmacro %}
