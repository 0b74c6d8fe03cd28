"""Dagster's event log in SQLite files, kept open while much is written to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import dagster as dg

INDEX = "index"
"""Dagster's name for the log of all runs; each run has its own beside it."""


@contextmanager
def kept_open(instance: dg.DagsterInstance, log: str) -> Iterator[None]:
    """Hold the log of a run, or the `INDEX`, open; nothing where the log is no SQLite file.

    Dagster connects anew for every event, and whoever closes a SQLite file as the last one writes its journal back and
    removes it: that takes longer than the event. While this connection is there, no other is the last.

    Parameters
    ----------
    instance
        Whose log it is.
    log
        The run's id, or `INDEX`.
    """
    from dagster._core.storage.event_log import SqliteEventLogStorage

    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage):
        yield
        return
    with storage.run_connection(log):
        pass  # the file is there from now on
    with closing(sqlite3.connect(storage.path_for_shard(log))) as connection:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        yield
