{#-
What makes a daily bar unbelievable (`fault`: it goes to quarantine) or worth a look (`suspicion`: it stays, marked).
A bar is compared with the bars of its own instrument and source within `judged_days()` on both sides, so the verdict
on the newest bar can change when the next ones come. Known splits are undone first.

- `decimal_slip`: off by a power of ten from neighbours that agree with each other; the newest bar, off from the one
  before without the volume of a crash, waits in quarantine for the next.
- `price_level`: away from both neighbours, whose ranges it does not touch, while these agree, or opened away from the
  close before while the next bar opens as far back: another currency or another instrument's price. A crash does not
  come back the next day to where it fell from.
- `sources_differ`: another source has another price, and it is this one that left its own level.
- `repeated_day`: equal in all five values to the session before.
- `missing_split` (suspicion): the level changes overnight by the ratio of a split, and stays, without the range or
  the volume of a crash, and no action is known.
- `sources_differ` (suspicion): another source has a price more than half a percent away.
- `outlier` (suspicion): a move of more than `outlier_score()` robust standard deviations.

Only bars that moved by more than `scored_move()` since the session before, or to the next, are judged on it and get
an outlier score.
-#}
{% macro judged_days() %}30{% endmacro %}
{% macro scored_move() %}0.05{% endmacro %}
{% macro outlier_score() %}12{% endmacro %}

{% macro span_of_days(day) -%}
    ({{ day }} - date '1900-01-01') // {{ judged_days() | int + 16 }}
{%- endmacro %}

{#- Verdicts on those of the bars that need one, by (instrument_id, priority of the source, session_date). -#}
{% macro verdicts_on(bars, actions, of_many_sources) %}
with splits as (
    select
        instrument_id,
        ex_date,
        coalesce(lead(ex_date) over (partition by instrument_id order by ex_date), date '9999-12-31') as next_ex_date,
        sum(ln(ratio)) over (partition by instrument_id order by ex_date) as log_ratio
    from {{ actions }}
    where ratio is not null and rank = 1
),

levelled as (
    select
        bars.instrument_id,
        bars.priority,
        bars.session_date,
        ln(bars.close_raw) + coalesce(splits.log_ratio, 0) as level,
        ln(bars.open_raw / bars.close_raw) as to_open,
        ln(bars.low_raw / bars.close_raw) as to_low,
        ln(bars.high_raw / bars.close_raw) as to_high,
        bars.volume_raw as volume
    from {{ bars }} as bars
    left join splits
        on
            bars.instrument_id = splits.instrument_id
            and bars.session_date >= splits.ex_date
            and bars.session_date < splits.next_ex_date
),

-- Neighbours further away than the judged days are none.
beside as (
    select
        *,
        lag(level) over before as level_before,
        lag(level + to_low) over before as low_before,
        lag(level + to_high) over before as high_before,
        lead(level) over before as level_after,
        lead(level + to_low) over before as low_after,
        lead(level + to_high) over before as high_after,
        lead(level + to_open) over before as opening_after,
        session_date - lag(session_date) over before as days_before,
        lead(session_date) over before - session_date as days_after,
        level = lag(level) over before
        and to_open = lag(to_open) over before
        and to_low = lag(to_low) over before
        and to_high = lag(to_high) over before
        and volume = lag(volume) over before
        and volume > 0
        and to_high > to_low as is_repeated
    from levelled
    window before as (partition by instrument_id, priority order by session_date)
),

near as (
    select
        * exclude (days_before, days_after, level_before, level_after, is_repeated),
        case when days_before <= {{ judged_days() }} then level_before end as level_before,
        case when days_after <= {{ judged_days() }} then level_after end as level_after,
        coalesce(is_repeated and days_before <= {{ judged_days() }}, false) as is_repeated
    from beside
),

-- What other sources say of the same session.
days_of_many as (
    select
        instrument_id,
        session_date,
        max(level) - min(level) as spread,
        min(coalesce(abs(level - level_before), 0) + coalesce(abs(level - level_after), 0)) as least_distance,
        min((level_before is not null)::int + (level_after is not null)::int) as fewest_neighbours
    from near
    where instrument_id in (select instrument_id from {{ of_many_sources }})
    group by instrument_id, session_date
    having max(level) - min(level) > 0.005
),

asked as (
    select near.*, many.spread, many.least_distance, many.fewest_neighbours
    from near
    left join days_of_many as many using (instrument_id, session_date)
    where
        near.is_repeated
        or many.spread is not null
        or abs(near.level - near.level_before) > {{ scored_move() }}
        or abs(near.level - near.level_after) > {{ scored_move() }}
),

-- Bars are looked up by spans of days as long as the weeks around a bar, which lie in two of them at most.
spans as (
    select
        instrument_id,
        priority,
        session_date,
        unnest(list_distinct([
            {{ span_of_days('session_date - ' ~ judged_days()) }}, {{ span_of_days('session_date + 15') }}
        ])) as span
    from asked
),

-- The weeks around; the size of a usual day is that of the past. Medians are the same in any order of the rows.
weeks as (
    select
        asked.instrument_id,
        asked.priority,
        asked.session_date,
        median(abs(other.level - other.level_before)) filter (where other.session_date < asked.session_date)
            as usual_move,
        median(other.volume) filter (where other.session_date < asked.session_date) as usual_volume,
        median(other.level) filter (where other.session_date between asked.session_date - 15 and asked.session_date - 1)
            as median_before,
        median(other.level) filter (where other.session_date > asked.session_date) as median_after
    from spans as asked
    inner join near as other
        on
            asked.instrument_id = other.instrument_id
            and asked.priority = other.priority
            and asked.span = {{ span_of_days('other.session_date') }}
            and other.session_date between asked.session_date - {{ judged_days() }} and asked.session_date + 15
    group by asked.instrument_id, asked.priority, asked.session_date
),

measured as (
    select
        asked.*,
        weeks.usual_volume,
        weeks.median_after - weeks.median_before as shift,
        -- The median absolute move as a standard deviation.
        greatest(0.003, 1.4826 * coalesce(weeks.usual_move, 0.02)) as volatility,
        asked.level - asked.level_before as move,
        asked.to_open + asked.level - asked.level_before as overnight,
        case when asked.level_after is not null then asked.opening_after - asked.level end as overnight_after,
        -- How far the price lies from where it was before and after, if that is one place: on the days beside it, or
        -- in the weeks around it.
        case
            when abs(asked.level_after - asked.level_before) < 0.4
                then asked.level - (asked.level_before + asked.level_after) / 2
            when abs(weeks.median_before - weeks.median_after) < 0.4
                then asked.level - (weeks.median_before + weeks.median_after) / 2
            -- A crash on the day after: it lies above both, or below both.
            when (asked.level > asked.level_before) = (asked.level > asked.level_after)
                then asked.level - asked.level_before
            -- The newest bar, or the first: the day beside it may be the wrong one.
            when weeks.median_after is null then asked.level - weeks.median_before
            when weeks.median_before is null then asked.level - weeks.median_after
        end as displacement,
        least(
            coalesce(abs(asked.level - asked.level_before), abs(asked.level - asked.level_after)),
            coalesce(abs(asked.level - asked.level_after), abs(asked.level - asked.level_before))
        ) as nearest
    from asked
    left join weeks using (instrument_id, priority, session_date)
),

faults as (
    select
        *,
        case
            when
                round(abs(displacement) / ln(10)) between 1 and 4
                and abs(abs(displacement) - round(abs(displacement) / ln(10)) * ln(10)) < greatest(0.12, 6 * volatility)
                and nearest > 1.6
                and not (level_after is null and coalesce(volume > 5 * usual_volume, false))
                then 'decimal_slip'
            when
                level_before is not null
                and level_after is not null
                and nearest > greatest(0.1, 6 * volatility)
                and abs(level_after - level_before) < nearest / 2
                and abs(displacement) > nearest / 2
                and (level > level_before) = (level > level_after)
                and coalesce(
                    case
                        when level > level_before then level + to_low > greatest(high_before, high_after)
                        else level + to_high < least(low_before, low_after)
                    end,
                    true
                )
                then 'price_level'
            when
                least(abs(overnight), abs(overnight_after)) > greatest(0.1, 2.5 * volatility)
                and abs(overnight + overnight_after) < least(abs(overnight), abs(overnight_after))
                then 'price_level'
            when
                spread > 0.05
                and fewest_neighbours > 0
                and coalesce(abs(level - level_before), 0) + coalesce(abs(level - level_after), 0) - least_distance
                > spread * fewest_neighbours / 4
                then 'sources_differ'
            when is_repeated then 'repeated_day'
        end as fault
    from measured
)

select
    instrument_id,
    priority,
    session_date,
    fault,
    case
        when
            fault is null
            and abs(overnight) > 0.3
            -- what the nearest ratio of a split leaves unexplained
            and list_min(list_transform(
                [1.5, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 40, 50, 100],
                lambda ratio: abs(abs(overnight) - ln(ratio))
            )) < greatest(0.05, 4 * volatility)
            and abs(move - overnight) < 0.03 + 5 * volatility
            and abs(shift - overnight) < greatest(0.15 + 4 * volatility, abs(overnight) / 4)
            and coalesce(volume * exp(least(overnight, 0)) < 3 * usual_volume, true)
            then 'missing_split'
        when spread > 0.005 then 'sources_differ'
        when abs(move) > {{ outlier_score() }} * volatility then 'outlier'
    end as suspicion,
    case when abs(move) > {{ scored_move() }} then abs(move) / volatility end as outlier_score
from faults
{% endmacro %}

{#- The splits of each instrument as one list, oldest first. -#}
{% macro splits_by_instrument(actions) %}
    select
        instrument_id,
        max(ex_date) as last_ex_date,
        list({'ex_date': ex_date, 'ratio': ratio} order by ex_date) as splits
    from {{ actions }}
    where ratio is not null and rank = 1
    group by instrument_id
{% endmacro %}

{#- What was traded: the splits between the session and the day on which the vendor's row was received are undone. -#}
{% macro volume_as_traded(bars, of_instrument) -%}
    case
        when {{ bars }}.is_volume_split_adjusted and {{ of_instrument }}.last_ex_date > {{ bars }}.session_date
            then {{ bars }}.volume_raw / list_aggregate(
                list_concat([1.0::double], list_transform(
                    list_filter(
                        {{ of_instrument }}.splits,
                        lambda split: split.ex_date > {{ bars }}.session_date and split.ex_date <= {{ utc_day(bars ~ '.ingested_at') }}
                    ),
                    lambda split: split.ratio
                )),
                'product'
            )
        else {{ bars }}.volume_raw
    end
{%- endmacro %}

{#-
The bars before a split that came or went since the last run: their volumes are undone anew. An instrument's tickers
before a split may be others than on its day.
-#}
{% macro bars_before_new_splits() -%}
    select kept.symbol, kept.session_date
    from lake.silver.daily_bars_by_source as kept
    inner join (
        select instrument_id, max(ex_date) as ex_date
        from lake.silver.table_changes('corporate_actions', {since}, {now})
        where ratio is not null
        group by instrument_id
    ) as split on kept.instrument_id = split.instrument_id and kept.session_date < split.ex_date
    where kept.source = 'eodhd'
{%- endmacro %}

{#- The bars of all sources; of an increment those of the touched symbols, as far around the touched days as matters. -#}
{% macro bars_to_judge() %}
    {%- if is_incremental() %}
    {%- set near = judged_days() | int * 2 %}
    select told.*
    from ({{ bars_of_all_sources('semi join touched_keys using (symbol)') }}) as told
    inner join (
        select symbol, min(session_date) - {{ near }} as first_day, max(session_date) + {{ near }} as last_day
        from touched_keys
        group by symbol
    ) as around
        on told.symbol = around.symbol and told.session_date between around.first_day and around.last_day
    where
        told.session_date between getvariable('first_session_date') - {{ near }}
        and getvariable('last_session_date') + {{ near }}
    {%- else %}
    {{ bars_of_all_sources('') }}
    {%- endif %}
{% endmacro %}
