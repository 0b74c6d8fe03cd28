{#- Within each group, an interval ends before the next one starts; both ends belong to it. -#}
{% test no_overlap(model, partition_by, starts, ends) %}
    select *
    from {{ model }}
    qualify lead({{ starts }}) over (partition by {{ partition_by | join(', ') }} order by {{ starts }}, {{ ends }}) <= {{ ends }}
{% endtest %}
