"""The deployment's files are valid, refer to what exists, hold no secret and leave nothing open."""

from __future__ import annotations

import copy
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
import yaml

from atlas_assets.settings import SettingsError, load_settings
from atlas_tests.deploy.composition import (
    COMPOSE_FILE,
    DOCKERFILE,
    ROOT,
    Compose,
    findings,
    image_environment,
    image_instruction,
    read_compose,
)

ENTRYPOINT = ROOT / "deploy" / "entrypoint.sh"
OUR_SERVICES = ("migrate", "code", "webserver", "daemon")


def run_tool(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert program, f"{name} is not installed"
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=300, check=False)


def check_compose_schema(file: Path) -> subprocess.CompletedProcess[str]:
    return run_tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", file)


# --- valid ------------------------------------------------------------------------------------------------------


def test_compose_file_follows_the_compose_specification():
    result = check_compose_schema(COMPOSE_FILE)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("read_only: true", "readonly: true"), ("service_healthy }", "service_is_well }"), ("init: true", "init: [1]")],
)
def test_the_specification_rejects_a_mistake(tmp_path: Path, right: str, wrong: str):
    text = COMPOSE_FILE.read_text(encoding="utf-8")
    assert right in text
    file = tmp_path / "docker-compose.yml"
    file.write_text(text.replace(right, wrong), encoding="utf-8")
    assert check_compose_schema(file).returncode == 1


def test_hadolint_has_no_finding():
    result = run_tool("hadolint", "--no-color", "--format", "json", DOCKERFILE)
    assert json.loads(result.stdout) == []


