{#-
What was known when. An announcement of which only the day is known counts from the start of the next session in New
York on: `next_session` knows its holidays.
-#}
{% macro known_from_next_session(day) -%}
    {{ new_york('next_session(' ~ day ~ ')', '09:30') }}
{%- endmacro %}

{#-
Each row of `left` beside the row of `right` that was the newest one known at the left row's time `on`: the one with the
latest `published_at <= on`; never a later one. A subquery, to be read from.

by: columns that must be equal; a missing one equals nothing.
columns: of the right row; missing where nothing was known yet.
latest: a column of the right rows, such as period. Rows that speak of less than the greatest one published so far are
    passed over: a late revision of an older period does not hide the newer one.
Of rows published at the same time the one with the latest event_time counts, then the latest ingested_at.
Rows of the right that must not count, such as missing values, are left out before. `contracts.point_in_time.as_known`
is the same in Python.
-#}
{% macro asof_known(left, right, on, columns, by=[], latest=none) -%}
    (
        select
            decided.*,
            {%- for column in columns %}
            case when decided.{{ on }} is not null then known.{{ column }} end as {{ column }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ left }} as decided
        asof left join (
            select * from {{ newest_known(right, by, latest) }}
            qualify row_number() over (
                partition by {{ (by + ['published_at']) | join(', ') }}
                order by {{ latest ~ ' desc nulls last, ' if latest is not none }}event_time desc nulls last, ingested_at desc nulls last
            ) = 1
        ) as known
            on
                {%- for column in by %}
                decided.{{ column }} = known.{{ column }} and
                {%- endfor %}
                decided.{{ on }} >= known.published_at
    )
{%- endmacro %}

{% macro newest_known(right, by, latest) -%}
    {%- if latest is none -%}
        {{ right }}
    {%- else -%}
        (
            select * from {{ right }}
            qualify {{ latest }} >= max({{ latest }}) over (
                {{ 'partition by ' ~ by | join(', ') if by }} order by published_at
                range between unbounded preceding and current row
            )
        )
    {%- endif -%}
{%- endmacro %}
