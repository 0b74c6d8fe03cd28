"""The page about adding a source, followed to the letter in a copy of the package."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from atlas_tests.conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "adding_a_source.md"
LISTED = """
import dagster as dg
from atlas_assets.definitions import defs
graph = defs().resolve_asset_graph()
node = graph.get(dg.AssetKey(["raw", "ecb", "rates"]))
assert node.partitions_def.get_partition_keys()[0] == "2018-12-24"
assert node.owners and node.description and node.freshness_policy and node.group_name == "ecb"
assert {check.name for check in graph.get_check_keys_for_assets({node.key})} >= {"contract_shape", "contract_truth"}
assert "load_ecb_rates" in {schedule.name for schedule in defs().schedules}
from atlas_assets.data_sources.catalogue import pages
assert "raw/ecb/rates" in pages()["ecb.md"]
print("listed")
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the page's file, block and test put where the page says."""
    page = PAGE.read_text(encoding="utf-8")
    folder = tmp_path_factory.mktemp("copy")
    for name in ("atlas_assets", "config", "dbt_project"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "target"))
    for name in ("pyproject.toml", "constraints.txt", "dagster.yaml"):
        shutil.copy(REPOSITORY / name, folder / name)
    files = dict(
        zip(re.findall(r"^## \d\. .*`(atlas_\S+)`$", page, re.MULTILINE), _blocks(page, "python"), strict=True)
    )
    assert list(files) == ["atlas_assets/data_sources/macro/ecb.py", "atlas_tests/data_sources/macro/test_ecb.py"]
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    (block,) = _blocks(page, "yaml")
    settings = folder / "config" / "sandbox.yaml"
    settings.write_text(
        settings.read_text(encoding="utf-8").replace(
            "data_sources:\n", f"data_sources:\n{block.replace('2024-01-01', '2018-12-24')}", 1
        ),
        encoding="utf-8",
    )
    return folder


def _blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def _run(folder: Path, *command: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ATLAS_")}
    environment |= {"PYTHONPATH": str(folder), "ATLAS_HOME": str(folder), "DAGSTER_HOME": str(folder / "data")}
    (folder / "data").mkdir(exist_ok=True)
    result = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout


def test_its_tests_pass(copy: Path):
    answer = _run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "atlas_tests")
    assert re.search(r"^6 passed", answer, re.MULTILINE)


def test_it_is_an_asset_with_all_that_the_house_asks(copy: Path):
    assert _run(copy, "-c", LISTED).strip().endswith("listed")


def test_the_file_is_as_the_house_writes_them(copy: Path):
    for command in (["check"], ["format", "--check", "--line-length", "120"]):
        _run(copy, "-m", "ruff", *command, "atlas_assets/data_sources/macro/ecb.py")
