"""Rows that keep a contract are told from those that break a rule, each with what is wrong."""

from __future__ import annotations

import pyarrow as pa
import pytest

from atlas_assets.contracts.columns import Contract
from atlas_assets.contracts.division import divide
from atlas_assets.contracts.raw import integer, number, raw_table, text
from atlas_tests.contracts.examples import CONTRACTS, out_of_bounds, rows, table

PRICES = raw_table(
    "acme",
    "prices",
    "Prices. One row per symbol.",
    columns={
        "symbol": text("Symbol"),
        "low": number("Lowest", nullable=True),
        "high": number("Highest", nullable=True),
        "volume": integer("Volume", ge=0),
    },
    key=("symbol",),
    rules=("low <= high",),
)


def prices(*values: tuple[str, float | None, float | None, int]) -> pa.Table:
    names = ("symbol", "low", "high", "volume")
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in values])


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.__name__)
def test_what_keeps_a_contract_comes_back_whole(contract: type[Contract]):
    content = table(contract, rows(contract))
    kept, broken = divide(content, contract)
    assert kept.equals(content)
    assert broken == []


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.__name__)
def test_each_bound_sets_aside_the_row_that_breaks_it(contract: type[Contract]):
    for column, rule, value in out_of_bounds(contract):
        content = rows(contract)
        content[2] = content[2] | {column: value}
        kept, broken = divide(table(contract, content), contract)
        assert kept.num_rows == 3
        ((row, reason),) = broken
        assert row[column] == value
        assert f"{column}: {rule}" in reason


def test_order_and_other_columns_stay_and_every_reason_is_named():
    content = prices(("A", 1.0, 2.0, 1), ("B", 3.0, 2.0, -1), ("C", -40.0, -37.63, 0), ("D", float("inf"), 2.0, 1))
    content = content.append_column("position", pa.array([1, 2, 3, 4], pa.int64()))
    kept, broken = divide(content, PRICES.contract)
    assert kept.column("position").to_pylist() == [1, 3]
    assert [(row["position"], reason) for row, reason in broken] == [
        (2, "volume: greater_than_or_equal_to(0); low, high: low <= high"),
        (4, "low: finite"),
    ]


def test_a_missing_value_breaks_no_rule_between_columns():
    content = prices(("A", None, 2.0, 1), ("B", 3.0, None, 1))
    assert divide(content, PRICES.contract) == (content, [])
