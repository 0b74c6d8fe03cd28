"""The ledger of what is there, as the data sources read it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from atlas_assets.data_sources.base import WHOLE_DATASET
from atlas_assets.data_sources.coverage import Span, State, due_days, gaps, held, paint, unsaid
from atlas_assets.orchestration.partitions import is_open

if TYPE_CHECKING:
    import pyarrow as pa

    from atlas_assets.data_sources.base import BaseDataSource
    from atlas_assets.data_sources.registry import Source
    from atlas_assets.data_sources.settings import SourceSettings
    from atlas_assets.lake import CoverageEntry, Lake
    from atlas_assets.orchestration.partitions import Partition


def painted(
    lake: Lake, source: str, dataset: str, first: date = date.min, last: date = date.max
) -> dict[str, list[Span]]:
    """What the ledger says of each instrument of a dataset between two days; spans in order.

    The order of the lines is that of the commits, each of which wrote the rows that its lines speak of.
    """
    lines = lake.sql(
        "SELECT instrument, first_day, last_day, state, rows, final_from, reason, asked_at FROM lake.raw.coverage "
        "WHERE source = ? AND dataset = ? AND last_day >= ? AND first_day <= ? ORDER BY rowid",
        [source, dataset, first, last],
    )
    return paint(
        (instrument, Span(start, end, State(state), *rest))
        for instrument, start, end, state, *rest in zip(*map(_values, lines.columns), strict=True)
    )


def _values(column: pa.ChunkedArray) -> list[Any]:
    """A column's values; they repeat, and making a datetime is dear."""
    encoded = cast("pa.DictionaryArray", column.combine_chunks().dictionary_encode("encode"))
    values = encoded.dictionary.to_pylist()
    return [values[place] for place in encoded.indices.to_numpy().tolist()]


def entry(span: Span, *, source: str, dataset: str, instrument: str, asked_at: datetime, run_id: str) -> CoverageEntry:
    """A span as a line of the ledger."""
    from atlas_assets.lake import CoverageEntry

    return CoverageEntry(
        source=source,
        dataset=dataset,
        instrument=instrument,
        first_day=span.first,
        last_day=span.last,
        state=span.state.value,
        rows=span.rows,
        asked_at=asked_at,
        run_id=run_id,
        final_from=span.final_from,
        reason=span.reason,
    )


def of_files(rows: pa.Table, source: Source, *, lake: Lake, now: datetime, run_id: str) -> list[CoverageEntry]:
    """The lines that say for which days of its instruments a source that is read from files has rows.

    Parameters
    ----------
    rows
        All rows that the table will have for the days of a file.
    """
    _, vendor, dataset = source.table.asset_key
    column = source.instrument_column
    names = [name for name in (column, "partition_date") if name is not None]
    found: dict[str, dict[date, int]] = {}
    for line in rows.group_by(names).aggregate([([], "count_all")]).to_pylist():
        instrument = WHOLE_DATASET if column is None else line[column]
        found.setdefault(instrument, {})[line["partition_date"]] = line["count_all"]
    days = rows["partition_date"].unique().to_pylist()
    known = painted(lake, vendor, dataset, min(days), max(days))
    may_trade = partial(is_open, calendar=source.calendar)
    return [
        entry(part, source=vendor, dataset=dataset, instrument=one, asked_at=now, run_id=run_id)
        for one, counts in sorted(found.items())
        for span in held(counts, now=now, known=known.get(one, []), is_open=may_trade)
        for part in unsaid(known.get(one, []), span)
    ]


def instruments(source: Source, section: SourceSettings, now: datetime) -> list[str]:
    """What the settings want of a dataset; nothing is fetched."""
    clock = cast("Any", SimpleNamespace(now=lambda: now))
    asking: BaseDataSource[Any, Any] = source(section, clock)
    day = section.history_from
    return list(dict.fromkeys(query.instrument for query in asking.queries(day, max(day, now.date()))))


def due_partitions(
    source: Source, section: SourceSettings, partitions: Sequence[Partition], lake: Lake, now: datetime
) -> set[str]:
    """The keys of the partitions of which asking again could bring something new."""
    if not partitions or source.files_only:
        return set()
    first, last = partitions[0].first, partitions[-1].last
    if source.reach is not None:
        first = max(first, (now.astimezone(UTC) - source.reach).date())
    _, vendor, dataset = source.table.asset_key
    known = painted(lake, vendor, dataset)
    wanted = instruments(source, section, now)
    due = {days for one in wanted for days in due_days(known.get(one, []), first, last, now)}
    last_days = [partition.last for partition in partitions]
    keys: set[str] = set()
    for start, end in due:
        for partition in partitions[bisect_left(last_days, start) :]:
            if partition.first > end:
                break
            keys.add(partition.key)
    return keys


@dataclass(frozen=True)
class Covered:
    """What is there of an instrument.

    Attributes
    ----------
    first_day
        The first day that is there.
    final_until, present_until, partial_until
        The last day in each of these states; None for none.
    gaps
        Missing days between the first and the last day asked for.
    """

    source: str
    dataset: str
    instrument: str
    first_day: date | None
    final_until: date | None
    present_until: date | None
    partial_until: date | None
    gaps: tuple[Span, ...]


def overview(lake: Lake, source: str | None = None, dataset: str | None = None) -> list[Covered]:
    """What the ledger says of every instrument of the datasets that it knows, or of some."""
    known = lake.sql(
        "SELECT DISTINCT source, dataset FROM lake.raw.coverage "
        "WHERE source = coalesce(?, source) AND dataset = coalesce(?, dataset) ORDER BY ALL",
        [source, dataset],
    ).to_pylist()
    return [
        _covered(one["source"], one["dataset"], instrument, spans)
        for one in known
        for instrument, spans in sorted(painted(lake, one["source"], one["dataset"]).items())
    ]


def _covered(source: str, dataset: str, instrument: str, spans: Sequence[Span]) -> Covered:
    there = [span for span in spans if span.state is not State.MISSING]
    until = {state: max((span.last for span in there if span.state is state), default=None) for state in State}
    return Covered(
        source,
        dataset,
        instrument,
        there[0].first if there else None,
        until[State.FINAL],
        until[State.PRESENT],
        until[State.PARTIAL],
        tuple(gaps(spans, spans[0].first, spans[-1].last)),
    )
