{#- asof_known, next_session and the macros of periods, fed literal values. Fails with what they made of them instead. -#}
{% set known = "(
    select
        name, timestamptz '2018-12-03 00:00:00+00' + interval (published) hour as published_at,
        date '2018-01-01' + event as event_time, timestamptz '2018-12-03 00:00:00+00' + interval (ingested) hour as ingested_at, value
    from (values
        ('a', 1, 1, 1, 10.0), ('a', 3, 3, 1, 30.0), ('a', 5, 2, 1, 21.0), ('a', 7, 4, 2, 41.0), ('a', 7, 4, 3, 42.0), ('a', 7, 1, 9, 12.0),
        ('a', 8, 4, 1, null), ('b', 2, 1, 1, -1.0), (null, 1, 1, 1, 99.0), ('c', null, 1, 1, 7.0)
    ) as rows (name, published, event, ingested, value)
)" %}
{% set decisions = "(
    select
        name, hour, timestamptz '2018-12-03 00:00:00+00' + interval (hour) hour as decided_at
    from (values ('a', 0), ('a', 1), ('a', 4), ('a', 6), ('a', 7), ('a', 9), ('b', 1), ('b', 2), ('c', 9), (null, 9), ('a', null)) as rows (name, hour)
)" %}
{% set periods = {
    '2018': 'a 2018-01-01', '2018-A1': 'a 2018-01-01', '2018-S2': 's 2018-07-01', '2018-Q3': 'q 2018-07-01',
    '2018-M04': 'm 2018-04-01', '2018-04': 'm 2018-04-01', '2018-W01': 'w 2018-01-01', '2018-12-05': 'd 2018-12-05',
    '2018-M13': none, '2018-Q5': none, 'soon': none, '': none,
} %}
{% set sessions = {
    '2018-04-26': '2018-04-27', '2018-04-27': '2018-04-30', '2018-12-04': '2018-12-06', '2018-12-24': '2018-12-26',
    '2018-12-29': '2018-12-31', '1950-01-01': '1950-01-02',
} %}
-- noqa: disable=AL03,LT02,LT05
with checked as (
    select 'latest published' as given, list(coalesce(value, -9) order by name, hour nulls last) as made, [-9, 10, 30, 21, 42, -9, -9, -9, -1, -9, -9] as expected
    from {{ asof_known(decisions, known, on='decided_at', columns=['value'], by=['name']) }} as joined
    union all
    select 'latest event', list(coalesce(value, -9) order by name, hour nulls last), [-9, 10, 30, 30, 42, -9, -9, -9, -1, -9, -9]
    from {{ asof_known(decisions, known, on='decided_at', columns=['value'], by=['name'], latest='event_time') }} as joined
),

texts as (
    {%- for sent, expected in periods.items() %}
    select '{{ sent }}' as given, {{ period_frequency("'" ~ sent ~ "'") }} || ' ' || {{ period_start("'" ~ sent ~ "'") }} as made, {{ "'" ~ expected ~ "'" if expected else 'null' }} as expected
    union all
    {%- endfor %}
    {%- for day, expected in sessions.items() %}
    select '{{ day }}' as given, cast(next_session(date '{{ day }}') as varchar) as made, '{{ expected }}' as expected
    union all
    {%- endfor %}
    select 'no day', cast(next_session(cast(null as date)) as varchar), null
)

select given, cast(made as varchar) as made
from checked
where made is distinct from expected
union all
select given, made
from texts
where made is distinct from expected
