{#- A value is there exactly where the status says that it is published. -#}
{% test value_when_published(model) %}
    select *
    from {{ model }}
    where (status = 'published') != (value is not null)
{% endtest %}
