"""Dropped files that hold a source's replies: read by the source, each row once."""

from __future__ import annotations

import json
from datetime import date
from typing import ClassVar

import pytest

from atlas_assets.contracts.raw import number, raw_table, text
from atlas_assets.data_sources.base import BaseDataSource, Query
from atlas_assets.data_sources.settings import SourceSettings
from atlas_assets.data_sources.stock.iex import IexChart, IexSettings
from atlas_assets.data_sources.vendor import Vendor
from atlas_assets.orchestration import inboxes
from atlas_assets.orchestration.coverage import overview
from atlas_tests.orchestration.desk import Desk, configure

LAST = date(2018, 12, 10)


class MoodSettings(SourceSettings):
    """No key."""


class Mood(BaseDataSource[MoodSettings, Query]):
    """A source whose replies are only read from files."""

    vendor = Vendor(name="moodring", title="Mood", domain="sentiment", settings=MoodSettings)
    table = raw_table(
        "moodring", "index", "Mood. One row per day.",
        columns={"day": text("Day"), "value": number("Value", ge=0)}, key=("day",),
    )  # fmt: skip
    files_only = True
    asked: ClassVar[list[str]] = []

    def queries(self, start, end):
        raise NotImplementedError

    def extract(self, query):
        raise NotImplementedError

    @classmethod
    def query_for_file(cls, name, as_of):
        cls.asked.append(name)
        return Query(start=date(2018, 1, 1), end=as_of.date(), as_of=as_of) if name.endswith(".json") else None

    @classmethod
    def records(cls, content, query):
        return json.loads(content)

    @classmethod
    def columns(cls, records, query):
        return {name: [record[name] for record in records] for name in ("day", "value")}

    @classmethod
    def row_dates(cls, rows, query):
        return rows["day"].cast("date32")


@pytest.fixture
def mood(desk, monkeypatch) -> Desk:
    from atlas_assets.orchestration import tables

    monkeypatch.setattr(inboxes, "enabled_sources", lambda data_sources: [(Mood, MoodSettings())])
    monkeypatch.setattr(tables, "sources", lambda: (Mood,))
    Mood.asked.clear()
    return desk


@pytest.fixture
def archive(desk, monkeypatch) -> Desk:
    monkeypatch.setattr(inboxes, "enabled_sources", lambda data_sources: [(IexChart, IexSettings())])
    return desk


def chart(**days: list[int]) -> str:
    """A batch reply: a bar on each of the days of December 2018, by symbol."""
    return json.dumps(
        {
            symbol: {"chart": [{"date": f"2018-12-{day:02d}", "close": float(day)} for day in numbers]}
            for symbol, numbers in days.items()
        }
    )


def reply(**values: float) -> str:
    return json.dumps([{"day": f"2018-12-{day[1:]}", "value": value} for day, value in values.items()])


def test_a_file_of_a_source_is_read_by_the_source(mood):
    mood.drop("moodring/index/one.json", reply(d01=1.0, d02=2.0, d03=-3.0))
    told = mood.take()["raw.moodring_index"]
    assert (told["rows_taken"], told["rows_quarantined"]) == (2, 1)
    assert [(row["day"], row["value"], row["partition_date"]) for row in mood.rows("raw.moodring_index")] == [
        ("2018-12-01", 1.0, date(2018, 12, 1)),
        ("2018-12-02", 2.0, date(2018, 12, 2)),
    ]
    (line,) = mood.rows("raw.quarantine")
    assert (line["source"], line["dataset"], line["position"]) == ("moodring", "index", 3)
    assert set(Mood.asked) == {"moodring/index/one.json"}


