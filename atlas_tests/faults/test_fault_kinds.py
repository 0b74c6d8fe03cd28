"""Each kind of fault on instruments of its own, in four datasets: what it ends in is what the plan says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from atlas_assets.data_sources.coverage import Span, State, gaps
from atlas_assets.lake import Lake, LakeConfig
from atlas_assets.orchestration.coverage import painted
from atlas_assets.orchestration.tables import table
from atlas_assets.sandbox.faults import ENDINGS, Ending, FaultKind, FaultPlan
from atlas_tests.faults.operator import Operator, days_from
from atlas_tests.faults.vendors import FIRST, INSTRUMENT, Vendors, rows_of, sections, truth

PARTITIONS = days_from(FIRST, FIRST)
# By then the day is final for every vendor.
NOW = datetime(2018, 12, 10, 5, 30, tzinfo=UTC)
KINDS = {ending: [kind for kind in FaultKind if ENDINGS[kind] is ending] for ending in Ending}
# A used-up quota concerns all instruments of a vendor: it has a test of its own.
GAPS = [kind for kind in KINDS[Ending.GAP] if kind is not FaultKind.QUOTA_EXHAUSTED]
# A client retries only so often; no more kinds at once than it can overcome.
GROUPS = [KINDS[Ending.TRUE][start : start + 7] for start in range(0, len(KINDS[Ending.TRUE]), 7)]


class EachItsKind:
    """A plan by which the first attempt at each request, or a run of them, meets the fault of its instrument."""

    def __init__(self, kinds: Sequence[FaultKind]) -> None:
        self.plans = {code(kind): FaultPlan(rate=1.0, kinds={kind}, max_consecutive=1) for kind in kinds}
        self.tick = lambda: None

    def answer(self, request, reply):
        plan = self.plans[re.search(r"K\d\d", str(request.url)).group()]
        plan.tick = self.tick
        return plan.answer(request, reply)


def code(kind: FaultKind) -> str:
    return f"K{list(FaultKind).index(kind):02}"


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Lake:
    """One for all kinds; each has instruments of its own."""
    return Lake(LakeConfig(root=tmp_path_factory.mktemp("kinds") / "lake"))


@pytest.fixture
def operator_of(lake):
    def make(kinds: Sequence[FaultKind], more: str = "") -> Operator:
        codes = [code(kind) for kind in kinds]
        wanted = sections(symbols=1, pairs=1, traded=1, series=1)
        (series,) = wanted["raw.fred_observations"].series
        instruments = {
            "raw.eodhd_eod": {"symbols": [f"{one}{more}.US" for one in codes]},
            "raw.fred_observations": {"series": [series.model_copy(update={"id": one + more}) for one in codes]},
            "raw.binance_klines": {"symbols": [f"{one}{more}USDT" for one in codes]},
            "raw.binance_agg_trades": {"symbols": [f"{one}{more}USDT" for one in codes]},
        }
        settings = {name: section.model_copy(update=instruments[name]) for name, section in wanted.items()}
        return Operator(lake, Vendors(NOW), settings, EachItsKind(kinds))

    return make


def untrue(operator: Operator, name: str) -> set[str]:
    """The kinds whose instruments are not as they truly are."""
    wanted = instruments(operator, name)
    found = rows_of(operator.lake, name, wanted)
    return {one[:3] for one in wanted if found.get(one, set()) != truth(name, one, FIRST, FIRST)}


def missing(operator: Operator, name: str) -> dict[str, Span]:
    """The gaps by kind."""
    ledger = painted(operator.lake, *table(name).asset_key[1:])
    found = {one[:3]: gaps(ledger.get(one, []), FIRST, FIRST) for one in instruments(operator, name)}
    return {one: some[0] for one, some in found.items() if some}


def instruments(operator: Operator, name: str) -> list[str]:
    section = operator.sections[name]
    return [getattr(one, "id", one) for one in getattr(section, "symbols", None) or section.series]


@pytest.mark.parametrize("kinds", GROUPS, ids=lambda kinds: kinds[0].name)
def test_overcome_within_one_load(operator_of, kinds):
    operator = operator_of(kinds)
    for name in operator.sections:
        tally = operator.load(name, PARTITIONS)
        assert tally.failures == {}
        assert untrue(operator, name) == set()
        assert missing(operator, name) == {}


def test_gaps_that_are_seen_and_closed_later(operator_of):
    operator = operator_of(GAPS)
    failed: set[str] = set()
    for name in operator.sections:
        tally = operator.load(name, PARTITIONS)
        there = missing(operator, name)
        assert there.keys() == {one[:3] for one in tally.failures}
        assert all(gap.state is State.MISSING and gap.reason for gap in there.values())
        # Where there is no gap the data is true.
        assert untrue(operator, name) <= there.keys()
        assert tally.failure().allow_retries
        failed |= there.keys()
    assert failed == {code(kind) for kind in GAPS}
    operator.plan = None
    for name in operator.sections:
        sent = operator.sent.total()
        gaps_before = len(missing(operator, name))
        tally = operator.load(name, PARTITIONS)
        # Only the gaps are asked for.
        assert (tally.asked, tally.failures) == (gaps_before, {})
        assert operator.sent.total() - sent >= gaps_before
        assert untrue(operator, name) == set()
        assert missing(operator, name) == {}


def test_what_no_reply_shows_is_found_by_asking_again(operator_of):
    operator = operator_of(KINDS[Ending.REVISED])
    believed: dict[str, set[str]] = {}
    for name in operator.sections:
        tally = operator.load(name, PARTITIONS)
        # FRED announces how many rows there are: it cannot send none unnoticed.
        noticed = {code(FaultKind.EMPTY_LIST)} if tally.failures else set()
        assert missing(operator, name).keys() == noticed
        believed[name] = untrue(operator, name) - noticed
    assert set.union(*believed.values()) == {code(kind) for kind in KINDS[Ending.REVISED]}
    operator.plan = None
    for name in operator.sections:
        tally = operator.load(name, PARTITIONS, refetch=True)
        assert untrue(operator, name) == set()
        # Rows that were not there at all are new, not revised.
        assert (tally.revised > 0) == bool(believed[name] - {code(FaultKind.EMPTY_LIST)})


def test_a_redirect_to_another_host_is_not_followed(operator_of):
    operator = operator_of([FaultKind.REDIRECTED], "R")
    operator.plan = FaultPlan(rate=1.0, kinds={FaultKind.REDIRECTED}, max_consecutive=99)
    tally = operator.load("raw.eodhd_eod", PARTITIONS)
    (error,) = tally.failures.values()
    assert "elsewhere.example, which is refused" in str(error)
    assert dict(operator.sent) == {"eodhd.com": 1}
    assert tally.failure().allow_retries is False


def test_a_used_up_quota_stops_all_requests_of_the_vendor(operator_of):
    operator = operator_of([FaultKind.QUOTA_EXHAUSTED, FaultKind.TIMEOUT], "Q")
    tally = operator.load("raw.eodhd_eod", PARTITIONS)
    assert (operator.sent.total(), tally.asked, len(tally.failures)) == (1, 1, 2)
    assert len(missing(operator, "raw.eodhd_eod")) == 2
    assert tally.failure().allow_retries is False


def test_every_dataset_names_its_instruments_by_its_first_column():
    for name, column in INSTRUMENT.items():
        assert table(name).key[0] == column