@pytest.mark.parametrize(
    ("line", "rule"),
    [("FROM debian", "DL3006"), ("RUN cd /tmp && sudo true", "DL3004"), ("RUN pip install dagster", "DL3013")],
)
def test_hadolint_finds_a_mistake(tmp_path: Path, line: str, rule: str):
    file = tmp_path / "Dockerfile"
    file.write_text(f"{DOCKERFILE.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    result = run_tool("hadolint", "--no-color", "--format", "json", file)
    assert rule in {finding["code"] for finding in json.loads(result.stdout)}


# --- whole and safe ---------------------------------------------------------------------------------------------


def test_compose_file_has_no_finding():
    assert findings(read_compose()) == []


def _remove_service(compose: Compose) -> None:
    del compose["services"]["migrate"]


def _remove(kind: str, name: str) -> Callable[[Compose], None]:
    def change(compose: Compose) -> None:
        del compose[kind][name]

    return change


def _drop(key: str) -> Callable[[Compose], None]:
    def change(compose: Compose) -> None:
        del compose["services"]["code"][key]

    return change


def _set(key: str, value: object) -> Callable[[Compose], None]:
    def change(compose: Compose) -> None:
        compose["services"]["code"][key] = value

    return change


def _set_variable(name: str, value: str) -> Callable[[Compose], None]:
    def change(compose: Compose) -> None:
        compose["services"]["code"]["environment"][name] = value

    return change


@pytest.mark.parametrize(
    ("break_it", "finding"),
    [
        (_remove_service, "daemon depends on migrate, which does not exist."),
        (_drop("healthcheck"), "webserver waits until code is healthy, which has no health check."),
        (_drop("healthcheck"), "code runs on without a health check."),
        (_remove("volumes", "lake"), "code uses lake of volumes, which does not exist."),
        (_remove("secrets", "fred_api_key"), "code uses fred_api_key of secrets, which does not exist."),
        (_remove("networks", "inside"), "postgres uses inside of networks, which does not exist."),
        (_drop("secrets"), "eod_historical_api_key of secrets is used by no service."),
        (_set("volumes", ["./deploy/absent.sql:/x.sql"]), "code mounts ./deploy/absent.sql, which does not exist."),
        (_set_variable("X_FILE", "/run/secrets/x"), "code reads the secret x in X_FILE, which it is not given."),
        (_set("user", "0:0"), "code runs as root."),
        (_drop("user"), "code runs as root."),
        (_drop("read_only"), "code can write to its root file system."),
        (_set("cap_add", ["SYS_ADMIN"]), "code keeps capabilities."),
        (_drop("security_opt"), "code can gain privileges."),
        (_set("volumes", ["/var/run/docker.sock:/var/run/docker.sock"]), "code can become root on the host."),
        (_drop("mem_limit"), "code has no limit of memory or processes."),
        (_drop("networks"), "code is in the default network, which has a way out."),
        (_set("image", "atlas-quanta:latest"), "code runs whichever image is the latest."),
        (_set("ports", ["4000:4000"]), "code publishes a port beyond this host."),
        (_set_variable("FRED_API_KEY", "abc"), "code has a secret written in FRED_API_KEY."),
        (_set_variable("URL", "postgresql://a:b@c/d"), "code has a password written in an address."),
    ],
)
def test_each_mistake_is_found(break_it: Callable[[Compose], None], finding: str):
    compose = copy.deepcopy(read_compose())
    break_it(compose)
    assert finding in findings(compose)


def test_a_service_that_never_ends_cannot_be_waited_for():
    compose = copy.deepcopy(read_compose())
    compose["services"]["migrate"]["restart"] = "always"
    assert "code waits until migrate has ended, which is restarted for ever." in findings(compose)


def test_a_secret_in_the_file_is_found():
    compose = copy.deepcopy(read_compose())
    compose["secrets"]["fred_api_key"] = {"environment": "FRED"}
    assert "the secret fred_api_key is not a file." in findings(compose)


def test_only_the_code_server_knows_the_lake_and_the_vendors():
    services = read_compose()["services"]
    for name in ("migrate", "webserver", "daemon"):
        assert services[name]["secrets"] == ["dagster_password"]
        assert not any(variable.startswith("ATLAS_LAKE") for variable in services[name]["environment"])
    assert [name for name, service in services.items() if "ports" in service] == ["webserver"]


# --- the image --------------------------------------------------------------------------------------------------


def test_every_atlas_service_runs_the_one_image_as_its_user():
    services = read_compose()["services"]
    assert {services[name]["user"] for name in OUR_SERVICES} == {image_instruction("USER")}
    assert len({services[name]["image"] for name in OUR_SERVICES}) == 1


def test_the_entrypoint_is_in_exec_form_and_executable():
    (program,) = json.loads(image_instruction("ENTRYPOINT"))
    assert ROOT / Path(program).relative_to("/opt/atlas") == ENTRYPOINT
    assert ENTRYPOINT.stat().st_mode & stat.S_IXUSR


def test_the_image_takes_in_only_what_is_named():
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    taken = {pattern[1:] for pattern in patterns if pattern.startswith("!")}
    assert patterns[0] == "*"
    assert {"pyproject.toml", "constraints.txt", "atlas_assets", "config", "dbt_project"} <= taken
    assert not {name for name in taken if name.startswith((".", "data", "deploy/secrets")) or name == "deploy"}
    for name in (
        "deploy/dagster.yaml",
        "deploy/workspace.yaml",
        "deploy/entrypoint.sh",
        "deploy/launcher.py",
        "deploy/pip.txt",
    ):
        assert name in taken
        assert (ROOT / name).is_file()


def test_the_secrets_folder_is_ignored_by_git():
    ignored = (ROOT / "deploy" / "secrets" / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert ignored[-2:] == ["*", "!.gitignore"]


def run_entrypoint(folder: Path, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "ATLAS_SECRETS": str(folder), "PGPASSFILE": str(folder / "pgpass")}
    return subprocess.run(
        [ENTRYPOINT, *command], env=environment | more, capture_output=True, text=True, timeout=300, check=False
    )


def test_the_entrypoint_writes_a_private_password_file_and_becomes_the_service(tmp_path: Path):
    (tmp_path / "dagster_password").write_text("pa:ss\\wo'rd\n", encoding="utf-8")
    result = run_entrypoint(tmp_path, "env")
    assert result.returncode == 0
    file = tmp_path / "pgpass"
    assert file.read_text(encoding="utf-8") == "*:*:dagster:dagster:pa\\:ss\\\\wo'rd\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "wo'rd" not in result.stdout


def test_the_entrypoint_stops_at_a_secret_that_it_cannot_read(tmp_path: Path):
    (tmp_path / "lake_password").mkdir()
    result = run_entrypoint(tmp_path, "echo", "started")
    assert result.returncode != 0
    assert "lake_password" in result.stderr
    assert "started" not in result.stdout


# --- settings ---------------------------------------------------------------------------------------------------


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The environment of the code server; the folder of its secrets."""
    for name in [name for name in os.environ if name.startswith("ATLAS_")]:
        monkeypatch.delenv(name)
    code = read_compose()["services"]["code"]
    for name, value in (image_environment() | code["environment"]).items():
        if name.startswith("ATLAS_"):
            monkeypatch.setenv(name, value.replace("/run/secrets", str(tmp_path)))
    for secret in code["secrets"]:
        (tmp_path / secret).write_text(f"value-of-{secret}\n", encoding="utf-8")
    return tmp_path


def test_production_settings_load_in_the_environment_of_the_code_server(production: Path):
    settings = load_settings()
    assert settings.environment == "production"
    assert settings.clock is None
    assert settings.lake.catalog.get_secret_value() == "postgresql+psycopg2://lake@postgres:5432/lake"
    assert settings.data_sources.fred.api_key.get_secret_value() == "value-of-fred_api_key"
    assert settings.data_sources.eod_historical.api_key.get_secret_value() == "value-of-eod_historical_api_key"
    assert settings.logging.format == "json"
    mounts = {volume.split(":")[1] for volume in read_compose()["services"]["code"]["volumes"]}
    written = (settings.lake.root, *settings.landing.folders, settings.state.folder)
    assert {str(settings.path(folder)) for folder in written} <= mounts


def test_a_missing_secret_is_named_in_one_sentence(production: Path):
    (production / "fred_api_key").unlink()
    with pytest.raises(SettingsError, match=r"^The secret file \S+/fred_api_key cannot be read: [^.]+\.$"):
        load_settings()


@pytest.mark.parametrize("environment", ["production", "development"])
def test_a_key_that_is_not_given_is_the_doctors_finding(
    production: Path, monkeypatch: pytest.MonkeyPatch, environment: str
):
    from atlas_assets.orchestration.doctor import examine_sources

    monkeypatch.setenv("ATLAS_ENV", environment)
    monkeypatch.delenv("ATLAS_DATA_SOURCES__FRED__API_KEY_FILE")
    (finding,) = (one for one in examine_sources(load_settings()) if one.subject == "source fred")
    assert not finding.ok
    assert "ATLAS_DATA_SOURCES__FRED__API_KEY (or ATLAS_DATA_SOURCES__FRED__API_KEY_FILE)" in finding.detail


def test_development_settings_differ_in_catalog_and_place(production: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ATLAS_ENV", "development")
    monkeypatch.delenv("ATLAS_LAKE__CATALOG")
    settings = load_settings()
    assert settings.lake.catalog.get_secret_value() == "sqlite"
    assert settings.lake.root == Path("data/lake-dev")


@pytest.mark.parametrize("name", ["production", "development"])
def test_configuration_holds_no_key(name: str):
    values = yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text(encoding="utf-8"))
    assert not any("api_key" in source for source in values["data_sources"].values())
    assert all(feed["url"].startswith("https://") for feed in values["data_sources"]["rss"]["feeds"])


# --- Dagster's own files ----------------------------------------------------------------------------------------


def read_yaml(name: str) -> dict[str, object]:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_the_embedded_instance_loads_with_its_policies(tmp_path: Path):
    shutil.copy(ROOT / "dagster.yaml", tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.run_monitoring_enabled
        assert instance.run_retries_enabled
        assert not instance.telemetry_enabled
        assert (tmp_path / "storage").is_dir() or (tmp_path / "history").is_dir()


def test_both_instances_have_the_same_policies():
    embedded, deployed = read_yaml("dagster.yaml"), read_yaml("deploy/dagster.yaml")
    places = {"storage", "run_launcher", "compute_logs", "local_artifact_storage"}
    assert set(deployed) - set(embedded) == places
    assert {**embedded, "concurrency": None} == {
        **{key: value for key, value in deployed.items() if key not in places},
        "concurrency": None,
    }
    assert embedded["concurrency"]["pools"] == deployed["concurrency"]["pools"]


def test_both_workspaces_name_the_location_atlas():
    (embedded,) = read_yaml("workspace.yaml")["load_from"]
    (deployed,) = read_yaml("deploy/workspace.yaml")["load_from"]
    assert embedded["python_module"]["location_name"] == deployed["grpc_server"]["location_name"] == "atlas"
    assert deployed["grpc_server"]["host"] in read_compose()["services"]
