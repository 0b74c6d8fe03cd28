"""Files dropped by people: taken into the lake whole, or set aside with the reason."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlas_assets.orchestration.ingestion import first_received, with_provenance

if TYPE_CHECKING:
    import pyarrow as pa

    from atlas_assets.lake import Lake, ObjectRecord

REJECTED = "rejected"
SETTLED_SECONDS = 1.0


@dataclass(frozen=True)
class Landed:
    """A dropped file that was read, with the record of its stored copy."""

    file: Path
    rows: pa.Table
    record: ObjectRecord


@dataclass(frozen=True)
class Refused:
    """A dropped file that cannot be taken, and why."""

    file: Path
    reason: str


def waiting_files(folder: Path, *, now_seconds: float) -> list[Path]:
    """Regular files that nobody has written to for a moment, oldest first.

    Hidden files (half-written copies of many tools) and links are left alone.
    """
    if not folder.is_dir():
        return []
    files = [
        entry
        for entry in os.scandir(folder)
        if entry.is_file(follow_symlinks=False)
        and not entry.name.startswith(".")
        and now_seconds - entry.stat(follow_symlinks=False).st_mtime >= SETTLED_SECONDS
    ]
    return [Path(entry.path) for entry in sorted(files, key=lambda entry: (entry.stat().st_mtime, entry.name))]


def fingerprint(files: list[Path]) -> str:
    """One key for this set of files as they are now."""
    seen = [(file.name, stat.st_size, stat.st_mtime_ns) for file in files if (stat := file.stat())]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()


def take(files: list[Path], *, lake: Lake, now: datetime, run_id: str) -> Iterator[Landed | Refused]:
    """Read and store each file; a file that cannot be taken yields its reason instead."""
    import pyarrow as pa

    from atlas_assets.data_sources.files import LARGEST_FILE, FileRefused, read_daily_bars
    from atlas_assets.lake import ObjectRecord

    for file in files:
        if file.stat().st_size > LARGEST_FILE:
            yield Refused(file, f"The file is larger than {LARGEST_FILE // 2**20} MiB: split it.")
            continue
        content = file.read_bytes()
        try:
            rows = read_daily_bars(content, file_name=file.name)
        except FileRefused as refused:
            yield Refused(file, str(refused))
            continue
        suffix: Any = file.suffix[1:].lower()
        stored = lake.objects.put(content, source="landing", dataset="daily_bars", received=now.date(), suffix=suffix)
        days = pa.repeat(pa.scalar(now.date(), pa.date32()), rows.num_rows)
        received = first_received([stored.object_id], lake=lake, now=now)[stored.object_id]
        rows = with_provenance(rows, partition_dates=days, object_id=stored.object_id, received=received)
        yield Landed(
            file,
            rows,
            ObjectRecord(
                object_id=stored.object_id,
                path=stored.path,
                source="landing",
                dataset="daily_bars",
                request=json.dumps({"file": file.name}),
                status=0,
                headers="{}",
                window_start=None,
                window_end=None,
                fetched_at=now,
                bytes=len(content),
                rows=rows.num_rows,
                run_id=run_id,
            ),
        )


def reject(file: Path, reason: str) -> Path:
    """Move a file to ``rejected/`` beside a text that says why."""
    folder = file.parent / REJECTED
    folder.mkdir(exist_ok=True)
    target = folder / file.name
    number = 1
    while target.exists():
        number += 1
        target = folder / f"{file.stem}.{number}{file.suffix}"
    target.with_name(f"{target.name}.reason.txt").write_text(f"{reason}\n", encoding="utf-8")
    os.replace(file, target)
    return target