def test_overlapping_files_of_a_source_leave_each_row_once(mood):
    mood.drop("moodring/index/one.json", reply(d01=1.0, d02=2.0, d05=5.0))
    before = mood.take()["raw.moodring_index"]
    mood.drop("moodring/index/one.json", reply(d01=1.0, d02=2.0, d05=5.0))
    assert mood.take()["raw.moodring_index"]["version"] == before["version"]
    first = {row["day"]: row["object_id"] for row in mood.rows("raw.moodring_index")}
    mood.drop("moodring/index/two.json", reply(d02=2.0, d03=3.0, d05=5.5))
    mood.take()
    rows = {row["day"]: row for row in mood.rows("raw.moodring_index")}
    assert {day: row["value"] for day, row in rows.items()} == {
        "2018-12-01": 1.0, "2018-12-02": 2.0, "2018-12-03": 3.0, "2018-12-05": 5.5,
    }  # fmt: skip
    # What was known already keeps the file that first said it.
    assert rows["2018-12-02"]["object_id"] == first["2018-12-02"]
    assert rows["2018-12-05"]["object_id"] != first["2018-12-05"]


def test_a_mapping_sends_files_to_a_source(mood, monkeypatch):
    configure(monkeypatch, mood.home, datasets=[{"name": "cnn", "match": "from cnn/*", "source": "raw.moodring_index"}])
    mood.drop("from cnn/x.json", reply(d01=1.0))
    mood.drop("from cnn/x.txt", reply(d01=1.0))
    mood.drop("from cnn/y.json", "[{]")
    told = mood.take()["raw.moodring_index"]
    assert (told["files_taken"], told["files_rejected"]) == (1, 2)
    assert "The name does not say what the file holds" in mood.reason("from cnn/x.txt")
    assert mood.reason("from cnn/y.json").startswith("moodring index: the reply cannot be read")


def test_the_ledger_says_what_files_hold(archive):
    # A weekend lies between 7 and 10; 6 is a session that the archive lacks.
    archive.drop("iex/old.json", chart(SPY=[3, 4, 5, 7, 10], AAPL=[4]))
    archive.take()
    spy, aapl = reversed(overview(archive.lake, "iex"))
    assert (spy.dataset, spy.instrument, aapl.instrument) == ("chart", "SPY", "AAPL")
    assert (spy.first_day, spy.final_until, spy.present_until) == (date(2018, 12, 3), date(2018, 12, 9), LAST)
    assert [(gap.first, gap.last) for gap in spy.gaps] == [(date(2018, 12, 6), date(2018, 12, 6))]
    assert (aapl.present_until, aapl.gaps) == (date(2018, 12, 4), ())
    # What comes after it, and what was missing.
    archive.drop("iex/new.json", chart(SPY=[6, 10, 11]))
    archive.take()
    spy = overview(archive.lake, "iex")[-1]
    assert (spy.final_until, spy.present_until, spy.gaps) == (LAST, date(2018, 12, 11), ())
    # An older file undoes nothing, and nothing is said twice.
    archive.drop("iex/old.json", chart(SPY=[3, 4, 5, 7, 10], AAPL=[4]))
    archive.take()
    assert overview(archive.lake, "iex")[-1] == spy
    lines = len(archive.rows("raw.coverage"))
    archive.drop("iex/new.json", chart(SPY=[6, 10, 11]))
    archive.take()
    assert overview(archive.lake, "iex")[-1] == spy
    assert len(archive.rows("raw.coverage")) <= lines + 1


def test_a_source_without_instruments_has_one_line_for_all(mood):
    mood.drop("moodring/index/one.json", reply(d01=1.0, d02=2.0, d03=-3.0, d05=1.0))
    mood.take()
    (covered,) = overview(mood.lake)
    assert (covered.source, covered.dataset, covered.instrument) == ("moodring", "index", "*")
    assert (covered.first_day, covered.final_until) == (date(2018, 12, 1), date(2018, 12, 2))
    # The row of the third was set aside, so the day is not there.
    assert [(gap.first, gap.last) for gap in covered.gaps] == [(date(2018, 12, 3), date(2018, 12, 4))]
