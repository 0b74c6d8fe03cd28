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
from atlas_assets.data_sources.registry import section_of, vendors
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
        examine_schemas,
        _dbt,
        _state,
        examine_sources,
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
    landing = [("landing folder", folder) for folder in settings.landing.folders]
    for subject, relative in [("lake folder", settings.lake.root), *landing]:
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


def examine_schemas(settings: Settings) -> Iterator[Finding]:
    """Datasets that stand still because their vendor changed the format, and what vendors added or renamed."""
    from atlas_assets.lake import LakeError
    from atlas_assets.orchestration.schema_changes import standing_changes

    try:
        found = standing_changes(open_lake(settings))
    except LakeError:  # what is wrong with the lake itself is said already
        return
    for line in found:
        since = f"since object {line['object_id'][:12]} of {line['noted_at']:%Y-%m-%d %H:%M}"
        subject = f"schema {line['source']} {line['dataset']}"
        yield Finding(subject, line["change"] != "refused", f"{line['change']} {line['field']} {since}: {line['plan']}")


def _dbt(_: Settings) -> Iterator[Finding]:
    executable = shutil.which("dbt", path=str(Path(sys.executable).parent)) or shutil.which("dbt")
    yield Finding("dbt", executable is not None, "found" if executable else "not on PATH: run make setup")


def _state(settings: Settings) -> Iterator[Finding]:
    from atlas_assets.data_sources.client.errors import StateUnavailable
    from atlas_assets.data_sources.client.state import open_state

    if settings.environment == "sandbox":
        yield Finding("shared limits", True, "in memory: the sandbox asks no vendor")
        return
    folder = settings.path(settings.state.folder)
    try:
        with open_state(settings.state.redis_url or folder) as state:
            state.update("doctor", dict.clear)
    except StateUnavailable as error:
        yield Finding("shared limits", False, f"{error}; {error.advice}")
    else:
        yield Finding("shared limits", True, "in Redis" if settings.state.redis_url else f"in {folder}")


def examine_sources(settings: Settings) -> Iterator[Finding]:
    """Which sources are ready, and what the others lack."""
    for vendor in vendors():
        subject, section = f"source {vendor.name}", section_of(vendor, settings.data_sources)
        if section is None or not section.enabled:
            yield Finding(subject, True, "disabled" if section else "disabled: the settings have no section for it")
            continue
        needed = (*vendor.required_secrets, *section.needed_secrets())
        lacking = [name for name in needed if name not in section.secrets()]
        if lacking:
            variables = [f"ATLAS_DATA_SOURCES__{vendor.settings_key}__{name}".upper() for name in lacking]
            wanted = " and ".join(f"{variable} (or {variable}_FILE)" for variable in variables)
            yield Finding(subject, False, f"lacks {' and '.join(lacking)}: set {wanted}")
        elif needed:
            yield Finding(subject, True, f"ready, {' and '.join(needed)} set")
        else:
            yield Finding(subject, True, "ready, needs no key")


def _ports(_: Settings) -> Iterator[Finding]:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 3000))
        except OSError:
            yield Finding("port 3000", True, "in use: the UI runs already, or start it with atlas ui --port N")
        else:
            yield Finding("port 3000", True, "free for the UI")
