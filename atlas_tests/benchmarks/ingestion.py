"""How fast replies become committed rows, and rows are judged."""

from __future__ import annotations

import io
import tempfile
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import httpx
import pandas as pd
import pandera.errors
from pydantic import SecretStr

from atlas_assets.orchestration.partitions import Partition
from atlas_tests.benchmarks.measure import Figure, Timing, timed

if TYPE_CHECKING:
    from atlas_assets.data_sources.base import BaseDataSource
    from atlas_assets.data_sources.client.reply import Reply
    from atlas_assets.lake import Lake
    from atlas_assets.orchestration.tally import Tally

NOW = datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC)
DATASETS = {"raw.binance_agg_trades": "trades", "raw.binance_klines": "candles"}
FIRST_OF_TRADES = date(2018, 12, 10)
# How often each reply is told, as if of another symbol: fixed costs would hide the rate.
TIMES_TOLD = {"raw.binance_agg_trades": 3, "raw.binance_klines": 9}
REPETITIONS = 3
BAD_ROWS = 5_000_000
# Pandera needs half a minute for more.
PEER_ROWS = 200_000
YEARS, SYMBOLS = 20, 500


def figures() -> Iterator[Figure]:
    """Ingestion, an incremental day, then judgement."""
    for name in DATASETS:
        with tempfile.TemporaryDirectory() as folder:
            yield from _ingestion(Path(folder), name)
    with tempfile.TemporaryDirectory() as folder:
        yield from _incremental(Path(folder))
    yield _judgement()


def _ingestion(folder: Path, name: str) -> Iterator[Figure]:
    """From reply bytes to a committed table in an empty lake, beside two peers that keep no evidence."""
    from atlas_assets.data_sources.registry import create, section_of, source_of
    from atlas_assets.lake import Lake, LakeConfig
    from atlas_assets.sandbox import SandboxTransport
    from atlas_assets.settings import load_settings

    kind = source_of(name)
    section = section_of(kind.vendor, load_settings().data_sources)
    assert section is not None
    source = create(kind, section, now=lambda: NOW, transport=SandboxTransport(clock=NOW))
    partitions = days_from(FIRST_OF_TRADES, NOW.date())
    replies: dict[tuple[str, date], list[Reply]] = {}
    asked: list[Any] = []
    for query in source.queries(FIRST_OF_TRADES, NOW.date()):
        asked += [query.model_copy(update={"symbol": f"{query.symbol}{number}"}) for number in range(TIMES_TOLD[name])]
        step = kind.days_per_query or len(partitions)
        for start in range(0, len(partitions), step):
            part = partitions[start : start + step]
            window = {"start": part[0].first, "end": part[-1].last}
            pages = list(source.extract(query.model_copy(update=window)))
            replies |= {(f"{query.symbol}{number}", part[0].first): pages for number in range(TIMES_TOLD[name])}
    source.queries = lambda start, end: iter(asked)
    source.extract = lambda query: iter(replies[query.symbol, query.start])
    lakes = [
        Lake(LakeConfig(root=folder / f"lake{number}", extensions=folder / "extensions"))
        for number in range(1 + REPETITIONS)
    ]
    for lake in lakes:
        lake.current_snapshot()
    empty, rows = iter(lakes), 0

    def ours() -> None:
        nonlocal rows
        rows = load(source, partitions, next(empty), now=NOW).rows

    bodies = [reply.content for pages in replies.values() for reply in pages]
    files = [folder / f"{number}.json" for number in range(len(bodies))]
    for file, body in zip(files, bodies, strict=True):
        file.write_bytes(body)

    def pandas_peer() -> None:
        frames = [pd.read_json(io.BytesIO(body)) for body in bodies]
        pd.concat(frames, ignore_index=True).to_parquet(folder / "peer.parquet")

    def duckdb_peer() -> None:
        with duckdb.connect() as connection:
            connection.execute("CREATE TABLE told AS SELECT * FROM read_json(?)", [[str(file) for file in files]])

    measured = timed(ours, repetitions=REPETITIONS)
    what = f"{rows:,} {DATASETS[name]} in {len(bodies):,} replies, from bytes to a committed table of an empty lake"
    rate = f"{rows / measured.best:,.0f} rows/s"
    yield Figure(what, measured, timed(pandas_peer, repetitions=3), "pandas read_json + to_parquet", rate=rate)
    yield Figure(what, measured, timed(duckdb_peer, repetitions=3), "DuckDB read_json alone", rate=rate)


