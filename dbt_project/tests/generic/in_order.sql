{#- In each row the columns' values never decrease from left to right; missing ones are skipped. -#}
{% test in_order(model, columns) %}
    select *
    from {{ model }}
    where [{{ columns | join(', ') }}].list_filter(lambda x: x is not null) != [{{ columns | join(', ') }}].list_filter(lambda x: x is not null).list_sort()
{% endtest %}
