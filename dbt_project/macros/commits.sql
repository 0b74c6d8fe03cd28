{#-
How silver follows raw. A silver table is a function of raw, applied to each value of its scope (the columns
`meta.scope`) on its own. A run therefore

1. asks the lake which raw rows came or went since the snapshot that the table's last commit had read,
2. collects the scopes of those rows in the temporary table `touched_keys`,
3. deletes these scopes from the table and inserts what the model makes of them now,

in one transaction whose commit message carries the snapshot read. Late, corrected and vanished rows need no rule
of their own. Where the past is unknown (other code, expired snapshots, a table made anew) every scope is touched.
A table of reference data follows no raw table: `made_of_code` is a query of its scopes, touched when the code is another.
`touched_by` names raw tables, and with their schema silver ones, whose commits are followed in the same way; in the
query `also_touched`, {since} and {now} are the first and the last snapshot whose changes are followed.
-#}

{#- First statement of a model's transaction: collects the touched scopes and says who commits. -#}
{% macro open_commit() %}
    {%- if execute %}
        {%- set meta = config.get('meta') %}
        {%- set scope = meta['scope'] | join(', ') %}
        {%- set now, since, changed = what_happened() %}
        set disabled_optimizers = '{{ 'join_order,statistics_propagation' if since is not none or reads_little() }}';
        {%- if is_incremental() %}
        create or replace temporary table touched_keys as
        select {{ scope }} from {{ this }} where {{ since is none }}
        {%- for table, columns in meta['touched_by'].items() if since is none or full_name(table) in changed %}
        union
        select
            {%- for column in columns %}
            {{ column }} as {{ meta['scope'][loop.index0] }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ changed_rows(table, since, now) }}
        {%- endfor %}
        {%- if 'made_of_code' in meta %}
        union
        from ({{ meta['made_of_code'] }}) where {{ since is none }}
        {%- endif %};
        {{- remember_bounds(meta['scope']) }}
        {%- if meta.get('also_touched') and since is not none %}
        insert into touched_keys {{ meta['also_touched'] | replace('{since}', since + 1) | replace('{now}', now) }};
        {{- remember_bounds(meta['scope']) }}
        {%- endif %}
        {%- endif %}
        call {{ this.database }}.set_commit_message(
            'dbt', {{ sql_text(asset_name()) }}, extra_info => {{ sql_text(tojson(commit_record(now))) }}
        )
    {%- endif %}
{% endmacro %}

{#-
Whether a model reads so little that its plan would take longer than its work: to choose the order of joins, the engine
asks the catalog about each of the tables, of which there are dozens.
-#}
{% macro reads_little() %}
    {%- set catalog = '__ducklake_metadata_' ~ this.database %}
    {%- set query %}
        select coalesce(sum(read.record_count), 0) < 1000000
        from {{ catalog }}.ducklake_table_stats as read
        inner join {{ catalog }}.ducklake_table as t on read.table_id = t.table_id
        inner join {{ catalog }}.ducklake_schema as s on t.schema_id = s.schema_id
        where t.end_snapshot is null and s.schema_name || '.' || t.table_name in ('{{ tables_followed() | join("', '") }}')
    {%- endset %}
    {{ return(run_query(query).columns[0][0]) }}
{% endmacro %}

{% macro tables_followed() %}
    {%- set names = [] %}
    {%- for table in config.get('meta')['touched_by'] %}{% do names.append(full_name(table)) %}{% endfor %}
    {{ return(names) }}
{% endmacro %}

{#- Keeps the rows of a staging model whose scope is touched; all of them when the table is made. -#}
{% macro only_touched() -%}
    {%- if is_incremental() -%}
        semi join touched_keys using ({{ config.get('meta')['scope'] | join(', ') }})
    {%- endif -%}
{%- endmacro %}

{#- Rows that did not change are neither deleted nor written, so that who reads the table's changes sees only those. -#}
{% macro get_incremental_touched_sql(arguments) %}
    {%- set columns = arguments['dest_columns'] | map(attribute='quoted') | list %}
    {%- set key = arguments['unique_key'] | join(', ') %}
    create or replace temporary table unchanged_keys as
    select {{ key }}
    from {{ arguments['target_relation'] }} as kept
    semi join {{ arguments['temp_relation'] }} as made
        on {% for column in columns %}kept.{{ column }} is not distinct from made.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
    where {{ within_bounds('kept') }};
    delete from {{ arguments['target_relation'] }} as kept
    using touched_keys as touched
    where
        {%- for column in config.get('meta')['scope'] %}
        kept.{{ column }} = touched.{{ column }} and
        {%- endfor %}
        {{ within_bounds('kept') }}
        and not exists (
            select 1 from unchanged_keys as same
            where {% for column in arguments['unique_key'] %}kept.{{ column }} = same.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
        );
    insert into {{ arguments['target_relation'] }} ({{ columns | join(', ') }})
    select {{ columns | join(', ') }}
    from {{ arguments['temp_relation'] }}
    anti join unchanged_keys using ({{ key }})
    order by {{ key }}
{% endmacro %}

{#-
The bounds of what is touched, as the variables first_<column> and last_<column>. A condition on variables is one on
constants: it tells the readers of files what they need not read, which a join with `touched_keys` does not.
-#}
{% macro remember_bounds(columns) %}
    {%- for column in columns %}
        set variable first_{{ column }} = (select min({{ column }}) from touched_keys);
        set variable last_{{ column }} = (select max({{ column }}) from touched_keys);
    {%- endfor %}
{%- endmacro %}

{% macro within_bounds(table) -%}
    {%- for column in config.get('meta')['scope'] %}
    {{ table }}.{{ column }} between getvariable('first_{{ column }}') and getvariable('last_{{ column }}')
    {{- ' and ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{% macro changed_rows(table, since, now) -%}
    {%- set schema, name = full_name(table).split('.') -%}
    {%- if since is none -%}
        {{ this.database }}.{{ schema }}.{{ name }}
    {%- else -%}
        {{ this.database }}.{{ schema }}.table_changes('{{ name }}', {{ since + 1 }}, {{ now }})
    {%- endif -%}
{%- endmacro %}

{#- A table of `touched_by` is a raw one unless its schema is named. -#}
{% macro full_name(table) -%}
    {{ table if '.' in table else 'raw.' ~ table }}
{%- endmacro %}

{#-
The current snapshot; the one that the table's last commit had read, none where the change feed cannot be followed from
there; and the tables that commits since then wrote to, for following one that nobody wrote to costs as much as one that
changed.
-#}
{% macro what_happened() %}
    {%- if not is_incremental() %}
        {{ return((run_query('from ' ~ this.database ~ '.current_snapshot()').columns[0][0], none, [])) }}
    {%- endif %}
    {%- set catalog = '__ducklake_metadata_' ~ this.database %}
    {%- set sources = tables_followed() | join("', '") %}
    {%- set query %}
        with commits as (
            select
                snapshot_id,
                changes,
                commit_extra_info ->> 'asset' as asset,
                commit_extra_info ->> 'code_version' as code_version,
                cast(commit_extra_info ->> 'snapshot_read' as bigint) as snapshot_read
            from {{ this.database }}.snapshots()
        ),
        present as (
            select t.table_id, t.begin_snapshot, s.schema_name || '.' || t.table_name as name
            from {{ catalog }}.ducklake_table as t
            inner join {{ catalog }}.ducklake_schema as s on t.schema_id = s.schema_id
            where t.end_snapshot is null
        ),
        made as (
            select
                max(begin_snapshot) filter (where name = '{{ this.schema }}.{{ this.identifier }}') as this,
                coalesce(max(begin_snapshot) filter (where name in ('{{ sources }}')), 0) as read_tables
            from present
        ),
        last_commit as (
            select * from commits
            where asset = {{ sql_text(asset_name()) }} and snapshot_read is not null
            order by snapshot_id desc
            limit 1
        ),
        following as (
            select max(snapshot_id) as now from commits
        ),
        known as (
            select last_commit.snapshot_read as since
            from last_commit, made, following
            where
                last_commit.code_version = {{ sql_text(code_version()) }}
                and last_commit.snapshot_id >= made.this
                and last_commit.snapshot_read >= made.read_tables
                and (select count(*) from commits where commits.snapshot_id > last_commit.snapshot_read)
                = following.now - last_commit.snapshot_read
        ),
        written as (
            select distinct unnest(flatten(map_values(commits.changes))) as table_id
            from commits, known
            where commits.snapshot_id > known.since
        )
        select
            (select now from following),
            (select since from known),
            (select string_agg(present.name, ' ') from present inner join written on cast(present.table_id as varchar) = written.table_id)
    {%- endset %}
    {%- set row = run_query(query).rows[0] %}
    {{ return((row[0], row[1], (row[2] or '').split(' '))) }}
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
