"""Files that nobody should drop: each is taken, taken in part or sent back, and nothing else happens."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from atlas_assets.lake import Lake, LakeConfig
from atlas_tests.conftest import REPOSITORY
from atlas_tests.faults.hostile import write_corpus
from atlas_tests.faults.hostile_contents import EITHER, PARTLY, REFUSED, STAYS, TAKEN, Expected

SEED = 20181231
FAST_FILES, ALL_FILES = 330, 560
MOST_SECONDS = {FAST_FILES: 120, ALL_FILES: 570}
MOST_MIB = 1200
BARS = "raw.landing_daily_bars"


@dataclass(frozen=True)
class Drop:
    """A home in whose landing folder the corpus lay, after one run."""

    home: Path
    expected: Mapping[str, Expected]
    objects: Mapping[str, str]
    told: Mapping[str, Any]
    before: Mapping[str, str]

    @property
    def landing(self) -> Path:
        return self.home / "landing"

    @property
    def lake(self) -> Lake:
        return Lake(LakeConfig(root=self.home / "data" / "lake"))

    def rejected(self, name: str) -> Path | None:
        """The file as it was sent back."""
        short = os.fsdecode(os.fsencode(name)[:190])
        folder = self.landing / "rejected"
        return next((folder / found for found in os.listdir(folder) if found.startswith(short)), None)


def drop(root: Path, *, files: int, heavy: bool) -> Drop:
    """Write the corpus and take it in a process with little memory."""
    home = root / "home"
    for folder in (home / "landing", root / "tmp", root / "cwd"):
        folder.mkdir(parents=True)
    expected = write_corpus(home / "landing", seed=SEED, files=files, heavy=heavy)
    objects = {
        name: hashlib.sha256((home / "landing" / name).read_bytes()).hexdigest()
        for name in expected
        if (home / "landing" / name).lstat().st_mode & 0o170000 == 0o100000
    }
    before = tree(root)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ATLAS_", "DAGSTER_"))}
    told = subprocess.run(
        [sys.executable, "-m", "atlas_tests.faults.take_dropped"],
        env=kept
        | {
            "ATLAS_HOME": str(home),
            "HOME": str(root / "cwd"),
            "TMPDIR": str(root / "tmp"),
            "PYTHONPATH": str(REPOSITORY),
            # Address space is what is limited, so nothing may reserve more of it than it uses.
            "ARROW_DEFAULT_MEMORY_POOL": "system",
            "MALLOC_ARENA_MAX": "2",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        },
        cwd=root / "cwd",
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS[files],
        check=False,
    )
    assert told.returncode == 0, told.stderr[-3000:]
    return Drop(home, expected, objects, json.loads(told.stdout), before)


def tree(root: Path) -> dict[str, str]:
    """Everything below a folder but the lake and the landing folder, with what it holds."""
    found: dict[str, str] = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [
            name for name in folders if Path(folder, name) not in (root / "home" / "landing", root / "home" / "data")
        ]
        found[folder] = "folder"
        for name in files:
            file = Path(folder, name)
            found[str(file)] = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "special"
    return found


def check(dropped: Drop) -> None:
    """What must hold whatever was dropped."""
    told = dropped.told
    print(f"\n{len(dropped.expected)} files: {told}")
    assert told["peak_mib"] < MOST_MIB
    assert not told["check_passed"]
    assert tree(dropped.home.parent) == dropped.before
    stays = {name for name, one in dropped.expected.items() if one.fate == STAYS}
    assert {
        file.relative_to(dropped.landing).as_posix()
        for file in dropped.landing.rglob("*")
        if not file.is_dir() and "rejected" not in file.parts
    } == stays
    assert told["files_taken"] + told["files_rejected"] == len(dropped.expected) - len(stays)

    found: dict[str, dict[int, tuple[Any, ...]]] = {}
    for row in dropped.lake.read_arrow(BARS).to_pylist():
        rows = found.setdefault(row["file_name"], {})
        assert row["row_number"] not in rows, "a row is there twice"
        rows[row["row_number"]] = (row["symbol"], row["date"], row["close"])
    quarantined = {row["object_id"] for row in dropped.lake.read_arrow("raw.quarantine").to_pylist()}
    first_names = {dropped.objects[name]: name for name in reversed(list(dropped.expected)) if name in dropped.objects}
    for name, one in dropped.expected.items():
        text = os.fsencode(name).decode(errors="backslashreplace")
        rejected = dropped.rejected(name)
        match one.fate:
            case "taken" | "partly":
                assert found.get(text) == one.good, name
                assert rejected is None, name
                assert (dropped.objects[name] in quarantined) == (one.fate == PARTLY), name
            case "refused":
                assert rejected is not None, name
                assert text not in found, name
            case "either":
                assert (rejected is None) == (
                    text in found or first_names[dropped.objects[name]] != name or dropped.objects[name] in quarantined
                ), name
    for note in (dropped.landing / "rejected").glob("*.reason.txt"):
        reason = note.read_text(encoding="utf-8")
        assert re.fullmatch(r"[^\n]{10,1000}[.…]\n", reason), (note.name, reason)
    judged(dropped.lake)


def judged(lake: Lake) -> None:
    """The table keeps its contract, so that no bad row is in it."""
    from atlas_assets.contracts.judgement import judge
    from atlas_assets.orchestration.tables import table

    with lake.reader() as connection:
        verdict = judge(connection, BARS, table(BARS).contract)
    assert not verdict.shape
    assert not verdict.truth


def test_a_hostile_drop(tmp_path):
    dropped = drop(tmp_path, files=FAST_FILES, heavy=False)
    check(dropped)
    fates = [one.fate for one in dropped.expected.values()]
    assert {TAKEN, PARTLY, REFUSED, STAYS, EITHER} == set(fates)


@pytest.mark.slow
def test_the_whole_hostile_corpus_and_silver_on_it(tmp_path, monkeypatch):
    from atlas_assets.contracts.schema import arrow_schema
    from atlas_assets.orchestration.dbt.silver import dbt_environment
    from atlas_assets.orchestration.tables import all_tables
    from atlas_tests.dbt.conftest import Workbench

    dropped = drop(tmp_path, files=ALL_FILES, heavy=True)
    check(dropped)
    lake = dropped.lake
    for table in all_tables():
        if table.layer == "raw" and table.name != BARS:
            lake.create_table(table.name, arrow_schema(table.contract))
    for name, value in dbt_environment(lake, run_id="hostile").items():
        monkeypatch.setenv(name, value)
    Workbench(lake, tmp_path / "target").dbt("run", "--select", "+daily_bars")
    landed = {row["symbol"] for row in lake.read_arrow(BARS, where=("close > 0", [])).to_pylist()}
    assert {row["symbol"] for row in lake.read_arrow("silver.daily_bars").to_pylist()} == landed
