{#- No row lacks a value in any of the columns. -#}
{% test complete(model, columns) %}
    select *
    from {{ model }}
    where {% for column in columns %}{{ 'or ' if not loop.first }}{{ column }} is null {% endfor %}
{% endtest %}
