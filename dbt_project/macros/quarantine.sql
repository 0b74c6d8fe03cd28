{#- Names a judged bar and its fault; the same bytes that are wrong in the same way keep the name, and the decision. -#}
{% macro bar_quarantine_id() -%}
    'bar_' || left(md5(concat_ws('|', source, object_id, row_number, symbol, session_date, fault)), 16)
{%- endmacro %}

{% macro row_quarantine_id() -%}
    'row_' || left(md5(concat_ws('|', source, dataset, object_id, position, reason)), 16)
{%- endmacro %}

{#- The last decision about each quarantined row. -#}
{% macro last_decisions() -%}
    select *
    from {{ this.database }}.raw.quarantine_decisions
    qualify row_number() over (partition by quarantine_id order by decided_at desc, decision) = 1
{%- endmacro %}
