"""The ledger at work: nothing final is asked for twice, nothing running is final, no gap hides, no answer is undone."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from atlas_assets.data_sources.base import BaseDataSource
from atlas_assets.data_sources.coverage import ONE_DAY, Span, State, gaps
from atlas_assets.data_sources.registry import source_of
from atlas_assets.lake import CommitInfo, Lake, LakeConfig
from atlas_assets.orchestration import coverage
from atlas_assets.orchestration.coverage import due_partitions, overview, painted
from atlas_assets.orchestration.coverage_check import judge
from atlas_tests.benchmarks.ingestion import ManySymbols
from atlas_tests.faults.operator import Operator, days_from, night_after
from atlas_tests.faults.vendors import FIRST, UNKNOWN_SYMBOL, Vendors, rows_of, sections, truth

BARS = "raw.eodhd_eod"
CANDLES = "raw.binance_klines"
LAST = FIRST + timedelta(days=3)
LATER = datetime(2018, 12, 20, 12, tzinfo=UTC)


@pytest.fixture
def operator(tmp_path) -> Operator:
    """Bars of three symbols and candles of one, four days of each, when all is final."""
    wanted = sections(symbols=3, pairs=1, traded=1, series=1)
    chosen = {name: wanted[name] for name in (BARS, CANDLES)}
    return Operator(Lake(LakeConfig(root=tmp_path / "lake")), Vendors(LATER), chosen)


def load(operator: Operator, name: str = BARS, last=LAST, **options):
    before = operator.sent.total()
    tally = operator.load(name, days_from(FIRST, last), **options)
    return tally, operator.sent.total() - before


def with_symbols(operator: Operator, *symbols: str) -> None:
    operator.sections[BARS] = operator.sections[BARS].model_copy(update={"symbols": list(symbols)})


def test_a_second_run_sends_nothing_and_changes_nothing(operator):
    _, first = load(operator)
    snapshot, version = operator.lake.current_snapshot(), operator.lake.version(BARS)
    tally, second = load(operator)
    assert (first, second, tally.asked, tally.settled) == (3, 0, 0, 3)
    assert (operator.lake.current_snapshot(), operator.lake.version(BARS)) == (snapshot, version)


def test_asking_for_everything_again_without_a_revision_makes_no_snapshot(operator):
    load(operator)
    snapshot = operator.lake.current_snapshot()
    tally, sent = load(operator, refetch=True)
    assert (sent, tally.revised) == (3, 0)
    assert operator.lake.current_snapshot() == snapshot


def test_a_silent_revision_is_found_and_counted(operator, monkeypatch):
    from atlas_tests.faults import vendors

    load(operator)
    true = vendors.bars

    def revised(symbol, first, last):
        rows = true(symbol, first, last)
        # One close is another, one bar is gone.
        return [{**rows[0], "close": 1.25}, *rows[2:]] if symbol == "S000.US" else rows

    monkeypatch.setattr(vendors, "bars", revised)
    tally, _ = load(operator, refetch=True)
    assert tally.revised == 2
    assert tally.metadata()["rows_revised"] == 2
    assert {row[5] for row in rows_of(operator.lake, BARS)["S000.US"] if row[1] == FIRST.isoformat()} == {1.25}
    assert len(rows_of(operator.lake, BARS)["S000.US"]) == 2
    first = operator.lake.sql(f"SELECT DISTINCT ingested_at FROM lake.{BARS} WHERE symbol = 'S002.US'")
    assert first.num_rows == 1


def test_the_running_candle_and_the_running_day_are_never_final(operator):
    noon = datetime(2018, 12, 6, 12, 30, tzinfo=UTC)
    operator.answer.now = noon
    _, sent = load(operator, CANDLES)
    (spans,) = painted(operator.lake, "binance", "klines").values()
    assert [(span.first, span.last, span.state) for span in spans] == [
        (FIRST, LAST - ONE_DAY, State.FINAL),
        (LAST, LAST, State.PARTIAL),
    ]
    opened = [row[1] for row in rows_of(operator.lake, CANDLES)["PAAUSDT"]]
    assert max(opened) == int(noon.replace(hour=11, minute=0).timestamp() * 1000)
    # At the very same time there is nothing new; an hour later more of the day is asked for, and of that day only.
    assert (sent, load(operator, CANDLES)[1]) == (1, 0)
    operator.answer.now = noon + timedelta(hours=1)
    assert load(operator, CANDLES)[1] == 1
    # A schedule waits until the day is over.
    partitions, section = days_from(FIRST, LAST), operator.sections[CANDLES]
    due = [
        due_partitions(source_of(CANDLES), section, partitions, operator.lake, noon + timedelta(hours=hours))
        for hours in (2, 12)
    ]
    assert due == [set(), {LAST.isoformat()}]


def test_a_symbol_added_later_loads_only_itself(operator):
    load(operator)
    with_symbols(operator, "S000.US", "S001.US", "S002.US", "S777.US")
    assert due_partitions(source_of(BARS), operator.sections[BARS], days_from(FIRST, LAST), operator.lake, LATER) == {
        partition.key for partition in days_from(FIRST, LAST)
    }
    tally, sent = load(operator)
    assert (sent, tally.asked, tally.settled) == (1, 1, 3)
    assert rows_of(operator.lake, BARS)["S777.US"] == truth(BARS, "S777.US", FIRST, LAST)
    assert rows_of(operator.lake, BARS)["S000.US"] == truth(BARS, "S000.US", FIRST, LAST)


def test_a_failing_symbol_keeps_its_old_rows_and_the_others_go_on(operator):
    with_symbols(operator, "S000.US", UNKNOWN_SYMBOL)
    operator.answer.gone = set()
    load(operator, last=FIRST)
    operator.answer.gone = {UNKNOWN_SYMBOL}
    tally, sent = load(operator)
    assert (sent, set(tally.failures)) == (2, {UNKNOWN_SYMBOL})
    assert tally.failure() is None
    rows = rows_of(operator.lake, BARS)
    assert rows["S000.US"] == truth(BARS, "S000.US", FIRST, LAST)
    assert rows[UNKNOWN_SYMBOL] == truth(BARS, UNKNOWN_SYMBOL, FIRST, FIRST)
    ledger = painted(operator.lake, "eodhd", "eod")
    assert [(span.first, span.last) for span in gaps(ledger[UNKNOWN_SYMBOL], FIRST, LAST)] == [(FIRST + ONE_DAY, LAST)]
    checked = judge(ledger)
    assert (checked.passed, checked.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert f"{UNKNOWN_SYMBOL} lacks 2018-12-04 to 2018-12-06 (eodhd: HTTP 404: Ticker Not Found" in checked.description
    assert checked.metadata["days_final"].value == 5
    assert checked.metadata["days_missing"].value == 3
    (shown,) = checked.metadata["gaps"].records
    assert shown.data["days"] == 3
    (gone, _) = overview(operator.lake, "eodhd", "eod")
    assert (gone.instrument, gone.first_day, gone.final_until, len(gone.gaps)) == (UNKNOWN_SYMBOL, FIRST, FIRST, 1)


def test_all_failing_is_a_failure_that_no_retry_mends(operator):
    with_symbols(operator, UNKNOWN_SYMBOL)
    tally, _ = load(operator)
    assert tally.failure().allow_retries is False
    assert UNKNOWN_SYMBOL in tally.failure().description


def test_a_vendors_short_memory_never_undoes_what_was_received(operator, monkeypatch):
    """Days that slip out of reach keep their rows, and what was never received is missing for good."""
    source = source_of(BARS)
    monkeypatch.setattr(source, "reach", timedelta(days=2))
    operator.answer.now = night_after(FIRST, LATER)
    load(operator, last=FIRST)
    ask = []
    extract = source.extract
    monkeypatch.setattr(source, "extract", lambda self, query: (ask.append(query), extract(self, query))[1])
    operator.answer.now = LATER.replace(day=8)
    tally, _ = load(operator, last=LATER.replace(day=7).date())
    assert {query.start.isoformat() for query in ask} == {"2018-12-06"}
    rows = rows_of(operator.lake, BARS)["S000.US"]
    assert {row[1] for row in rows} == {"2018-12-03", "2018-12-06", "2018-12-07"}
    spans = painted(operator.lake, "eodhd", "eod")["S000.US"]
    unreachable = [span for span in spans if span.state is State.MISSING]
    assert [(span.first.day, span.last.day, span.is_settled) for span in unreachable] == [
        (4, 5, True),
        (6, 6, True),
    ]
    assert tally.failure() is None
    checked = judge({"S000.US": spans})
    assert (checked.passed, checked.metadata["days_out_of_reach"].value) == (True, 3)


def test_feeds_keep_the_entries_that_a_later_reply_lacks(operator, monkeypatch):
    from atlas_tests.faults import vendors

    monkeypatch.setattr(source_of(BARS), "accumulates", True)
    load(operator)
    true = vendors.bars
    monkeypatch.setattr(vendors, "bars", lambda symbol, first, last: true(symbol, first, last)[2:])
    tally, _ = load(operator, refetch=True)
    assert (
        rows_of(operator.lake, BARS)["S000.US"]
        == truth(BARS, "S000.US", FIRST, LAST) | rows_of(operator.lake, BARS)["S000.US"]
    )
    assert len(rows_of(operator.lake, BARS)["S000.US"]) == 3
    assert tally.revised == 0


def test_of_two_lines_at_the_same_time_the_later_commit_counts(tmp_path):
    """The sandbox's clock stands still: only the order of commits tells a failure from the answer after it."""
    lake = Lake(LakeConfig(root=tmp_path / "lake"))
    for run, span in enumerate(
        [
            Span(FIRST, LAST, State.MISSING, reason="busy"),
            Span(FIRST, LAST, State.FINAL, 4),
            Span(FIRST, FIRST, State.FINAL, 2),
        ]
    ):
        line = coverage.entry(span, source="a", dataset="b", instrument="c", asked_at=LATER, run_id=f"{run}")
        lake.record([line], commit=CommitInfo(run_id=f"{run}", asset="a/b"))
    assert painted(lake, "a", "b")["c"] == [
        Span(FIRST, FIRST, State.FINAL, 2),
        Span(FIRST + ONE_DAY, LAST, State.FINAL, 4),
    ]


