"""Reads docker-compose.yml and deploy/Dockerfile, and says in sentences what is wrong with them.

The compose schema knows keys and types only: references between parts, and what is unsafe, are looked for here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "deploy" / "Dockerfile"

Compose = dict[str, Any]

_SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|API_KEY")
_PASSWORD_IN_ADDRESS = re.compile(r"://[^/@\s]*:[^/@\s]+@")


def read_compose() -> Compose:
    return yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf-8"))


def image_environment() -> dict[str, str]:
    """The environment that the final stage of the image sets."""
    final_stage = DOCKERFILE.read_text(encoding="utf-8").rsplit("\nFROM ", 1)[1]
    joined = re.sub(r"\\\n\s*", " ", final_stage)
    return dict(
        word.split("=", 1) for line in joined.splitlines() if line.startswith("ENV ") for word in line[4:].split()
    )


def image_instruction(name: str) -> str:
    """The last instruction of that name, without the name."""
    lines = DOCKERFILE.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix(name).strip() for line in lines if line.startswith(f"{name} ")][-1]


def findings(compose: Compose) -> list[str]:
    """One sentence for each dangling reference and each thing that is not as safe as it should be."""
    return [*_dangling(compose), *_unused(compose), *_unsafe(compose), *_literal_secrets(compose)]


def _dangling(compose: Compose) -> Iterator[str]:
    for name, service in compose["services"].items():
        yield from _dangling_dependencies(name, service, compose["services"])
        for kind, used in _uses(service):
            if used not in compose.get(kind, {}):
                yield f"{name} uses {used} of {kind}, which does not exist."
        for source in _mounted_files(service):
            if not (ROOT / source).exists():
                yield f"{name} mounts {source}, which does not exist."
        for variable, value in service.get("environment", {}).items():
            secret = str(value).removeprefix("/run/secrets/")
            if str(value).startswith("/run/secrets/") and secret not in service.get("secrets", []):
                yield f"{name} reads the secret {secret} in {variable}, which it is not given."


def _dangling_dependencies(name: str, service: Compose, services: Compose) -> Iterator[str]:
    for other, condition in service.get("depends_on", {}).items():
        target = services.get(other)
        if target is None:
            yield f"{name} depends on {other}, which does not exist."
        elif condition["condition"] == "service_healthy" and "healthcheck" not in target:
            yield f"{name} waits until {other} is healthy, which has no health check."
        elif condition["condition"] == "service_completed_successfully" and target.get("restart") != "no":
            yield f"{name} waits until {other} has ended, which is restarted for ever."


def _unused(compose: Compose) -> Iterator[str]:
    used = {use for service in compose["services"].values() for use in _uses(service)}
    for kind in ("networks", "volumes", "secrets"):
        for name in compose.get(kind, {}):
            if (kind, name) not in used:
                yield f"{name} of {kind} is used by no service."


def _uses(service: Compose) -> Iterator[tuple[str, str]]:
    yield from (("networks", name) for name in service.get("networks", []))
    yield from (("secrets", name) for name in service.get("secrets", []))
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        if not source.startswith((".", "/")):
            yield "volumes", source


def _mounted_files(service: Compose) -> Iterator[str]:
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith((".", "/")):
            yield source


_UNSAFE: dict[str, Callable[[Compose], object]] = {
    "runs as root": lambda service: str(service.get("user", "0")).split(":")[0] in {"0", "root"},
    "can write to its root file system": lambda service: not service.get("read_only"),
    "keeps capabilities": lambda service: service.get("cap_drop") != ["ALL"] or service.get("cap_add"),
    "can gain privileges": lambda service: "no-new-privileges:true" not in service.get("security_opt", []),
    "can become root on the host": lambda service: (
        service.get("privileged") or any("docker.sock" in mount for mount in service.get("volumes", []))
    ),
    "has no limit of memory or processes": lambda service: not {"mem_limit", "pids_limit"} <= set(service),
    "runs on without a health check": lambda service: "healthcheck" not in service and service.get("restart") != "no",
    "is in the default network, which has a way out": lambda service: not service.get("networks"),
    "runs whichever image is the latest": lambda service: re.search(r":latest$|^[^:]+$", service["image"]),
    "publishes a port beyond this host": lambda service: any(
        not str(port).startswith("127.0.0.1:") for port in service.get("ports", [])
    ),
}


def _unsafe(compose: Compose) -> Iterator[str]:
    for name, service in compose["services"].items():
        yield from (f"{name} {what}." for what, is_so in _UNSAFE.items() if is_so(service))


def _literal_secrets(compose: Compose) -> Iterator[str]:
    for name, service in compose["services"].items():
        for variable in service.get("environment", {}):
            if _SECRET_NAME.search(variable) and not variable.endswith("_FILE"):
                yield f"{name} has a secret written in {variable}."
        if _PASSWORD_IN_ADDRESS.search(yaml.safe_dump(service)):
            yield f"{name} has a password written in an address."
    for name, secret in compose.get("secrets", {}).items():
        if set(secret) != {"file"}:
            yield f"the secret {name} is not a file."
