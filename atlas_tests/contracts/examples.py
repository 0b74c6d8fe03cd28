"""Rows that keep a contract, made from nothing but the contract, and what breaks each rule between columns."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from atlas_assets.contracts.columns import Contract
from atlas_assets.contracts.schema import arrow_schema
from atlas_assets.orchestration.tables import all_tables

CONTRACTS: list[type[Contract]] = [table.contract for table in all_tables()]

Row = dict[str, Any]

# What to change in a row of `rows` so that it breaks this rule.
BREAKS: dict[str, Row] = {
    "bollinger_lower_20 <= bollinger_middle_20": {"bollinger_lower_20": 0.6},
    "bollinger_upper_20 >= bollinger_middle_20": {"bollinger_upper_20": 0.4},
    "breaches <= observations": {"breaches": 1000},
    "buy_volume + sell_volume >= imbalance": {"imbalance": 1.1},
    "expected_breaches <= observations": {"expected_breaches": 1000.0},
    "expected_shortfall <= value_at_risk": {"expected_shortfall": 0.6},
    "duplicate_rank <= duplicate_size": {"duplicate_rank": 1000},
    "first_period <= last_period": {"last_period": date(1999, 1, 1)},
    "flood_rank <= flood_size": {"flood_rank": 1000},
    "first_session <= last_session": {"last_session": date(1999, 1, 1)},
    "first_trade_id <= last_trade_id": {"first_trade_id": 1000},
    "high >= close": {"close": 0.6, "open": None},
    "high >= low": {"low": 0.6, "open": None, "close": 0.6, "high": 0.5},
    "high >= open": {"open": 0.6},
    "high_raw >= close_raw": {"close_raw": 0.6, "open_raw": None},
    "high_raw >= low_raw": {"low_raw": 0.6, "open_raw": None, "close_raw": 0.6, "high_raw": 0.5},
    "high_raw >= open_raw": {"open_raw": 0.6},
    "is_breach == (log_return < value_at_risk)": {"is_breach": True},
    "known_from <= known_to": {"known_to": date(1999, 1, 1)},
    "known_from < known_to": {"known_to": datetime(1999, 1, 1, tzinfo=UTC)},
    "valid_from <= valid_to": {"valid_to": date(1999, 1, 1)},
    "low <= close": {"close": 0.4},
    "low <= high": {"low": 0.6},
    "low <= open": {"open": 0.4},
    "low_raw <= close_raw": {"close_raw": 0.4},
    "low_raw <= open_raw": {"open_raw": 0.4},
    "bucket_start <= bucket_end": {"bucket_end": datetime(1999, 1, 1, tzinfo=UTC)},
    "fitted_until <= bucket_start": {"fitted_until": datetime(2030, 1, 1, tzinfo=UTC)},
    "fitted_until <= session_date": {"fitted_until": date(2030, 1, 1)},
    "is_unusual == (distance > threshold)": {"is_unusual": True},
    "segment_start <= session_date": {"segment_start": date(2030, 1, 1)},
    "state_probability >= turbulent_probability": {"state_probability": 0.4},
    "lower <= forecast": {"lower": 0.6},
    "net <= transmitted": {"net": 0.6},
    "net >= -received": {"net": -0.6},
    "upper >= forecast": {"upper": 0.4},
    "bar_open <= bar_close": {"bar_close": datetime(1999, 1, 1, tzinfo=UTC)},
    "open_time <= close_time": {"open_time": 1000},
    "opens_at <= closes_at": {"closes_at": datetime(1999, 1, 1, tzinfo=UTC)},
    "classification != 'Extreme Fear' or index_value < 25": {"classification": "Extreme Fear", "index_value": 50.0},
    "classification != 'Extreme Greed' or index_value >= 75": {"classification": "Extreme Greed", "index_value": 50.0},
    "effective_count <= document_count": {"effective_count": 1000.0},
    "positive_share + negative_share <= 1": {"positive_share": 0.6},
    "received <= expected": {"received": 1000},
    "realtime_start <= realtime_end": {"realtime_end": date(1999, 1, 1)},
    "regime != 'calm' or turbulent_probability <= 0.5": {"turbulent_probability": 0.6},
    "regime != 'turbulent' or turbulent_probability >= 0.5": {"regime": "turbulent", "turbulent_probability": 0.4},
}


def rows(contract: type[Contract], number: int = 4) -> list[Row]:
    """Rows that keep the contract: equal numbers satisfy every order, keys differ by the row's number."""
    allowed = {
        name: check.statistics["allowed_values"][0]
        for name, column in contract.to_schema().columns.items()
        for check in column.checks
        if check.name == "isin"
    }
    made: list[Row] = []
    for index in range(number):
        values = {
            pa.string(): f"{index:064}",
            pa.float64(): 0.5,
            pa.int64(): index + 1,
            pa.bool_(): False,
            pa.date32(): date(2020, 1, 1) + timedelta(days=index),
            pa.timestamp("us", tz="UTC"): datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=index),
        }
        row = {field.name: allowed.get(field.name, values[field.type]) for field in arrow_schema(contract)}
        # What is known is known for a while, and what was learnt from is older than all rows.
        known = {"known_to": row["known_to"] + timedelta(days=1)} if "known_to" in row else {}
        older = {name: made[0][name] for name in ("fitted_until", "segment_start") if made and name in row}
        made.append(row | known | older)
    return made


def table(contract: type[Contract], content: list[Row]) -> pa.Table:
    """The rows with the contract's types; Arrow would refuse nulls where the contract does."""
    schema = pa.schema([field.with_nullable(True) for field in arrow_schema(contract)])
    return pa.Table.from_pylist(content, schema=schema)


def out_of_bounds(contract: type[Contract]) -> list[tuple[str, str, Any]]:
    """Column, rule and a value that breaks it, for each bound of the contract."""
    broken: list[tuple[str, str, Any]] = []
    for name, column in contract.to_schema().columns.items():
        for check in column.checks:
            bounds = check.statistics
            value = {
                "greater_than": lambda bounds=bounds: bounds["min_value"],
                "greater_than_or_equal_to": lambda bounds=bounds: bounds["min_value"] - 1,
                "less_than": lambda bounds=bounds: bounds["max_value"],
                "less_than_or_equal_to": lambda bounds=bounds: bounds["max_value"] + 1,
                "isin": lambda: "it's \"other",
                "str_length": lambda: "é" * 63,
            }[check.name]()
            broken.append((name, str(check.error), value))
    return broken
