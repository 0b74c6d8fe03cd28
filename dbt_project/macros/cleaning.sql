{#- A price or quantity as a number; null where the text is none or it is not finite and positive. -#}
{% macro positive(number) -%}
    case when isfinite(try_cast({{ number }} as double)) and try_cast({{ number }} as double) > 0 then try_cast({{ number }} as double) end
{%- endmacro %}

{% macro not_negative(number) -%}
    case when isfinite(try_cast({{ number }} as double)) and try_cast({{ number }} as double) >= 0 then try_cast({{ number }} as double) end
{%- endmacro %}

{#- The row that was received last for each key. The later columns only make the choice total. -#}
{% macro last_received(keys, then=[]) -%}
    qualify row_number() over (
        partition by {{ keys | join(', ') }}
        order by ingested_at desc, partition_date desc, {% for column in then %}{{ column }} desc, {% endfor %}object_id desc
    ) = 1
{%- endmacro %}
