"""Closed ranges of a column, as SQL conditions with parameters."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from atlas_assets.lake.errors import LakeError
from atlas_assets.lake.identifiers import quote_identifier

Bound = date | datetime | int | str | None


def range_condition(column: str, sql_type: str, start: Bound, end: Bound) -> tuple[list[str], list[object]]:
    """Return the conditions that keep `column` between `start` and `end`, both included.

    A day as the end of a range of timestamps includes the whole day. A time without a zone is UTC.
    """
    name = quote_identifier(column)
    conditions: list[str] = []
    parameters: list[object] = []
    if start is not None:
        conditions.append(f"{name} >= ?")
        parameters.append(_value(start, sql_type, column))
    if end is not None:
        day = _day(end) if sql_type.startswith("TIMESTAMP") else None
        conditions.append(f"{name} < ?" if day else f"{name} <= ?")
        parameters.append(_value(day + timedelta(days=1) if day else end, sql_type, column))
    return conditions, parameters


def parse_time(text: str, what: str) -> datetime:
    """Return an ISO 8601 time in UTC; without a zone it is UTC already."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise LakeError(
            f"{text!r} is not a time for {what}: write it as 2024-01-31 or 2024-01-31T16:00:00Z."
        ) from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _day(value: Bound) -> date | None:
    if isinstance(value, str) and len(value) == len("2024-01-31"):
        return parse_time(value, "the end of a range").date()
    return value if isinstance(value, date) and not isinstance(value, datetime) else None


def _value(value: date | datetime | int | str, sql_type: str, column: str) -> object:
    if sql_type != "DATE" and not sql_type.startswith("TIMESTAMP"):
        return value
    if isinstance(value, int):
        raise LakeError(f"{value!r} is not a time, but {column} is of type {sql_type}: give a date or a time.")
    moment = _moment(value, column)
    if sql_type == "DATE":
        return moment.date()
    return moment if sql_type == "TIMESTAMP WITH TIME ZONE" else moment.replace(tzinfo=None)


def _moment(value: date | datetime | str, column: str) -> datetime:
    if isinstance(value, str):
        return parse_time(value, column)
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return datetime.combine(value, time(), UTC)
