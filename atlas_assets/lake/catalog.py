"""Connections: an in-memory DuckDB that has the lake attached."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import duckdb

from atlas_assets.lake import failpoints
from atlas_assets.lake.config import LakeConfig
from atlas_assets.lake.errors import LakeError, first_line
from atlas_assets.lake.extensions import install_extension
from atlas_assets.lake.identifiers import quote_identifier, quote_literal
from atlas_assets.lake.ledgers import create_ledgers, has_ledgers
from atlas_assets.lake.locks import commit_lock_of

Mode = Literal["write", "read", "confined"]
"""`confined` also refuses files other than the lake's, so that a query from a web page can run in it."""

_CREATE_TIMEOUT = 60.0
_CACHED_ENGINES = 6
_verified_extensions: set[tuple[str, int, int, int]] = set()


class Catalog:
    """Opens and keeps the connections of one lake in one process."""

    def __init__(self, config: LakeConfig) -> None:
        self._config = config
        self._engines: OrderedDict[tuple[int, Mode, int | None], duckdb.DuckDBPyConnection] = OrderedDict()
        self._guard = threading.RLock()

    @contextmanager
    def cursor(self, mode: Mode, snapshot: int | None = None) -> Generator[duckdb.DuckDBPyConnection]:
        """Open a connection of its own on a kept engine; a confined one sees one state of the lake until it is closed.

        Every transaction asks the catalog what is new, which takes 5 ms: one for all queries of a question saves that.
        """
        cursor = self._engine(mode, snapshot).cursor()
        try:
            if mode == "confined":
                cursor.begin()
            cursor.execute("USE lake")
            yield cursor
        except (duckdb.OperationalError, duckdb.InternalError):
            # The catalog's server may have restarted: the next caller attaches anew.
            self.forget(mode, snapshot)
            raise
        finally:
            cursor.close()

    def forget(self, mode: Mode, snapshot: int | None = None) -> None:
        """Drop a kept engine."""
        with self._guard:
            self._engines.pop((os.getpid(), mode, snapshot), None)

    def _engine(self, mode: Mode, snapshot: int | None) -> duckdb.DuckDBPyConnection:
        # An engine that came through a fork has lost its threads: the key names the process.
        key = (os.getpid(), mode, snapshot)
        with self._guard:
            if key not in self._engines:
                self._engines[key] = self._open(mode, snapshot)
            self._engines.move_to_end(key)
            while len(self._engines) > _CACHED_ENGINES:
                self._engines.popitem(last=False)
            return self._engines[key]

    def _open(self, mode: Mode, snapshot: int | None) -> duckdb.DuckDBPyConnection:
        connection = self._connect()
        try:
            if mode == "write":
                self._create_or_attach(connection)
            else:
                self._attach_to_read(connection, snapshot)
            if mode == "confined":
                connection.execute(
                    f"SET allowed_directories=[{quote_literal(str(self._config.tables_folder))}, "
                    f"{quote_literal(str(self._config.spill_folder))}]"
                )
                connection.execute("SET enable_external_access=false")
                connection.execute("SET python_enable_replacements=false")
                connection.execute("SET lock_configuration=true")
        except duckdb.Error as error:
            connection.close()
            reason = self._config.redact(first_line(error))
            raise LakeError(
                f"The lake in {self._config.root} cannot be opened ({reason}): check its catalog."
            ) from error
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self) -> duckdb.DuckDBPyConnection:
        config = self._config
        extensions = ("ducklake", "postgres_scanner" if config.is_postgres else "sqlite_scanner")
        # Checking a signature takes 0.08 s a file: once a process is enough, while the file stays the same.
        files = {_identity(install_extension(name, config.extension_folder)) for name in extensions}
        verified = files <= _verified_extensions
        config.tables_folder.mkdir(parents=True, exist_ok=True)
        connection = duckdb.connect(
            config={
                "extension_directory": str(config.extension_folder),
                "autoinstall_known_extensions": False,
                "allow_unsigned_extensions": verified,
                "memory_limit": config.memory_limit,
                "threads": config.threads,
                "temp_directory": str(config.spill_folder),
            }
        )
        connection.execute("SET GLOBAL TimeZone='UTC'")
        for name in extensions:
            connection.execute(f"LOAD {quote_identifier(name)}")
        if verified:
            connection.execute("SET allow_unsigned_extensions=false")
        _verified_extensions.update(files)
        return connection

    def _attach(self, connection: duckdb.DuckDBPyConnection, **more: str | int | bool) -> None:
        options = {**self._config.attach_options, **more}
        written = ", ".join(f"{name.upper()} {quote_literal(value)}" for name, value in options.items())
        connection.execute(f"ATTACH {quote_literal(self._config.attach_path)} AS lake ({written})")

    def _attach_to_read(self, connection: duckdb.DuckDBPyConnection, snapshot: int | None) -> None:
        version = {} if snapshot is None else {"snapshot_version": snapshot}
        if self._config.is_postgres or self._config.catalog_file.exists():
            try:
                self._attach(connection, read_only=True, **version)
                if snapshot is not None or has_ledgers(connection):
                    return
                connection.execute("DETACH lake")
            except duckdb.Error:
                # Not there yet, or its creator was killed: decided below, by creating it.
                pass
        with self._connect() as creator:
            self._create_or_attach(creator)
        self._attach(connection, read_only=True, **version)

    def _create_or_attach(self, connection: duckdb.DuckDBPyConnection) -> None:
        with commit_lock_of(self._config).hold(_CREATE_TIMEOUT):
            failpoints.hit("catalog.before_attach")
            self._attach(connection)
            failpoints.hit("catalog.attached")
            if not has_ledgers(connection):
                connection.execute("BEGIN")
                create_ledgers(connection)
                connection.execute("CALL lake.set_commit_message('atlas', 'ledgers')")
                connection.execute("COMMIT")
                failpoints.hit("catalog.ledgers_created")


def _identity(file: Path) -> tuple[str, int, int, int]:
    status = file.stat()
    return str(file), status.st_ino, status.st_size, status.st_mtime_ns
