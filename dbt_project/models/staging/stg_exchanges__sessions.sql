-- The reviewed table knows holidays and half days to the end of its last year.
with special_days as (
    select listed.one.day, listed.one.closes_at
    from (select unnest(special_days('XNYS')) as one) as listed
),

weekdays as (
    select cast(dates.day as date) as session_date
    from
        generate_series(
            date '1990-01-01',
            (select make_date(year(max(special_days.day)), 12, 31) from special_days),
            interval 1 day
        ) as dates (day)
    where isodow(dates.day) < 6
)

select
    'XNYS' as calendar,
    weekdays.session_date,
    {{ new_york('weekdays.session_date', '09:30') }} as opens_at,
    (weekdays.session_date + coalesce(special_days.closes_at, time '16:00')) at time zone 'America/New_York' as closes_at,
    special_days.closes_at is not null as is_half_day
from weekdays
left join special_days on weekdays.session_date = special_days.day
where special_days.day is null or special_days.closes_at is not null
