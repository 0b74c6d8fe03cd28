"""SIGKILL at every step of a write and at random times; competing writers.

What must hold after each: nothing acknowledged is lost, nothing is there twice, no partition is half written,
the next run heals without help, and the manifest agrees with the stored objects.
"""

from __future__ import annotations

import random
import signal
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from atlas_assets.lake import Lake, LakeConfig, LakeError, failpoints
from atlas_tests.faults import writer
from atlas_tests.faults.writer import ROWS, day, start, write_generation
from atlas_tests.lake.fixtures import MakeConfig

TABLE = "silver.bars"
RANDOM_KILLS = 25
SOAK_KILLS = 300
CREATION_POINTS = [point for point in failpoints.POINTS if point.startswith("catalog.")]
WRITE_POINTS = [point for point in failpoints.POINTS if not point.startswith("catalog.ledgers")]
COMMITTED_POINTS = {"write.committed", "write.done"}


@dataclass
class Log:
    """What the writers noted, by table and partition, in order."""

    tried: dict[tuple[str, int], list[str]] = field(default_factory=lambda: defaultdict(list))
    acknowledged: dict[tuple[str, int], list[str]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def read(cls, path: Path) -> Log:
        log = cls()
        for line in path.read_text().splitlines() if path.exists() else []:
            kind, table, partition, generation = line.split()
            (log.tried if kind == "tried" else log.acknowledged)[table, int(partition)].append(generation)
        return log

    @property
    def generations(self) -> list[str]:
        return [generation for noted in self.acknowledged.values() for generation in noted]


def kill_and_wait(process: BaseProcess) -> None:
    process.kill()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL


def generation_of(lake: Lake, table: str, partition: int) -> str | None:
    """The one generation that a partition's rows have; a half, doubled or mixed partition fails here."""
    rows = lake.read_arrow(table, start=day(partition), end=day(partition))
    if rows.num_rows == 0:
        return None
    symbols = rows["symbol"].to_pylist()
    assert len(symbols) == ROWS == len(set(symbols))
    (generation,) = set(rows["generation"].to_pylist())
    return generation


def check_evidence(lake: Lake, acknowledged: list[str]) -> int:
    """Each acknowledged commit is in the history once, and the manifest names only whole objects; the orphans."""
    runs = Counter(snapshot.info.get("run_id") for snapshot in lake.snapshots(limit=100_000) if snapshot.info)
    assert [generation for generation in acknowledged if runs[generation] != 1] == []
    assert max(runs.values(), default=1) == 1
    differences = lake.object_differences()
    assert differences.missing == ()
    named = lake.sql("SELECT path, count(*) AS n, any_value(rows) AS r FROM lake.raw.objects GROUP BY path").to_pylist()
    assert all(row["n"] == 1 and row["r"] == ROWS for row in named)
    for row in named[-5:]:
        lake.objects.get(row["path"])
    return len(differences.orphans)


def test_killed_at_every_point(make_config: MakeConfig, catalog_kind: str, tmp_path: Path) -> None:
    config, log = make_config(), tmp_path / "log"
    lake = Lake(config)
    acknowledged = [f"before-{partition}" for partition in range(3)]
    for partition, generation in enumerate(acknowledged):
        write_generation(lake, TABLE, partition, generation)
    kills, slowest = 0, 0.0
    for round_number in range(2):
        for point in WRITE_POINTS:
            before, after = acknowledged[-3], f"{point}-{round_number}"
            partition = (len(acknowledged)) % 3
            process = start(writer.write_until_failpoint, config, point, TABLE, partition, after, log)
            process.join(60)
            assert process.exitcode == -signal.SIGKILL, point
            kills += 1
            found = generation_of(lake, TABLE, partition)
            assert found == (after if point in COMMITTED_POINTS else before), point
            begun = time.monotonic()
            healed = write_generation(lake, TABLE, partition, after)
            slowest = max(slowest, time.monotonic() - begun)
            assert healed.changed == (point not in COMMITTED_POINTS), point
            assert generation_of(lake, TABLE, partition) == after
            acknowledged.append(after)
    orphans = check_evidence(lake, acknowledged)
    assert lake.version(TABLE) == lake.version(TABLE, recompute=True)
    assert not log.exists()
    assert slowest < 10
    print(
        f"\n{catalog_kind}: kills={kills} acknowledged={len(acknowledged)} lost=0 doubled=0 half=0 "
        f"orphans={orphans} slowest_heal={slowest:.2f}s"
    )


@pytest.mark.parametrize("point", CREATION_POINTS)
def test_killed_while_the_lake_is_created(make_config: MakeConfig, point: str, tmp_path: Path) -> None:
    config = make_config()
    process = start(writer.write_until_failpoint, config, point, TABLE, 0, "first", tmp_path / "log")
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    lake = Lake(config)
    assert lake.read("raw.objects").empty
    write_generation(lake, TABLE, 0, "second")
    assert generation_of(lake, TABLE, 0) == "second"
    check_evidence(lake, ["second"])


def acknowledging(log_path: Path) -> set[str]:
    """The writers that have acknowledged a commit."""
    return {generation.rpartition("-")[0] for generation in Log.read(log_path).generations}


def random_kills(config: LakeConfig, log_path: Path, *, kills: int, seed: int) -> tuple[int, int]:
    """Writers of shared and own tables, killed at random times and replaced; acknowledged commits and orphans."""
    randomness = random.Random(seed)
    tables = [TABLE, TABLE, "silver.others"]
    names = [f"first-{slot}" for slot in range(len(tables))]
    writers = [start(writer.write_until_killed, config, *each, log_path) for each in zip(tables, names, strict=True)]
    for number in range(kills):
        slot = number % len(tables)
        # A kill before the first commit would prove little.
        while not log_path.exists() or names[slot] not in acknowledging(log_path):
            assert writers[slot].is_alive()
            time.sleep(0.01)
        time.sleep(randomness.uniform(0.0, 0.25))
        kill_and_wait(writers[slot])
        names[slot] = f"replaced-{number}"
        if number < kills - len(tables):
            writers[slot] = start(writer.write_until_killed, config, tables[slot], names[slot], log_path)
    lake, log = Lake(config), Log.read(log_path)
    for (table, partition), tried in log.tried.items():
        # The newest commit that the history has, which is acknowledged or was killed before it could say so.
        committed = [snapshot.info["run_id"] for snapshot in lake.snapshots(table, limit=100_000) if snapshot.info]
        newest = next((run for run in committed if run in set(tried)), None)
        assert generation_of(lake, table, partition) == newest
        assert set(log.acknowledged[table, partition]) <= set(committed)
    orphans = check_evidence(lake, log.generations)
    for table in tables:
        write_generation(lake, table, 0, f"{table}-healed")
        assert generation_of(lake, table, 0) == f"{table}-healed"
        assert lake.version(table) == lake.version(table, recompute=True)
    return len(log.generations), orphans


def test_killed_at_random(make_config: MakeConfig, catalog_kind: str, tmp_path: Path) -> None:
    acknowledged, orphans = random_kills(make_config(), tmp_path / "log", kills=RANDOM_KILLS, seed=20240101)
    print(
        f"\n{catalog_kind}: kills={RANDOM_KILLS} seed=20240101 acknowledged={acknowledged} "
        f"lost=0 doubled=0 half=0 orphans={orphans}"
    )


@pytest.mark.slow
def test_killed_at_random_for_long(make_config: MakeConfig, catalog_kind: str, tmp_path: Path) -> None:
    acknowledged, orphans = random_kills(make_config(), tmp_path / "log", kills=SOAK_KILLS, seed=7)
    print(f"\n{catalog_kind}: kills={SOAK_KILLS} seed=7 acknowledged={acknowledged}")
    print(f"{catalog_kind}: lost=0 doubled=0 half=0 orphans={orphans}")


def test_four_writers_at_once(make_config: MakeConfig, catalog_kind: str, tmp_path: Path) -> None:
    """They also create the lake at once, and share one table and its partitions."""
    config, log_path, count = make_config(), tmp_path / "log", 12
    begun = time.monotonic()
    writers = [
        start(writer.write_some, config, f"w{number}", [f"silver.own_{number}", TABLE], count, log_path)
        for number in range(4)
    ]
    reads = 0
    lake = Lake(config)
    while any(process.is_alive() for process in writers):
        if TABLE in {info.name for info in lake.tables()}:
            for partition in range(3):
                generation_of(lake, TABLE, partition)
                reads += 1
    for process in writers:
        process.join(60)
        assert process.exitcode == 0
    elapsed = time.monotonic() - begun
    log = Log.read(log_path)
    assert len(log.generations) == 4 * count
    check_evidence(lake, log.generations)
    for number in range(4):
        for partition in range(3):
            table = f"silver.own_{number}"
            acknowledged = log.acknowledged[table, partition]
            assert generation_of(lake, table, partition) == (acknowledged[-1] if acknowledged else None)
    assert lake.version(TABLE) == lake.version(TABLE, recompute=True)
    print(
        f"\n{catalog_kind}: writers=4 acknowledged={len(log.generations)} lost=0 doubled=0 "
        f"reads={reads} torn=0 seconds={elapsed:.1f}"
    )


def test_the_lock_of_a_killed_writer_is_free(make_config: MakeConfig, tmp_path: Path) -> None:
    config, log = make_config(), tmp_path / "log"
    lake = Lake(config)
    write_generation(lake, TABLE, 0, "first")
    holder = start(writer.hold_lock_until_killed, config, log)
    while not log.exists():
        time.sleep(0.01)
    with pytest.raises(LakeError, match="held the commit lock"), lake.commit_lock(timeout=0.2):
        pass
    # Readers never wait.
    assert generation_of(Lake(config), TABLE, 0) == "first"
    kill_and_wait(holder)
    with lake.commit_lock(timeout=10), lake.commit_lock(timeout=0.1):
        write_generation(lake, TABLE, 0, "second")
    assert generation_of(lake, TABLE, 0) == "second"
