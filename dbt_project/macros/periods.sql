{#- Periods as SDMX writes them: 2026, 2026-A1, 2026-S1, 2026-Q1, 2026-M04, 2026-04, 2026-W05, 2026-04-30. -#}

{% macro period_frequency(sent) -%}
    case
        when regexp_full_match({{ sent }}, '\d{4}(-A1)?') then 'a'
        when regexp_full_match({{ sent }}, '\d{4}-S[12]') then 's'
        when regexp_full_match({{ sent }}, '\d{4}-Q[1-4]') then 'q'
        when regexp_full_match({{ sent }}, '\d{4}-M?(0[1-9]|1[0-2])') then 'm'
        when regexp_full_match({{ sent }}, '\d{4}-W\d{2}') then 'w'
        when regexp_full_match({{ sent }}, '\d{4}-\d{2}-\d{2}') then 'd'
    end
{%- endmacro %}

{#- The first day of a period; null where the text is none. -#}
{% macro period_start(sent) -%}
    case {{ period_frequency(sent) }}
        when 'a' then try_cast(left({{ sent }}, 4) || '-01-01' as date)
        when 's' then make_date(try_cast(left({{ sent }}, 4) as bigint), 6 * try_cast(right({{ sent }}, 1) as bigint) - 5, 1)
        when 'q' then make_date(try_cast(left({{ sent }}, 4) as bigint), 3 * try_cast(right({{ sent }}, 1) as bigint) - 2, 1)
        when 'm' then try_cast(left({{ sent }}, 4) || '-' || right({{ sent }}, 2) || '-01' as date)
        when 'w' then cast(try_strptime({{ sent }} || '-1', '%G-W%V-%u') as date)
        when 'd' then try_cast({{ sent }} as date)
    end
{%- endmacro %}
{#- The IMF names a series by its flow and the values of its dimensions. -#}
{% macro imf_series_id() -%}
    flow || '/' || series_key
{%- endmacro %}

{#-
What a snapshot says is known from the day on which it was received. Bytes that were received before keep the time of
their first receipt: then the snapshot's own day is over when they are known again.
-#}
{% macro imf_known_from() -%}
    case when {{ utc_day('ingested_at') }} >= snapshot_date then {{ utc_day('ingested_at') }} else snapshot_date + 1 end
{%- endmacro %}

{% macro imf_seen_at() -%}
    case when {{ utc_day('ingested_at') }} >= snapshot_date then ingested_at else {{ utc_midnight('(snapshot_date + 1)') }} end
{%- endmacro %}
