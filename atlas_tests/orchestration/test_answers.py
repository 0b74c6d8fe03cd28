"""Small replies of many queries are read together, and say what they would say one by one."""

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest
from pydantic import SecretStr

from atlas_assets.data_sources import parsing
from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError
from atlas_assets.data_sources.client.reply import Reply
from atlas_assets.data_sources.registry import create
from atlas_assets.data_sources.stock.eodhd import EodhdEod, EodhdSettings
from atlas_assets.lake import CoverageEntry, Lake, LakeConfig, ObjectRecord, QuarantinedRow
from atlas_assets.orchestration import answers, ingestion
from atlas_assets.orchestration.ingestion import Ingestion
from atlas_assets.orchestration.partitions import Partition

NOW = datetime(2019, 1, 20, tzinfo=UTC)
SYMBOLS = [f"S{number}.US" for number in range(8)]
PARTITIONS = [Partition(f"2019-01-0{day}", date(2019, 1, day), date(2019, 1, day)) for day in (2, 3, 4)]
BAR = {"open": 1.5, "high": 2.5, "low": 1.25, "close": 2.0, "adjusted_close": 1.0, "volume": 100}
BARS = [{"date": f"2019-01-0{day}", **BAR} for day in (2, 3, 4)]
# What some of the symbols get instead.
ODD = {
    "S1.US": [],
    "S2.US": [{"date": "2018-12-31", **BAR}, *BARS],
    "S3.US": [{"date": "2019-01-02", **BAR, "volume": 100.5}],
    "S5.US": [*BARS[:1], {"date": "2019-01-03", **BAR, "close": "2"}, *BARS[2:]],
    "S6.US": [{"date": "2019-01-02"}],
}


def load(folder, told):
    """A source that is told replies by symbol, and a load of it."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=told.get(request.url.path.rpartition("/")[2], BARS))

    settings = EodhdSettings(
        api_key=SecretStr("a-long-key"),
        rate_limit=10**6,
        symbols=SYMBOLS,
        history_from=date(2019, 1, 2),
        partitions_from=date(2019, 1, 2),
    )
    source = create(EodhdEod, settings, now=lambda: NOW, transport=httpx.MockTransport(answer))
    lake = Lake(LakeConfig(root=folder))
    return source, Ingestion(source, partitions=PARTITIONS, lake=lake, now=NOW, run_id="run")


def told_by(batch):
    """All that a batch says, the order of lines left out."""
    return batch.rows.to_pylist(), batch.windows, Counter(map(repr, batch.records))


@pytest.fixture
def read_alone(monkeypatch):
    """The queries whose replies were read one by one."""
    alone, parse = [], parsing.parse

    def counted(source, content, query):
        alone.append(query.instrument)
        return parse(source, content, query)

    monkeypatch.setattr(parsing, "parse", counted)
    return alone


def test_a_day_of_many_symbols_is_read_at_once(tmp_path, read_alone):
    odd = {symbol: ODD[symbol] for symbol in ("S1.US", "S2.US", "S3.US")}
    (batch,) = load(tmp_path, odd)[1].batches()
    assert read_alone == []
    assert Counter(batch.rows["symbol"].to_pylist()) == Counter({**dict.fromkeys(SYMBOLS, 3), "S1.US": 0, "S3.US": 1})
    # Each reply is its own object, with its own rows.
    rows = {json.loads(line.request)["url"][-5:]: line.rows for line in batch.records if isinstance(line, ObjectRecord)}
    assert rows == {**dict.fromkeys(SYMBOLS, 3), "S1.US": 0, "S3.US": 1}
    covered = {line.instrument: line.rows for line in batch.records if isinstance(line, CoverageEntry)}
    assert covered == rows


@pytest.mark.parametrize("bytes_together", [0, 400, 10**9])
def test_one_bad_reply_or_row_concerns_no_neighbour(tmp_path, monkeypatch, bytes_together):
    """However many are read together."""
    for module in (answers, ingestion):
        monkeypatch.setattr(module, "BYTES_TOGETHER", bytes_together)
    _, loading = load(tmp_path, ODD)
    (batch,) = loading.batches()
    assert loading.tally.failures.keys() == {"S6.US"}
    assert isinstance(loading.tally.failures["S6.US"], MalformedReply)
    counts = Counter(batch.rows["symbol"].to_pylist())
    assert counts == {"S0.US": 3, "S2.US": 3, "S3.US": 1, "S4.US": 3, "S5.US": 2, "S7.US": 3}
    (bad,) = [line for line in batch.records if isinstance(line, QuarantinedRow)]
    objects = [line for line in batch.records if isinstance(line, ObjectRecord)]
    (of,) = [line for line in objects if line.object_id == bad.object_id]
    assert (bad.position, of.rows, "S5.US" in of.request) == (2, 2, True)
    assert len(objects) == len(SYMBOLS)
    (window,) = batch.windows
    assert window.among == ("symbol", tuple(symbol for symbol in SYMBOLS if symbol != "S6.US"))


def test_it_makes_no_difference_how_many_are_read_together(tmp_path, monkeypatch):
    said = []
    for bytes_together in (0, 400, 10**9):
        for module in (answers, ingestion):
            monkeypatch.setattr(module, "BYTES_TOGETHER", bytes_together)
        (batch,) = load(tmp_path / str(bytes_together), ODD)[1].batches()
        said.append(told_by(batch))
    assert said[0] == said[1] == said[2]


def test_what_came_of_an_answer_before_a_failure_is_no_row(tmp_path):
    """Its neighbours' rows are, and its replies are evidence."""
    source, loading = load(tmp_path, {})
    extract = source.extract

    def cut(query):
        yield from extract(query)
        if query.symbol == "S4.US":
            raise PermanentError("no more")

    source.extract = cut
    (batch,) = loading.batches()
    assert set(batch.rows["symbol"].to_pylist()) == set(SYMBOLS) - {"S4.US"}
    objects = [line for line in batch.records if isinstance(line, ObjectRecord)]
    assert [line.rows for line in objects if "S4.US" in line.request] == [3]
    assert len(objects) == len(SYMBOLS)


def test_a_large_answer_is_read_while_it_comes(tmp_path, monkeypatch):
    """No more of it is held at a time than is read together, and its last word counts."""
    monkeypatch.setattr(answers, "BYTES_TOGETHER", 1000)
    source, loading = load(tmp_path, {})
    extract, waiting = source.extract, []

    def pages(query):
        yield from extract(query)
        if query.symbol == "S4.US":
            for close in range(20):
                again = json.dumps([{"date": "2019-01-02", **BAR, "close": 2 + close / 64}]).encode()
                yield Reply(again, 200, {}, {"page": close}, NOW + timedelta(seconds=close))
                waiting.append(sum(len(reply.content) for reply in reader.held.waiting))

    class Watching(answers.Reader):
        """Remembers the answer that it receives."""

        def receive(self, answer):
            object.__setattr__(self, "held", answer)
            super().receive(answer)

    source.extract = pages
    reader = loading._reader = Watching(source, loading._lake, NOW, "run")
    (batch,) = loading.batches()
    assert max(waiting) < 1200
    rows = [row for row in batch.rows.to_pylist() if row["symbol"] == "S4.US"]
    assert [row["close"] for row in rows if row["date"] == date(2019, 1, 2)] == [2 + 19 / 64]
    assert len(rows) == 3
