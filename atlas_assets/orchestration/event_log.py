"""Dagster's event log in SQLite files, kept open while much is written to it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager

import dagster as dg
from sqlalchemy import Connection, Engine, create_engine

BUSY_SECONDS = 60


@contextmanager
def kept_open(instance: dg.DagsterInstance) -> Iterator[None]:
    """Keep one connection to each log that is used, of a run or of all; nothing where logs are no SQLite files.

    For every event Dagster makes an engine, which compiles each statement anew, and connects; whoever closes a SQLite
    file as the last one writes its journal back besides. Together that takes longer than the event.
    """
    from dagster._core.storage.event_log import SqliteEventLogStorage

    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage):
        yield
        return
    engines: dict[str, Engine] = {}
    connected_anew = storage._connect

    @contextmanager
    def connected(shard: str) -> Generator[Connection]:
        if shard not in engines:
            with connected_anew(shard):
                pass  # the file is there from now on
            engines[shard] = create_engine(storage.conn_string_for_shard(shard), connect_args={"timeout": BUSY_SECONDS})
        with storage._db_lock, engines[shard].begin() as connection:
            yield connection

    storage._connect = connected
    try:
        yield
    finally:
        storage._connect = connected_anew
        for engine in engines.values():
            engine.dispose()
