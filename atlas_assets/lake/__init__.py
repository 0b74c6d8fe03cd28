# pyarrow has no type stubs.
# pyright: reportUnknownVariableType=false
"""Where the bytes live: raw objects, versioned tables, commits and snapshots.

Nothing outside this package knows which table format or catalog is used. Start with `Lake`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atlas_assets.lake.config import LakeConfig
    from atlas_assets.lake.errors import LakeError
    from atlas_assets.lake.hashing import content_hash
    from atlas_assets.lake.history import Snapshot, TableInfo
    from atlas_assets.lake.lake import Lake
    from atlas_assets.lake.ledgers import (
        CoverageEntry,
        ModelState,
        ObjectRecord,
        QuarantineDecision,
        QuarantinedRow,
        Record,
        SchemaChange,
    )
    from atlas_assets.lake.objects import ObjectDifferences, ObjectStore, StoredObject
    from atlas_assets.lake.writing import CommitInfo, Window, WriteResult

_HOME = {
    "CommitInfo": "writing",
    "CoverageEntry": "ledgers",
    "Lake": "lake",
    "LakeConfig": "config",
    "LakeError": "errors",
    "ModelState": "ledgers",
    "ObjectDifferences": "objects",
    "ObjectRecord": "ledgers",
    "ObjectStore": "objects",
    "QuarantineDecision": "ledgers",
    "SchemaChange": "ledgers",
    "QuarantinedRow": "ledgers",
    "Record": "ledgers",
    "Snapshot": "history",
    "StoredObject": "objects",
    "TableInfo": "history",
    "Window": "writing",
    "WriteResult": "writing",
    "content_hash": "hashing",
}

__all__ = [
    "CommitInfo",
    "CoverageEntry",
    "Lake",
    "LakeConfig",
    "LakeError",
    "ModelState",
    "ObjectDifferences",
    "ObjectRecord",
    "ObjectStore",
    "QuarantineDecision",
    "QuarantinedRow",
    "Record",
    "SchemaChange",
    "Snapshot",
    "StoredObject",
    "TableInfo",
    "Window",
    "WriteResult",
    "content_hash",
]


def __getattr__(name: str) -> object:
    # Loaded on first use: DuckDB alone takes 0.15 s, which a command that reads no data need not pay.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
