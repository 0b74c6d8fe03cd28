{#- In each row the columns' values never decrease from left to right; missing ones are skipped. -#}
{% test in_order(model, columns) %}
    select *
    from {{ model }}
    where
        false
        {% for first in columns %}
            {% for second in columns[loop.index:] %}
                or {{ first }} > {{ second }}
            {% endfor %}
        {% endfor %}
{% endtest %}
