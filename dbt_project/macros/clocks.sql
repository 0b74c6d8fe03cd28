{#- Binance counts milliseconds (13 digits) in old data and microseconds (16 digits) in new data. -#}
{% macro epoch_time(number) -%}
    make_timestamptz(case when {{ number }} < 100000000000000 then {{ number }} * 1000 else {{ number }} end)
{%- endmacro %}

{% macro utc_day(time) -%}
    cast({{ time }} at time zone 'UTC' as date)
{%- endmacro %}

{#- Whether a stamp (milliseconds) is a midnight of UTC; regular points lie some seconds after it, five minutes at most. -#}
{% macro is_midnight(milliseconds) -%}
    {{ milliseconds }} % 86400000 < 300000
{%- endmacro %}

{% macro utc_midnight(day) -%}
    cast({{ day }} as timestamp) at time zone 'UTC'
{%- endmacro %}

{% macro new_york(day, time_of_day) -%}
    ({{ day }} + time '{{ time_of_day }}') at time zone 'America/New_York'
{%- endmacro %}

{% macro new_york_day(time) -%}
    cast({{ time }} at time zone 'America/New_York' as date)
{%- endmacro %}

{#- Day of an instant in a calendar: in New York for XNYS, else in UTC. -#}
{% macro session_day(time, calendar) -%}
    case when {{ calendar }} = 'XNYS' then {{ new_york_day(time) }} else {{ utc_day(time) }} end
{%- endmacro %}

{#- Seconds of a length such as 1m, 5min or 1hour. -#}
{% macro interval_seconds(text) -%}
    try_cast(regexp_extract({{ text }}, '^[0-9]+') as bigint)
    * case regexp_extract({{ text }}, '[a-z]') when 's' then 1 when 'm' then 60 when 'h' then 3600 when 'd' then 86400 end
{%- endmacro %}

{#- First instant of a landed bar, named by its opening unless the file says by its close; a minute long unless given. -#}
{% macro landed_bar_open() -%}
    case when named_by = 'close' then time - to_seconds(coalesce(interval_seconds, 60)) else time end
{%- endmacro %}
