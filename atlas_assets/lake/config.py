"""Where a lake is and what it may use."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from atlas_assets.lake.errors import LakeError

_POSTGRES_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg2")


@dataclass(frozen=True)
class LakeConfig:
    """Where a lake is and what it may use.

    Parameters
    ----------
    root
        Local folder: ``tables/``, ``objects/``, ``extensions/``, ``spill/``, ``catalog.sqlite`` and ``commit.lock``.
    catalog
        ``"sqlite"`` (a file below `root`) or ``postgresql://user:password@host:port/database``.
    objects
        Address of the raw object store (any ``fsspec`` URL); ``root/objects`` unless given.
    extensions
        Folder of the engine's extensions; ``root/extensions`` unless given.
    memory_limit, threads
        What one engine may use in one process.
    """

    root: Path
    catalog: str = field(default="sqlite", repr=False)
    objects: str | None = None
    memory_limit: str = "1GiB"
    threads: int = 2
    extensions: Path | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root).absolute())
        if self.catalog != "sqlite" and urlsplit(self.catalog).scheme not in _POSTGRES_SCHEMES:
            raise LakeError("The lake's catalog must be 'sqlite' or 'postgresql://user:password@host:port/database'.")

    @property
    def is_postgres(self) -> bool:
        """Whether the catalog is a PostgreSQL database."""
        return self.catalog != "sqlite"

    @property
    def tables_folder(self) -> Path:
        """Folder of the tables' Parquet files."""
        return self.root / "tables"

    @property
    def catalog_file(self) -> Path:
        """The SQLite catalog."""
        return self.root / "catalog.sqlite"

    @property
    def lock_file(self) -> Path:
        """The commit lock of the SQLite catalog."""
        return self.root / "commit.lock"

    @property
    def spill_folder(self) -> Path:
        """Where the engine writes what does not fit in memory."""
        return self.root / "spill"

    @property
    def extension_folder(self) -> Path:
        """Folder of the engine's extensions."""
        return self.extensions or self.root / "extensions"

    @property
    def objects_url(self) -> str:
        """Address of the raw object store."""
        return self.objects or str(self.root / "objects")

    @property
    def attach_path(self) -> str:
        """The address under which DuckDB (and dbt) attaches the lake; holds the catalog's password."""
        return f"ducklake:postgres:{self.conninfo}" if self.is_postgres else f"ducklake:sqlite:{self.catalog_file}"

    @property
    def attach_options(self) -> dict[str, str | int | bool]:
        """The options that every attach of the lake has in common."""
        options: dict[str, str | int | bool] = {
            "data_path": str(self.tables_folder),
            "data_inlining_row_limit": 0,
            # The catalog remembers the folder it was made in; a lake that was moved or restored is somewhere else.
            "override_data_path": True,
        }
        if not self.is_postgres:
            options |= {"meta_journal_mode": "WAL", "meta_busy_timeout": 30_000}
        return options

    @property
    def conninfo(self) -> str:
        """The PostgreSQL catalog's address as a libpq connection string."""
        url = urlsplit(self.catalog)
        parts = {
            "host": url.hostname,
            "port": str(url.port) if url.port else None,
            "user": url.username and unquote(url.username),
            "password": url.password and unquote(url.password),
            "dbname": unquote(url.path.lstrip("/")) or None,
            "connect_timeout": "10",
        } | dict(parse_qsl(url.query))
        return " ".join(f"{key}={_conninfo_value(value)}" for key, value in parts.items() if value)

    def redact(self, message: str) -> str:
        """Return a message without the catalog's password."""
        password = urlsplit(self.catalog).password
        if not password:
            return message
        for spelling in {password, unquote(password), _conninfo_value(unquote(password))}:
            message = message.replace(spelling, "***")
        return message


def _conninfo_value(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
