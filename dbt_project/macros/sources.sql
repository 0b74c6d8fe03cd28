{#- A source that never delivered is an empty table, not an error. -#}
{% macro create_missing_sources() %}
    {%- if execute %}
        begin;
        create schema if not exists {{ target.database }}.raw;
        {%- for source in graph.sources.values() %}
        create table if not exists {{ source['relation_name'] }} (
            {%- for column in source['columns'].values() %}
            {{ column['name'] }} {{ column['data_type'] }}{{ ',' if not loop.last }}
            {%- endfor %}
        );
        {%- endfor %}
        call {{ target.database }}.set_commit_message('dbt', 'tables of sources that never delivered');
        commit
    {%- endif %}
{% endmacro %}
