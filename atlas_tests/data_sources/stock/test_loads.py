"""Every stock source against the sandbox: the vendor's truth arrives, also through faults, and the ledger is right."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from atlas_assets.contracts.schema import arrow_schema, primary_key
from atlas_assets.data_sources.client.http import HttpClient
from atlas_assets.data_sources.coverage import State
from atlas_assets.data_sources.parsing import unique_rows
from atlas_assets.data_sources.registry import create, enabled_sources, section_of
from atlas_assets.data_sources.stock.alpaca import AlpacaDailyBars, AlpacaMinuteBars, AlpacaTrades
from atlas_assets.data_sources.stock.eodhd import EodhdIntraday
from atlas_assets.data_sources.stock.eodhd_actions import EodhdDividends, EodhdSplits
from atlas_assets.data_sources.stock.eodhd_exchanges import EodhdBulkEod, EodhdSymbols
from atlas_assets.data_sources.stock.tiingo import TiingoDaily, TiingoIntraday
from atlas_assets.lake import CommitInfo
from atlas_assets.orchestration import coverage
from atlas_assets.orchestration.ingestion import Ingestion
from atlas_assets.orchestration.partitions import Partition
from atlas_assets.orchestration.resources import configured_lake, configured_settings
from atlas_assets.sandbox import SYNTHETIC, FaultPlan, SandboxTransport
from atlas_assets.sandbox.stocks import minutes, stock_days
from atlas_assets.settings import load_settings

NOW = datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC)
FIRST, LAST = date(2018, 12, 1), date(2018, 12, 31)
STOCK = [
    source
    for source, _ in enabled_sources(load_settings(environment="sandbox").data_sources)
    if source.vendor.domain == "stock"
]
KINDS = pytest.mark.parametrize("kind", STOCK, ids=lambda kind: kind.__name__)


def extracted(kind, settings, *, faults=None):
    """The rows of all queries, without repetition, in one order; and the rows set aside."""
    import pyarrow as pa

    section = section_of(kind.vendor, settings.data_sources)
    transport = SandboxTransport(clock=NOW, faults=faults)
    source = create(kind, section, now=lambda: NOW, transport=transport, sleep=lambda seconds: None)
    parsed = [
        source.transform(reply.content, reply.query or query)
        for query in source.queries(FIRST, LAST)
        for reply in source.extract(query)
    ]
    rows = unique_rows(pa.concat_tables([part.rows for part in parsed]), primary_key(kind.table.contract))
    ordered = sorted(rows.to_pylist(), key=lambda row: json.dumps(row, default=str, sort_keys=True))
    return ordered, [row for part in parsed for row in part.rejected]


@KINDS
def test_faults_change_nothing_about_the_rows(settings, kind):
    true, rejected = extracted(kind, settings)
    assert true
    assert rejected == []
    met = []
    for seed in range(50):
        faults = FaultPlan(seed=seed, rate=0.3)
        draw = faults.draw
        faults.draw = lambda request, draw=draw: met.append(draw(request)) or met[-1]
        assert extracted(kind, settings, faults=faults) == (true, [])
        if any(met):
            break
    assert any(met)


def sessions(ticker="SPY", first=FIRST):
    return [day for day in stock_days(ticker, LAST) if day.session_date >= first]


def test_daily_bars_are_the_stocks_own(settings):
    rows, _ = extracted(TiingoDaily, settings)
    spy = {row["date"]: row for row in rows if row["symbol"] == "SPY"}
    assert [(row["close"], row["split_factor"], row["div_cash"]) for _, row in sorted(spy.items())] == [
        (day.close, day.split, day.dividend) for day in sessions()
    ]
    assert sum(row["split_factor"] != 1 for row in spy.values()) == 1
    assert sum(row["div_cash"] != 0 for row in spy.values()) == 1
    before, after = spy[date(2018, 12, 7)], spy[date(2018, 12, 10)]
    assert before["close"] / after["close"] == pytest.approx(2, rel=0.05)
    assert before["adj_close"] / after["adj_close"] == pytest.approx(1, rel=0.05)


def test_actions_are_the_stocks_own(settings):
    splits, _ = extracted(EodhdSplits, settings)
    assert [(row["symbol"], row["date"], row["split"]) for row in splits] == [
        ("SPY.US", date(2018, 12, 10), "2.000000/1.000000")
    ]
    dividends, _ = extracted(EodhdDividends, settings)
    paid = {f"{ticker}.US": day.dividend for ticker in ("SPY", "QQQ") for day in sessions(ticker) if day.dividend}
    assert {row["symbol"]: row["unadjusted_value"] for row in dividends} == paid


def test_intraday_bars_join_to_the_session(settings):
    """High, low, open and close of the day come out of the bars of every vendor that sees the whole market."""
    rows, _ = extracted(EodhdIntraday, settings)
    for day in sessions(first=date(2018, 12, 24)):
        bars = sorted(
            (row for row in rows if row["datetime"].startswith(str(day.session_date)) and row["volume"] is not None),
            key=lambda row: row["timestamp"],
        )
        assert (bars[0]["open"], bars[-1]["close"]) == (day.open, day.close)
        assert (max(bar["high"] for bar in bars), min(bar["low"] for bar in bars)) == (day.high, day.low)
        assert sum(bar["volume"] for bar in bars) == day.volume
    assert sum(row["volume"] is None for row in rows) == len(sessions(first=date(2018, 12, 24)))


def test_minutes_of_iex_are_among_the_sessions_minutes(settings):
    rows, _ = extracted(AlpacaMinuteBars, settings)
    known = {
        f"{bar.start:%Y-%m-%dT%H:%M:%SZ}": (bar.open, bar.high, bar.low, bar.close)
        for day in sessions(first=date(2018, 12, 24))
        for bar in minutes("SPY", day, 0)
    }
    assert 0.9 * len(known) < len(rows) < len(known)
    assert all(known[row["timestamp"]] == (row["open"], row["high"], row["low"], row["close"]) for row in rows)
    tiingo, _ = extracted(TiingoIntraday, settings)
    assert {row["timestamp"][:16] for row in rows if row["timestamp"][15] in "05"} <= {
        row["date"][:16] for row in tiingo
    }


def test_pages_join_to_the_same_rows_through_faults(settings, monkeypatch):
    for kind in (AlpacaTrades, AlpacaMinuteBars):
        true = extracted(kind, settings)
        monkeypatch.setattr("atlas_assets.data_sources.stock.alpaca.PAGE", 250)
        assert len(true[0]) > 1500
        assert extracted(kind, settings, faults=FaultPlan(seed=5, rate=0.3)) == true
        monkeypatch.undo()


def test_daily_bars_of_iex_are_the_sessions(settings):
    rows, _ = extracted(AlpacaDailyBars, settings)
    for ticker in ("SPY", "QQQ"):
        bars = sorted((row for row in rows if row["symbol"] == ticker), key=lambda row: row["timestamp"])
        assert [(bar["open"], bar["high"], bar["low"], bar["close"]) for bar in bars] == [
            (day.open, day.high, day.low, day.close) for day in sessions(ticker)
        ]


def test_what_is_made_up_says_so():
    made_up = {f"{kind.vendor.name}/{kind.table.asset_key[2]}" for kind in STOCK} - {"eodhd/eod"}
    assert made_up <= set(SYNTHETIC)


def test_whole_exchanges_have_the_stocks_and_a_fund(settings):
    rows, _ = extracted(EodhdBulkEod, settings)
    assert {row["code"] for row in rows} == {"SPY", "QQQ", "0P0000SNDX"}
    assert {row["close"] for row in rows if row["code"] == "SPY"} == {
        day.close for day in sessions(first=date(2018, 12, 24))
    }


@pytest.fixture
def load(atlas_home, monkeypatch):
    """A load of a source into a lake of its own; waits take no time."""
    monkeypatch.setitem(HttpClient.__init__.__kwdefaults__, "sleep", lambda seconds: None)

    def make(kind, first, last, *, now=NOW, refetch=False):
        section = section_of(kind.vendor, configured_settings().data_sources)
        source = create(kind, section, now=lambda: now, transport=SandboxTransport(clock=now))
        whole = Partition(last.isoformat(), first, last)
        ingestion = Ingestion(
            source, partitions=[whole], lake=configured_lake(), now=now, run_id="test", refetch=refetch
        )
        for batch in ingestion.batches():
            configured_lake().replace(
                kind.table.name,
                batch.rows,
                schema=arrow_schema(kind.table.contract),
                keys=primary_key(kind.table.contract),
                window=batch.windows,
                records=batch.records,
                commit=CommitInfo(run_id="test", asset=kind.table.name, partition=None, code_version="1"),
            )
        return ingestion.tally

    return make


def states(kind, instrument):
    _, vendor, dataset = kind.table.asset_key
    return [
        (span.first, span.last, span.state) for span in coverage.painted(configured_lake(), vendor, dataset)[instrument]
    ]


def test_a_snapshot_is_final_at_once_and_never_taken_for_the_past(load):
    first = date(2018, 12, 20)
    tally = load(EodhdSymbols, first, LAST)
    assert (tally.asked, tally.replies, tally.rows) == (1, 2, 4)
    *past, (begin, last, present) = states(EodhdSymbols, "US")
    assert {state for _, _, state in past} == {State.MISSING}
    assert (past[0][0], last, present) == (first, LAST, State.FINAL)
    assert date(2018, 12, 29) <= begin <= LAST
    later = NOW + timedelta(days=2)
    assert load(EodhdSymbols, first, LAST, now=later).settled == 1
    assert load(EodhdSymbols, first, LAST, now=later, refetch=True).replies == 0
    assert states(EodhdSymbols, "US")[-1] == (begin, LAST, State.FINAL)
    kept = configured_lake().read(EodhdSymbols.table.name)
    assert set(kept["snapshot_date"].astype(str)) == {"2018-12-31"}
    assert len(kept) == 4


def test_a_day_with_an_empty_answer_is_present_until_it_is_settled_and_then_not_asked_for_again(load):
    tally = load(EodhdSplits, date(2018, 12, 11), LAST)
    assert (tally.asked, tally.rows, dict(tally.failures)) == (2, 0, {})
    assert states(EodhdSplits, "SPY.US") == [
        (date(2018, 12, 11), date(2018, 12, 23), State.FINAL),
        (date(2018, 12, 24), date(2018, 12, 30), State.PRESENT),
        (LAST, LAST, State.PARTIAL),
    ]
    assert load(EodhdSplits, date(2018, 12, 11), date(2018, 12, 23)).settled == 2


@pytest.mark.parametrize("kind", [EodhdBulkEod, AlpacaTrades])
def test_a_load_keeps_every_row_and_a_repetition_changes_nothing(load, kind):
    first = load(kind, FIRST, LAST)
    assert first.rows > 0
    assert first.quarantined == 0
    assert not first.failures
    version = configured_lake().version(kind.table.name)
    load(kind, FIRST, LAST, refetch=True)
    assert configured_lake().version(kind.table.name) == version