class ManySymbols:
    """Years of daily bars of many symbols, loaded into a lake; then a day more at a time.

    Attributes
    ----------
    requests
        How many the vendor got.
    """

    def __init__(self, folder: Path, *, years: int, symbols: int) -> None:
        from atlas_assets.data_sources.registry import create
        from atlas_assets.data_sources.stock.eodhd import BulkSettings, EodhdEod, EodhdSettings
        from atlas_assets.data_sources.stock.eodhd_exchanges import EodhdBulkEod
        from atlas_assets.lake import Lake, LakeConfig

        first, last, newest = date(NOW.year - years, 12, 31), NOW.date(), date(NOW.year, 12, 1)
        settings = EodhdSettings(
            api_key=SecretStr("k"),
            rate_limit=1_000_000,
            symbols=[f"S{number:03}.US" for number in range(symbols)],
            bulk=BulkSettings(exchanges=["US"], history_from=newest),
            history_from=first,
            partitions_from=newest,
        )
        # Far enough in the future that every day is final at once.
        self.now = NOW + timedelta(days=40)
        self.lake = Lake(LakeConfig(root=folder / "lake"))
        self.requests = 0
        every = [first + timedelta(days=number) for number in range((last - first).days + 30)]
        self._days = [day for day in every if day.weekday() < 5]
        self._codes = [symbol.removesuffix(".US") for symbol in settings.symbols]
        transport = httpx.MockTransport(self._answer)
        self._source = create(EodhdEod, settings, now=lambda: self.now, transport=transport)
        self._bulk = create(EodhdBulkEod, settings, now=lambda: self.now, transport=transport)
        self._partitions = [Partition(newest.isoformat(), first, newest)]
        self._partitions += days_from(newest + timedelta(days=1), last)

    def load(self) -> Tally:
        """Load what is not there yet."""
        return load(self._source, self._partitions, self.lake, now=self.now)

    def load_bulk(self) -> Tally:
        """Load what is not there yet as bars of the whole exchange, from the month of the newest partitions on."""
        return load(self._bulk, self._partitions[1:], self.lake, now=self.now)

    def add_day(self) -> None:
        """Let the next session be a partition, a day later."""
        self.now += timedelta(days=1)
        day = next(day for day in self._days if day > self._partitions[-1].last)
        self._partitions.append(Partition(day.isoformat(), self._partitions[-1].last + timedelta(days=1), day))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        params = request.url.params
        if "date" in params:
            rows = [
                f'{{"code":"{code}","exchange_short_name":"US",{_bar(params["date"], code)}' for code in self._codes
            ]
        else:
            start, end = (date.fromisoformat(params[name]) for name in ("from", "to"))
            code = request.url.path.rpartition("/")[2].removesuffix(".US")
            days = self._days[bisect_left(self._days, start) : bisect_right(self._days, end)]
            rows = [f"{{{_bar(day, code)}" for day in days]
        return httpx.Response(200, text=f"[{','.join(rows)}]", headers={"content-type": "application/json"})


def _bar(day: object, code: str) -> str:
    close = 2 + int(code.removeprefix("S")) / 1000
    return f'"date":"{day}","open":1.5,"high":2.5,"low":1.25,"close":{close},"adjusted_close":1.0,"volume":100}}'


def _incremental(folder: Path) -> Iterator[Figure]:
    """A day more of five hundred symbols, symbol by symbol and as one exchange, beside the load of all their years."""
    many = ManySymbols(folder, years=YEARS, symbols=SYMBOLS)
    started = time.perf_counter()
    many.load()
    whole = Timing((time.perf_counter() - started,))
    many.load_bulk()
    seconds: dict[Callable[[], Tally], list[float]] = {many.load: [], many.load_bulk: []}
    done: dict[Callable[[], Tally], Tally] = {}
    for _ in range(3):
        many.add_day()
        for way, taken in seconds.items():
            started = time.perf_counter()
            done[way] = way()
            taken.append(time.perf_counter() - started)
    for way, taken in seconds.items():
        what = f"a day more of {SYMBOLS} symbols: {done[way].replies} requests, {done[way].rows} rows"
        yield Figure(what, Timing(tuple(taken)), whole, f"loading their {YEARS} years")


def load(source: BaseDataSource[Any, Any], partitions: Sequence[Partition], lake: Lake, *, now: datetime) -> Tally:
    """One run, as the asset's."""
    from atlas_assets.contracts.schema import arrow_schema, primary_key
    from atlas_assets.lake import CommitInfo
    from atlas_assets.orchestration.ingestion import Ingestion

    ingestion = Ingestion(source, partitions=partitions, lake=lake, now=now, run_id="benchmark")
    contract = source.table.contract
    for batch in ingestion.batches():
        lake.replace(
            source.table.name,
            batch.rows,
            schema=arrow_schema(contract),
            keys=primary_key(contract),
            window=batch.windows,
            records=batch.records,
            commit=CommitInfo(run_id="benchmark", asset=source.table.name),
        )
    assert not ingestion.tally.failures
    return ingestion.tally


def days_from(first: date, last: date) -> list[Partition]:
    """A partition for each day."""
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [Partition(day.isoformat(), day, day) for day in days]


def _judgement() -> Figure:
    from atlas_assets.contracts.gold import Vpin
    from atlas_assets.contracts.judgement import judge

    query = """
        SELECT 'i' AS instrument_id, 's' AS symbol, n AS bucket_number,
            TIMESTAMPTZ '2018-12-31 00:00:00+00' + n * INTERVAL 1 second AS bucket_end,
            -1.0::DOUBLE AS buy_volume, -1.0::DOUBLE AS sell_volume, 9.0::DOUBLE AS imbalance, 2.0::DOUBLE AS vpin
        FROM range({rows}) AS numbers(n)
    """
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone='UTC'; SET threads=2; CREATE SCHEMA gold")
        connection.execute(f"CREATE TABLE gold.vpin AS {query.format(rows=BAD_ROWS)}")
        ours = timed(lambda: judge(connection, "gold.vpin", Vpin), repetitions=3, warm_up=False)
        frame = connection.execute(query.format(rows=PEER_ROWS)).df()

    def theirs() -> None:
        try:
            Vpin.validate(frame, lazy=True)
        except pandera.errors.SchemaErrors as errors:
            # What a check would report.
            errors.failure_cases.groupby(["column", "check"]).size()

    validated = timed(theirs, repetitions=1, warm_up=False)
    scaled = Timing(tuple(second * BAD_ROWS / PEER_ROWS for second in validated.seconds))
    return Figure(
        f"judge {BAD_ROWS:,} rows that are all wrong in five ways",
        ours,
        scaled,
        f"Pandera lazy, {PEER_ROWS:,} rows measured, times {BAD_ROWS // PEER_ROWS}",
        rate=f"{BAD_ROWS / ours.best / 1e6:.1f} M rows/s",
    )
