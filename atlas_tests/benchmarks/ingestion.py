"""How fast replies become committed rows, and rows are judged."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path

import duckdb
import pandas as pd
import pandera.errors

from atlas_tests.benchmarks.measure import Figure, Timing, timed

NOW = datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC)
DAYS = [date(2018, 12, 30), date(2018, 12, 31)]
BAD_ROWS = 5_000_000
# Pandera needs half a minute for more.
PEER_ROWS = 200_000


def figures() -> Iterator[Figure]:
    """Ingestion, then judgement."""
    with tempfile.TemporaryDirectory() as folder:
        yield _ingestion(Path(folder))
    yield _judgement()


def _ingestion(folder: Path) -> Figure:
    from atlas_assets.contracts.schema import arrow_schema, primary_key
    from atlas_assets.contracts.tables import table
    from atlas_assets.data_sources.registry import create, source_of
    from atlas_assets.lake import CommitInfo, Lake, LakeConfig, Window
    from atlas_assets.orchestration.ingestion import ingest
    from atlas_assets.sandbox import SandboxTransport
    from atlas_assets.settings import load_settings

    trades, numbers = table("raw.binance_agg_trades"), count()
    source = create(source_of(trades.name), load_settings(), transport=SandboxTransport(clock=NOW))
    queries = list(source.queries(DAYS[0], DAYS[-1]))
    replies = {query: list(source.extract(query)) for query in queries}
    source.extract = lambda query: iter(replies[query])
    keys = [day.isoformat() for day in DAYS]
    rows = 0

    def ours() -> None:
        nonlocal rows
        lake = Lake(LakeConfig(root=folder / f"lake{next(numbers)}", extensions=folder / "extensions"))
        batch = ingest(source, start=DAYS[0], end=DAYS[-1], partition_keys=keys, lake=lake, now=NOW, run_id="benchmark")
        lake.replace(
            trades.name,
            batch.rows,
            schema=arrow_schema(trades.contract),
            keys=primary_key(trades.contract),
            window=Window("partition_date", keys[0], keys[-1]),
            objects=batch.objects,
            commit=CommitInfo(run_id="benchmark", asset="raw/binance/agg_trades"),
        )
        rows = batch.rows.num_rows

    def theirs() -> None:
        frames = [pd.read_json(io.BytesIO(reply.content)) for pages in replies.values() for reply in pages]
        pd.concat(frames, ignore_index=True).to_parquet(folder / "trades.parquet")

    measured = timed(ours, repetitions=3)
    return Figure(
        f"{rows:,} trades, from reply bytes to a committed table in a new lake",
        measured,
        timed(theirs, repetitions=3),
        "pandas read_json + to_parquet",
        rate=f"{rows / measured.best:,.0f} rows/s",
    )


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
