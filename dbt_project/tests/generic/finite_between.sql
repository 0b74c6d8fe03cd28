{#- Numbers are finite and within bounds; a missing one passes. SQL takes NaN for the largest number, hence isfinite. -#}
{% test finite_between(model, columns, above=none, minimum=none, maximum=none) %}
    {%- for column in columns %}
    {{ 'union all' if not loop.first }}
    select '{{ column }}' as column_name, {{ column }} as value
    from {{ model }}
    where
        not isfinite({{ column }})
        {{ 'or ' ~ column ~ ' <= ' ~ above if above is not none }}
        {{ 'or ' ~ column ~ ' < ' ~ minimum if minimum is not none }}
        {{ 'or ' ~ column ~ ' > ' ~ maximum if maximum is not none }}
    {%- endfor %}
{% endtest %}
