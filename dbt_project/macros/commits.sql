{#-
How silver follows raw. A silver table is a function of raw, applied to each value of its scope (the columns
`meta.scope`) on its own. A run therefore

1. asks the lake which raw rows came or went since the snapshot that the table's last commit had read,
2. collects the scopes of those rows in the temporary table `touched_keys`,
3. deletes these scopes from the table and inserts what the model makes of them now,

in one transaction whose commit message carries the snapshot read. Late, corrected and vanished rows need no rule
of their own. Where the past is unknown (other code, expired snapshots, a table made anew) every scope is touched.
-#}

{#- First statement of a model's transaction: collects the touched scopes and says who commits. -#}
{% macro open_commit() %}
    {%- if execute %}
        {%- set meta = config.get('meta') %}
        {%- set scope = meta['scope'] | join(', ') %}
        {%- set now = run_query('from ' ~ this.database ~ '.current_snapshot()').columns[0][0] %}
        {%- set since = last_snapshot_read(now) %}
        create or replace temporary table touched_keys as
        {%- for table, columns in meta['touched_by'].items() %}
            {{ 'union' if not loop.first }}
            select
                {%- for column in columns %}
                {{ column }} as {{ meta['scope'][loop.index0] }}{{ ',' if not loop.last }}
                {%- endfor %}
            from {{ changed_rows(table, since, now) }}
        {%- endfor %}
        {%- if since is none and is_incremental() %}
            union
            select {{ scope }} from {{ this }}
        {%- endif %};
        {%- if meta.get('also_touched') %}
        insert into touched_keys {{ meta['also_touched'] }};
        {%- endif %}
        call {{ this.database }}.set_commit_message(
            'dbt', {{ sql_text(asset_name()) }}, extra_info => {{ sql_text(tojson(commit_record(now))) }}
        )
    {%- endif %}
{% endmacro %}

{#- Keeps the rows of a staging model whose scope is touched; all of them when the table is made. -#}
{% macro only_touched() -%}
    {%- if is_incremental() -%}
        semi join touched_keys using ({{ config.get('meta')['scope'] | join(', ') }})
    {%- endif -%}
{%- endmacro %}

{% macro get_incremental_touched_sql(arguments) %}
    {%- set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') %}
    delete from {{ arguments['target_relation'] }} as kept
    using touched_keys as touched
    where
        {%- for column in config.get('meta')['scope'] %}
        {{ 'and' if not loop.first }} kept.{{ column }} = touched.{{ column }}
        {%- endfor %};
    insert into {{ arguments['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }} order by {{ arguments['unique_key'] | join(', ') }}
{% endmacro %}

{% macro changed_rows(table, since, now) -%}
    {%- if since is none -%}
        {{ this.database }}.raw.{{ table }}
    {%- else -%}
        {{ this.database }}.raw.table_changes('{{ table }}', {{ since + 1 }}, {{ now }})
    {%- endif -%}
{%- endmacro %}

{#- The snapshot that the table's last commit had read; none where the change feed cannot be followed from there. -#}
{% macro last_snapshot_read(now) %}
    {%- if not is_incremental() %}{{ return(none) }}{% endif %}
    {%- set catalog = '__ducklake_metadata_' ~ this.database %}
    {%- set sources = config.get('meta')['touched_by'] | list %}
    {%- set query %}
        with commits as (
            select
                snapshot_id,
                commit_extra_info ->> 'asset' as asset,
                commit_extra_info ->> 'code_version' as code_version,
                cast(commit_extra_info ->> 'snapshot_read' as bigint) as snapshot_read
            from {{ this.database }}.snapshots()
        ),
        last_commit as (
            select * from commits
            where asset = {{ sql_text(asset_name()) }} and snapshot_read is not null
            order by snapshot_id desc
            limit 1
        ),
        made as (
            select
                max(t.begin_snapshot) filter (where s.schema_name = '{{ this.schema }}') as silver,
                max(t.begin_snapshot) filter (where s.schema_name = 'raw') as raw
            from {{ catalog }}.ducklake_table as t
            inner join {{ catalog }}.ducklake_schema as s on t.schema_id = s.schema_id
            where
                t.end_snapshot is null
                and (
                    (s.schema_name = '{{ this.schema }}' and t.table_name = '{{ this.identifier }}')
                    or (s.schema_name = 'raw' and t.table_name in ('{{ sources | join("', '") }}'))
                )
        )
        select last_commit.snapshot_read
        from last_commit, made
        where
            last_commit.code_version = {{ sql_text(code_version()) }}
            and last_commit.snapshot_id >= made.silver
            and last_commit.snapshot_read >= made.raw
            and (select count(*) from commits where commits.snapshot_id > last_commit.snapshot_read)
            = {{ now }} - last_commit.snapshot_read
    {%- endset %}
    {%- set found = run_query(query).columns[0].values() %}
    {{ return(found[0] if found else none) }}
{% endmacro %}

{#- Who commits: Dagster hands its values over as DBT_ENV_CUSTOM_ENV_*, which leave dbt's parsed state valid. -#}
{% macro commit_record(now) %}
    {{ return({
        'run_id': dbt_metadata_envs.get('ATLAS_RUN_ID', 'by hand'),
        'asset': asset_name(),
        'code_version': code_version(),
        'invocation_id': invocation_id,
        'snapshot_read': now,
    }) }}
{% endmacro %}

{% macro asset_name() %}
    {{ return(config.get('meta')['dagster']['asset_key'] | join('/')) }}
{% endmacro %}

{% macro code_version() %}
    {{ return(fromjson(dbt_metadata_envs.get('ATLAS_CODE_VERSIONS', '{}')).get(model['name'], 'by hand')) }}
{% endmacro %}

{% macro sql_text(value) -%}
    '{{ value | replace("'", "''") }}'
{%- endmacro %}
