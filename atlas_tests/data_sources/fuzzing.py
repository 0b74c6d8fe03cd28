"""What the property tests of all parsers share: arbitrary values, and what reading them may come to."""

from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from atlas_assets.data_sources.client.errors import SourceError
from atlas_assets.data_sources.parsing import Parsed, vendor_schema

FAST = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def scalars(*telling: Any) -> st.SearchStrategy[Any]:
    """Values of every kind, those among them that a vendor's readers may stumble over."""
    return (
        st.none()
        | st.booleans()
        | st.integers(-(2**70), 2**70)
        | st.floats()
        | st.text(max_size=20)
        | st.sampled_from(["2018-12-03", "1.0", "\ud800", *telling])
    )


def documents(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """JSON documents of such values."""
    return st.recursive(
        values, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    )


def changed_rows(data: st.DataObject, example: Any, values: st.SearchStrategy[Any]) -> list[Any]:
    """One to three copies of a row, each with up to two values changed."""
    rows: list[Any] = []
    for _ in range(data.draw(st.integers(1, 3))):
        row = example.copy()
        keys = list(row) if isinstance(row, dict) else list(range(len(row)))
        for key in data.draw(st.lists(st.sampled_from(keys), max_size=2, unique=True)):
            row[key] = data.draw(values)
        rows.append(row)
    return rows


def read_or_refuse(kind: Any, content: bytes, query: Any) -> Parsed | None:
    """What is read: rows of the table and the window, the others set aside; None when the reply is refused."""
    refused = None
    try:
        parsed = kind.transform(content, query)
    except SourceError as error:
        refused = error
    if refused is not None:
        assert refused.__cause__ is refused.__context__ is None
        assert str(refused).startswith(f"{kind.vendor.name} {kind.table.asset_key[2]}: ")
        return None
    assert parsed.rows.schema.equals(vendor_schema(kind.table))
    parsed.rows.validate(full=True)
    assert parsed.days.type == pa.date32()
    assert len(parsed.days) == len(parsed.positions) == parsed.rows.num_rows
    assert all(query.start <= day <= query.end for day in parsed.days.to_pylist())
    places = [*parsed.positions.to_pylist(), *(row.position for row in parsed.rejected)]
    assert len(set(places)) == len(places)
    assert all(row.reason and len(row.content) <= 2000 for row in parsed.rejected)
    again = kind.transform(content, query)
    assert again.rows.equals(parsed.rows)
    assert again.rejected == parsed.rejected
    return parsed
