"""What the killed and the competing writers do; each runs in a process forked from a clean server."""

from __future__ import annotations

import os
import signal
from datetime import UTC, date, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import pyarrow as pa

from atlas_assets.lake import CommitInfo, Lake, LakeConfig, ObjectRecord, Window, WriteResult, catalog, failpoints

# A fork of a process that has used the engine inherits locks without their threads; the server never uses it.
_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(["atlas_tests.faults.preload"])

ROWS = 40
SCHEMA = pa.schema(
    [("symbol", pa.string()), ("session_date", pa.date32()), ("generation", pa.string()), ("object_id", pa.string())]
)
KEYS = ("symbol", "session_date")


def day(number: int) -> date:
    """The partition's day."""
    return date(2024, 1, 1) + timedelta(days=number)


def write_generation(lake: Lake, table: str, partition: int, generation: str) -> WriteResult:
    """Store a reply, then replace a partition by rows that all carry the same generation."""
    reply = f'{{"generation": "{generation}"}}'.encode()
    stored = lake.objects.put(reply, source="vendor", dataset="bars", received=date(2024, 2, 1), suffix="json")
    record = ObjectRecord(
        object_id=stored.object_id,
        path=stored.path,
        source="vendor",
        dataset="bars",
        request=f'{{"partition": {partition}}}',
        status=200,
        fetched_at=datetime(2024, 2, 1, tzinfo=UTC),
        bytes=stored.bytes,
        rows=ROWS,
        run_id=generation,
    )
    symbols = [f"S{row}/{partition}" for row in range(ROWS)]
    columns = [symbols, [day(partition)] * ROWS, [generation] * ROWS, [stored.object_id] * ROWS]
    return lake.replace(
        table,
        pa.table(dict(zip(SCHEMA.names, columns, strict=True)), SCHEMA),
        schema=SCHEMA,
        keys=KEYS,
        window=Window("session_date", day(partition), day(partition)),
        commit=CommitInfo(run_id=generation, asset=table, partition=str(partition)),
        records=[record],
    )


def start(target: object, *arguments: object) -> BaseProcess:
    """Start a function in a process of its own."""
    process = _CONTEXT.Process(target=target, args=arguments)
    process.start()
    return process


def write_until_failpoint(
    config: LakeConfig, point: str, table: str, partition: int, generation: str, log: Path
) -> None:
    """Make one write that is killed at a failpoint."""
    _trust_extensions(config)
    failpoints.arm(point)
    write_generation(Lake(config), table, partition, generation)
    _note(log, "acknowledged", table, partition, generation)


def write_until_killed(config: LakeConfig, table: str, name: str, log: Path) -> None:
    """Write generation after generation, each noted before it is tried and after it is acknowledged."""
    _trust_extensions(config)
    lake = Lake(config)
    for count in range(10_000):
        partition, generation = count % 3, f"{name}-{count}"
        _note(log, "tried", table, partition, generation)
        write_generation(lake, table, partition, generation)
        _note(log, "acknowledged", table, partition, generation)


def write_some(config: LakeConfig, name: str, tables: list[str], count: int, log: Path) -> None:
    """Write a number of generations to several tables in turn."""
    lake = Lake(config)
    for number in range(count):
        table, partition, generation = tables[number % len(tables)], number % 3, f"{name}-{number}"
        _note(log, "tried", table, partition, generation)
        write_generation(lake, table, partition, generation)
        _note(log, "acknowledged", table, partition, generation)


def hold_lock_until_killed(config: LakeConfig, log: Path) -> None:
    """Hold the commit lock."""
    with Lake(config).commit_lock(timeout=10):
        _note(log, "acknowledged", "lock", 0, "held")
        signal.pause()


def _trust_extensions(config: LakeConfig) -> None:
    # Each of hundreds of processes would check the same signatures again, for longer than it then lives.
    catalog._verified_extensions |= {catalog._identity(file) for file in config.extension_folder.rglob("*.*_extension")}


def _note(log: Path, *words: object) -> None:
    # One write of one line to a file opened for appending is whole, whichever process is killed when.
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, (" ".join(map(str, words)) + "\n").encode())
    os.close(handle)
