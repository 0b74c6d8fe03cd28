{#- Each generic test, fed literal rows of which a known number is wrong. Fails where a test finds another number. -#}
{% set pairs %}(values (1, 'a'), (1, 'b'), (2, 'a'), (1, 'a')) as rows (number, letter){% endset %}
{% set gaps %}(values (1, 'a'), (null, 'b'), (2, null), (null, null)) as rows (number, letter){% endset %}
{% set numbers %}(
    select cast(number as double) as number
    from (values ('0.5'), ('1'), ('0'), ('-1'), ('nan'), ('inf'), ('-inf'), (null)) as texts (number)
) as rows{% endset %}
{% set triples %}(values (1, 2, 3), (2, 1, 3), (1, null, 3), (3, null, 1), (2, 2, 2)) as rows (low, middle, high){% endset %}
{% set spans %}(values ('a', 1, 5), ('a', 6, 9), ('b', 1, 5), ('b', 5, 9), ('c', 3, 4), ('c', 1, 9)) as rows (name, starts, ends){% endset %}
{% set cases = [
    ('unique_combination', test_unique_combination(pairs, ['number', 'letter']), 1),
    ('complete', test_complete(gaps, ['number', 'letter']), 3),
    ('finite_between above', test_finite_between(numbers, ['number'], above=0), 5),
    ('finite_between minimum', test_finite_between(numbers, ['number'], minimum=0), 4),
    ('finite_between maximum', test_finite_between(numbers, ['number'], minimum=0, maximum=0.5), 5),
    ('in_order', test_in_order(triples, ['low', 'middle', 'high']), 2),
    ('no_overlap', test_no_overlap(spans, ['name'], 'starts', 'ends'), 2),
] %}
-- noqa: disable=LT02,LT05
{% for name, query, expected in cases %}
{{ 'union all' if not loop.first }}
select '{{ name }}' as test_name, found, {{ expected }} as expected
from (select count(*) as found from ({{ query }}) as failures) as counted
where found != {{ expected }}
{% endfor %}
