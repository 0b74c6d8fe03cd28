"""Examinations of this machine and configuration; no value of a secret is ever shown."""

from __future__ import annotations

import importlib.metadata
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from atlas_assets import open_lake
from atlas_assets.settings import PROJECT_ROOT, Settings

LEAST_FREE_BYTES = 2 * 1024**3
PINNED = ("dagster", "dagster-webserver", "dagster-dbt", "duckdb", "dbt-core", "dbt-duckdb")


@dataclass(frozen=True)
class Finding:
    """What one examination found, and what to do where it is a problem."""

    subject: str
    ok: bool
    detail: str


def examine(settings: Settings) -> list[Finding]:
    """Every examination, in the order in which problems should be mended."""
    examinations: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _python,
        _packages,
        _folders,
        _lake,
        _dbt,
        _sources,
        _ports,
    )
    return [finding for examination in examinations for finding in examination(settings)]


def _python(_: Settings) -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield Finding("python", sys.version_info >= (3, 11), f"{version} (3.11 or newer is needed)")


def _packages(_: Settings) -> Iterator[Finding]:
    installed = {name: importlib.metadata.version(name) for name in PINNED}
    pinned = {
        line.split("==")[0]: line.split("==")[1].split()[0]
        for line in (PROJECT_ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line and not line.startswith(" ")
    }
    wrong = [
        f"{name} {version} instead of {pinned[name]}"
        for name, version in installed.items()
        if pinned.get(name) != version
    ]
    yield Finding(
        "packages", not wrong, "; ".join(wrong) + ": run make setup" if wrong else f"as pinned ({len(pinned)})"
    )


def _folders(settings: Settings) -> Iterator[Finding]:
    for subject, relative in (("lake folder", settings.lake.root), ("landing folder", settings.landing.folder)):
        folder = settings.path(relative)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / ".doctor"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            yield Finding(
                subject, False, f"{folder} cannot be written: {error.strerror}; change its owner or the setting"
            )
        else:
            free = shutil.disk_usage(folder).free
            enough = free >= LEAST_FREE_BYTES
            yield Finding(
                subject, enough, f"{folder}, {free / 1024**3:.0f} GiB free" + ("" if enough else ": free some space")
            )


def _lake(settings: Settings) -> Iterator[Finding]:
    from atlas_assets.lake import LakeError

    try:
        lake = open_lake(settings)
        yield Finding("lake", True, f"snapshot {lake.current_snapshot()}, {len(lake.tables())} tables")
    except LakeError as error:
        yield Finding("lake", False, str(error))


def _dbt(_: Settings) -> Iterator[Finding]:
    executable = shutil.which("dbt", path=str(Path(sys.executable).parent)) or shutil.which("dbt")
    yield Finding("dbt", executable is not None, "found" if executable else "not on PATH: run make setup")


def _sources(settings: Settings) -> Iterator[Finding]:
    for name in type(settings.data_sources).model_fields:
        source = getattr(settings.data_sources, name)
        key = getattr(source, "api_key", None)
        if not source.enabled:
            yield Finding(f"source {name}", True, "disabled")
        elif key is not None and not key.get_secret_value():
            variable = f"ATLAS_DATA_SOURCES__{name.upper()}__API_KEY"
            yield Finding(f"source {name}", False, f"has no key: set {variable} or {variable}_FILE")
        else:
            yield Finding(f"source {name}", True, "ready, key set" if key is not None else "ready, needs no key")


def _ports(_: Settings) -> Iterator[Finding]:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 3000))
        except OSError:
            yield Finding("port 3000", True, "in use: the UI runs already, or start it with atlas ui --port N")
        else:
            yield Finding("port 3000", True, "free for the UI")