def test_files_that_people_drop_are_never_due(operator, monkeypatch):
    monkeypatch.setattr(source_of(BARS), "files_only", True)
    assert BaseDataSource.files_only is False
    assert (
        due_partitions(source_of(BARS), operator.sections[BARS], days_from(FIRST, LAST), operator.lake, LATER) == set()
    )


@pytest.mark.parametrize(
    ("years", "symbols"), [(2, 25), pytest.param(20, 500, marks=pytest.mark.slow)], ids=["small", "twenty years"]
)
def test_a_day_more_fetches_and_writes_only_that_day(tmp_path, years, symbols):
    many = ManySymbols(tmp_path, years=years, symbols=symbols)
    begun = time.monotonic()
    whole = many.load()
    loaded = time.monotonic()
    assert (many.requests, whole.asked) == (symbols, symbols)
    before = files_of(many.lake)
    many.add_day()
    resumed = time.monotonic()
    day = many.load()
    print(
        f"\n{years} years: requests={symbols} rows={whole.rows} files={len(before)} seconds={loaded - begun:.2f}\n"
        f"a day more: requests={many.requests - symbols} rows={day.rows} "
        f"files={len(files_of(many.lake)) - len(before)} seconds={time.monotonic() - resumed:.2f}"
    )
    assert (many.requests - symbols, day.asked, day.rows) == (symbols, symbols, symbols)
    after = files_of(many.lake)
    # Every file of before is there as it was, none lost rows, and one small one came.
    assert before.items() <= after.items()
    (new,) = after.keys() - before.keys()
    assert "delete" not in new
    assert after[new][0] < 40_000 + 20 * symbols
    counted = many.lake.sql("SELECT count(*) FROM lake.raw.eodhd_eod").column(0)[0].as_py()
    assert counted == whole.rows + symbols


def files_of(lake: Lake) -> dict[str, tuple[int, int]]:
    """Size and time of each data file of the bars."""
    folder = lake.config.tables_folder / "raw" / "eodhd_eod"
    return {file.name: (file.stat().st_size, file.stat().st_mtime_ns) for file in folder.iterdir()}
