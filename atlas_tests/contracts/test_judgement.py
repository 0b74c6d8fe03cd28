"""Every contract accepts what it describes and rejects each single fault by exactly the rule that names it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pandera.pandas as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas_assets.contracts.columns import Contract, Number, Text, column
from atlas_assets.contracts.judgement import TableMissingError, Verdict, Violation, judge
from atlas_assets.contracts.rules import UntranslatableCheckError, quote_identifier, rule, sql_rules
from atlas_assets.contracts.schema import primary_key, sql_types
from atlas_assets.contracts.silver import DailyBars, MacroObservations
from atlas_tests.contracts.examples import BREAKS, CONTRACTS, Row, out_of_bounds, rows, table

every_contract = pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.__name__)
JudgeRows = Callable[..., Verdict]
MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 2}) as opened:
        yield opened


@pytest.fixture
def verdict_on(connection: duckdb.DuckDBPyConnection) -> JudgeRows:
    """Judge rows as a table; ``select`` changes its columns."""

    def judge_rows(contract: type[Contract], content: list[Row], select: str = "*", **options: Any) -> Verdict:
        connection.register("sent", table(contract, content))
        connection.execute(f"create or replace table judged as select {select} from sent")
        return judge(connection, "judged", contract, **options)

    return judge_rows


def one_fault_a_row(contract: type[Contract], faults: Sequence[Row]) -> list[Row]:
    return [row | fault for row, fault in zip(rows(contract, len(faults)), faults, strict=True)]


def broken(verdict: Verdict) -> dict[tuple[str, str], int]:
    return {(violation.column, violation.rule): violation.rows for violation in (*verdict.shape, *verdict.truth)}


def explained(verdict: Verdict) -> Counter[str]:
    return Counter(reason for row in verdict.sample for reason in row.reasons)


def counted(verdict: Verdict) -> dict[str, int]:
    return {f"{name}: {reason}": number for (name, reason), number in broken(verdict).items()}


@every_contract
def test_every_check_has_an_sql_form_and_every_key_is_required(contract: type[Contract]):
    assert sql_rules(contract)
    assert not any(contract.to_schema().columns[name].nullable for name in primary_key(contract))


@every_contract
def test_valid_rows_pass_both_stages(contract: type[Contract], verdict_on: JudgeRows):
    content = rows(contract)
    verdict = verdict_on(contract, content)
    assert (verdict.rows, verdict.shape, verdict.truth, verdict.sample) == (4, (), (), ())
    contract.validate(pd.DataFrame(content), lazy=True)


@every_contract
def test_empty_table_passes(contract: type[Contract], verdict_on: JudgeRows):
    verdict = verdict_on(contract, [])
    assert verdict.rows == 0
    assert verdict.shape_holds
    assert verdict.truth_holds


@every_contract
def test_missing_value_breaks_only_a_required_column(contract: type[Contract], verdict_on: JudgeRows):
    columns = contract.to_schema().columns
    verdict = verdict_on(contract, one_fault_a_row(contract, [{name: None} for name in columns]))
    assert broken(verdict) == {(name, "not_nullable"): 1 for name in columns if not columns[name].nullable}
    assert verdict.truth_holds
    assert explained(verdict) == counted(verdict)


@every_contract
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_number_that_is_not_finite_breaks_only_that_rule(contract: type[Contract], value: float, verdict_on: JudgeRows):
    numbers = [name for name, kind in sql_types(contract).items() if kind == "DOUBLE"]
    verdict = verdict_on(contract, one_fault_a_row(contract, [{name: value} for name in numbers]))
    assert broken(verdict) == {(name, "finite"): 1 for name in numbers}
    assert verdict.shape_holds
    assert explained(verdict) == counted(verdict)
    assert all(repr(value) in repr(row) for row in verdict.sample)


@every_contract
def test_value_out_of_bounds_breaks_its_bound(contract: type[Contract], verdict_on: JudgeRows):
    faults = out_of_bounds(contract)
    verdict = verdict_on(contract, one_fault_a_row(contract, [{name: value} for name, _, value in faults]))
    between_columns = {check.name for check in contract.to_schema().checks}
    bounds = {key: number for key, number in broken(verdict).items() if key[1] not in between_columns}
    assert bounds == {(name, reason): 1 for name, reason, _ in faults}
    assert verdict.shape_holds
    assert explained(verdict) == counted(verdict)


@every_contract
def test_rule_between_columns_is_named(contract: type[Contract], verdict_on: JudgeRows):
    names = [check.name for check in contract.to_schema().checks]
    verdict = verdict_on(contract, one_fault_a_row(contract, [BREAKS[name] for name in names]))
    assert {violation.rule for violation in verdict.truth} == set(names)
    assert verdict.shape_holds
    assert explained(verdict) == counted(verdict)


@every_contract
def test_repeated_key_counts_every_row_that_shares_it(contract: type[Contract], verdict_on: JudgeRows):
    if key := primary_key(contract):
        first, *others = rows(contract)
        for twin in (first, {**others[0], **{name: first[name] for name in key}}):
            verdict = verdict_on(contract, [first, twin, *others[1:]])
            assert broken(verdict) == {(", ".join(key), "unique"): 2}
            assert explained(verdict) == counted(verdict)


@every_contract
def test_missing_extra_and_retyped_columns_break_the_shape(contract: type[Contract], verdict_on: JudgeRows):
    types = sql_types(contract)
    for missing in (list(types)[::2], list(types)[1::2]):
        verdict = verdict_on(contract, rows(contract), f"* exclude ({', '.join(map(quote_identifier, missing))})")
        assert broken(verdict) == {(name, "missing column"): 4 for name in missing}
    other = {name: "BLOB" if kind == "VARCHAR" else "INTEGER" for name, kind in types.items()}
    replaced = ", ".join(f"null::{kind} as {quote_identifier(name)}" for name, kind in other.items())
    verdict = verdict_on(contract, rows(contract), f"* replace ({replaced})")
    assert broken(verdict) == {(name, f"{other[name]} instead of {kind}"): 4 for name, kind in types.items()}
    assert broken(verdict_on(contract, rows(contract), "*, 1 as more")) == {("more", "extra column"): 4}


CELLS = {
    "DOUBLE": [None, math.nan, math.inf, -math.inf, -101.0, -0.5, 0.0, 0.5, 0.6, 1.0, 2.0, 101.0],
    "BIGINT": [None, -1, 0, 1, 2, 10**15],
    "BOOLEAN": [None, False, True],
    "VARCHAR": [None, "", "calm", "turbulent", "buy", "other", "0" * 64],
}


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_both_stages_agree_on_any_values(data: st.DataObject, verdict_on: JudgeRows):
    contract = data.draw(st.sampled_from(CONTRACTS))
    content = rows(contract)
    free = [name for name, kind in sql_types(contract).items() if kind in CELLS and name not in primary_key(contract)]
    if not free:
        return
    for name in data.draw(st.lists(st.sampled_from(free), max_size=6)):
        row = content[data.draw(st.integers(0, len(content) - 1))]
        row[name] = data.draw(st.sampled_from(CELLS[sql_types(contract)[name]]))
    verdict = verdict_on(contract, content)
    assert explained(verdict) == counted(verdict)


def test_contract_that_sql_cannot_express_is_refused():
    class Patterned(Contract):
        name: Text = column("Name", str_matches="a+")

    class Free(Contract):
        name: Text = column("Name")

        @pa.dataframe_check
        def anything(cls, frame: pd.DataFrame) -> bool:  # noqa: N805 - Pandera hands over the class
            return True

    for contract in (Patterned, Free):
        with pytest.raises(UntranslatableCheckError):
            sql_rules(contract)


@pytest.mark.parametrize(
    "expression", ["a < b < c", "a / b > 1", "abs(a) > 1", "a == 'it\\'s'", "a.b > 1", "a ** 2 > 1"]
)
def test_rule_outside_the_grammar_is_refused(expression: str):
    with pytest.raises(ValueError, match="not part of a rule"):
        rule(expression)


def test_rule_quotes_columns_and_joins_conditions():
    class Odd(Contract):
        select: Number = column("A word of SQL", nullable=True)
        group: Number = column("Another", nullable=True)

        order = rule("not (select < 0 or group < 0) and select - group <= 1.5")

    with duckdb.connect() as connection:
        values = "(1.0::double, 0.0::double), (-1, 2), (null, -5)"
        connection.execute(f'create table "of" as select * from (values {values}) as v("select", "group")')
        verdict = judge(connection, "of", Odd)
    assert [violation.rows for violation in verdict.truth] == [1]
    assert explained(verdict) == counted(verdict)


def test_names_cannot_become_sql():
    with duckdb.connect() as connection, pytest.raises(TableMissingError, match="does not exist yet"):
        judge(connection, 'x"; drop table y; --', DailyBars)


def test_last_day_of_the_calendar_is_a_date_like_others(verdict_on: JudgeRows):
    content = [row | {"known_to": date(9999, 12, 31), "value": math.nan} for row in rows(MacroObservations)]
    verdict = verdict_on(MacroObservations, content)
    assert broken(verdict) == {("value", "finite"): 4}
    assert explained(verdict) == counted(verdict)


def test_sample_is_bounded_and_shows_every_rule(verdict_on: JudgeRows):
    content = [row | {"close_raw": -1.0, "volume_raw": -1.0} for row in rows(DailyBars, 500)]
    content[7]["currency"] = None
    verdict = verdict_on(DailyBars, content, sample_rows=30)
    assert 0 < len(verdict.sample) <= 30
    assert explained(verdict).keys() == counted(verdict).keys()
    assert len({row.reasons for row in verdict.sample[:2]}) == 2
    assert all({"instrument_id", "session_date"} <= set(row.values) for row in verdict.sample)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize("number", [500_000, pytest.param(5_000_000, marks=pytest.mark.slow)])
def test_many_bad_rows_need_little_memory(tmp_path: Path, number: int):
    texts = ["source", "object_id", "symbol", "currency"]
    times = ["event_time", "published_at", "ingested_at"]
    columns = [
        *(f"'{name}' as {name}" for name in texts),
        *(f"timestamptz '2020-01-01 00:00:00+00' as {name}" for name in times),
        "'id-' || i % 500 as instrument_id",
        "date '1980-01-01' + (i // 500)::int as session_date",
        *(f"-1.0::double as {name}" for name in ("open_raw", "high_raw", "volume_raw")),
        *(f"'nan'::double as {name}" for name in ("close_raw", "outlier_score")),
        "5.0::double as low_raw",
        "null::varchar as suspicion",
    ]
    file = tmp_path / "bad.duckdb"
    with duckdb.connect(file) as connection:
        connection.execute(f"create table judged as select {', '.join(columns)} from range({number}) as r(i)")
        connection.execute("create table few as from judged limit 10")
    with duckdb.connect(file, config={"threads": 2}) as connection:
        judge(connection, "few", DailyBars)
        Path("/proc/self/clear_refs").write_text("5")
        before = _memory("VmRSS")
        verdict = judge(connection, "judged", DailyBars)
        extra = _memory("VmHWM") - before
    print(f"{number} bad rows: {verdict.seconds:.2f} s, {extra / MEGABYTE:.0f} MB")
    assert Violation("close_raw", "finite", number) in verdict.truth
    assert verdict.shape_holds
    assert 0 < len(verdict.sample) <= 1000
    assert extra < 200 * MEGABYTE


def _memory(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))
