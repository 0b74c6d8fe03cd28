"""Where files are dropped: a hostile folder, and a prefix of an object store."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import fsspec
import pytest

from atlas_assets.data_sources.files.errors import FileRefused
from atlas_assets.orchestration import locations
from atlas_assets.orchestration.locations import FileBusy, Folder, Prefix, fingerprint

LONG_AGO = 1_000_000_000
NOW = LONG_AGO + 100.5


@pytest.fixture
def folder(tmp_path) -> Folder:
    (tmp_path / "landing").mkdir()
    return Folder(tmp_path / "landing")


@pytest.fixture
def prefix() -> Prefix:
    store = fsspec.filesystem("memory")
    store.store.clear()
    store.pseudo_dirs[:] = [""]
    store.pipe_file("/bucket/in/a.csv", b"one")
    store.pipe_file("/bucket/in/deep/b.csv", b"two")
    store.pipe_file("/bucket/other.csv", b"not ours")
    return Prefix("memory://bucket/in")


def old(file: Path, text: str = "x") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    os.utime(file, (LONG_AGO, LONG_AGO))
    return file


def names(found) -> list[str]:
    return [file.name for file in found]


def test_only_settled_files_wait_and_hidden_and_rejected_ones_do_not(folder):
    for name in ("b.csv", "a.csv", ".hidden", ".git/x.csv", "rejected/x.csv", "sub/rejected/x.csv", "sub/y.csv"):
        old(folder.path / name)
    os.utime(old(folder.path / "new.csv"), (LONG_AGO + 100, LONG_AGO + 100))
    os.utime(old(folder.path / "first.csv"), (LONG_AGO - 1, LONG_AGO - 1))
    waiting = names(folder.waiting(now_seconds=NOW))
    assert waiting == ["first.csv", "a.csv", "b.csv", "sub/rejected/x.csv", "sub/y.csv"]
    assert Folder(folder.path / "nowhere").waiting(now_seconds=NOW) == []


def test_a_run_takes_the_oldest_of_many(folder, monkeypatch):
    monkeypatch.setattr(locations, "MOST_FILES", 2)
    for age, name in enumerate(["c", "b", "a"]):
        os.utime(old(folder.path / name), (LONG_AGO + age, LONG_AGO + age))
    assert names(folder.waiting(now_seconds=NOW)) == ["c", "b"]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda file: file.symlink_to("/etc/passwd"), "This is a link"),
        (lambda file: file.hardlink_to(old(file.parent.parent / "secret")), "hard link"),
        (os.mkfifo, "This is a pipe"),
    ],
)
def test_what_is_no_file_of_its_own_is_refused_unread_and_moved(folder, make, said):
    make(folder.path / "x.csv")
    os.utime(folder.path / "x.csv", (LONG_AGO, LONG_AGO), follow_symlinks=False)
    (file,) = folder.waiting(now_seconds=NOW)
    with pytest.raises(FileRefused, match=said) as refused:
        folder.read(file)
    assert folder.reject(file, str(refused.value)) == "rejected/x.csv"
    assert os.listdir(folder.path) == ["rejected"]
    assert Path("/etc/passwd").exists()


def test_a_file_that_changes_while_it_is_read_stays(folder, monkeypatch):
    file = old(folder.path / "x.csv", "one")
    (waiting,) = folder.waiting(now_seconds=NOW)
    whole = open

    def growing(handle, mode):
        with whole(file, "a") as other:
            other.write("more")
        return whole(handle, mode)

    monkeypatch.setattr(locations, "open", growing, raising=False)
    with pytest.raises(FileBusy):
        folder.read(waiting)
    assert file.read_text() == "onemore"


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        (errno.EACCES, FileRefused, "The file cannot be read: Permission denied"),
        (errno.EIO, OSError, "Input/output error"),
        (errno.EMFILE, OSError, "Too many open files"),
        (errno.ENOENT, FileNotFoundError, "No such file"),
    ],
)
def test_a_file_is_refused_for_its_own_fault_only(folder, monkeypatch, code, kind, said):
    old(folder.path / "x.csv")
    (file,) = folder.waiting(now_seconds=NOW)
    whole = os.open

    def failing(name, *arguments, **options):
        if name == "x.csv":
            raise OSError(code, os.strerror(code))
        return whole(name, *arguments, **options)

    monkeypatch.setattr(locations.os, "open", failing)
    with pytest.raises(kind, match=said):
        folder.read(file)


def test_another_file_of_the_same_name_is_not_removed(folder):
    old(folder.path / "x.csv", "one")
    (file,) = folder.waiting(now_seconds=NOW)
    assert folder.read(file) == b"one"
    old(folder.path / "x.csv.part", "two").replace(folder.path / "x.csv")
    folder.remove(file)
    assert (folder.path / "x.csv").read_text() == "two"


def test_a_link_put_in_place_of_a_folder_leads_nowhere(folder, tmp_path):
    old(folder.path / "sub" / "x.csv")
    outside = old(tmp_path / "outside" / "x.csv", "secret")
    (file,) = folder.waiting(now_seconds=NOW)
    (folder.path / "sub").rename(folder.path / "was")
    (folder.path / "sub").symlink_to(outside.parent)
    for act in (folder.read, folder.remove, lambda file: folder.reject(file, "no")):
        with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
            act(file)
    assert outside.read_text() == "secret"


def test_a_link_in_place_of_rejected_leads_nowhere(folder, tmp_path):
    old(folder.path / "x.csv")
    (tmp_path / "outside").mkdir()
    (folder.path / "rejected").symlink_to(tmp_path / "outside")
    file = next(file for file in folder.waiting(now_seconds=NOW) if file.name == "x.csv")
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        folder.reject(file, "no")
    assert os.listdir(tmp_path / "outside") == []
    assert (folder.path / "x.csv").exists()


def test_two_rejected_files_of_one_name_both_stay(folder):
    for text in ("first", "second"):
        old(folder.path / "bad.csv", text)
        (file,) = folder.waiting(now_seconds=NOW)
        folder.reject(file, f"{text} reason.")
    kept = {file.name: file.read_text() for file in (folder.path / "rejected").iterdir()}
    assert kept == {
        "bad.csv": "first",
        "bad.csv.reason.txt": "first reason.\n",
        "bad.2.csv": "second",
        "bad.2.csv.reason.txt": "second reason.\n",
    }


@pytest.mark.parametrize("name", ["n" * 255, "ü" * 127, "-rf", "two\nlines.csv", os.fsdecode(b"\xff\xfe.csv")])
def test_a_file_of_any_name_can_be_rejected(folder, name):
    old(folder.path / name)
    (file,) = folder.waiting(now_seconds=NOW)
    folder.reject(file, "no.")
    assert os.listdir(folder.path) == ["rejected"]
    assert len(os.listdir(folder.path / "rejected")) == 2


def test_the_same_files_have_the_same_fingerprint(folder):
    old(folder.path / "a.csv", "x")
    before = fingerprint(folder.waiting(now_seconds=NOW))
    assert fingerprint(folder.waiting(now_seconds=NOW)) == before
    old(folder.path / "a.csv", "xy")
    assert fingerprint(folder.waiting(now_seconds=NOW)) != before


def test_objects_below_a_prefix_are_taken_to_taken(prefix):
    files = prefix.waiting(now_seconds=0)
    assert sorted(names(files)) == ["a.csv", "deep/b.csv"]
    for file in files:
        prefix.read(file)
        prefix.remove(file)
    assert prefix.waiting(now_seconds=0) == []
    store = fsspec.filesystem("memory")
    assert {name: store.cat(name) for name in store.find("/bucket")} == {
        "/bucket/in/taken/a.csv": b"one",
        "/bucket/in/taken/deep/b.csv": b"two",
        "/bucket/other.csv": b"not ours",
    }


def test_a_rejected_object_lies_beside_its_reason(prefix):
    store = fsspec.filesystem("memory")
    store.pipe_file("/bucket/in/rejected/a.csv", b"earlier")
    file = next(file for file in prefix.waiting(now_seconds=0) if file.name == "a.csv")
    assert prefix.reject(file, "not good.") == "rejected/a.2.csv"
    assert store.cat("/bucket/in/rejected/a.2.csv") == b"one"
    assert store.cat("/bucket/in/rejected/a.2.csv.reason.txt") == b"not good.\n"
    assert store.cat("/bucket/in/rejected/a.csv") == b"earlier"


def test_an_object_that_was_replaced_meanwhile_stays(prefix):
    store = fsspec.filesystem("memory")
    file = next(file for file in prefix.waiting(now_seconds=0) if file.name == "a.csv")
    assert prefix.read(file) == b"one"
    store.pipe_file("/bucket/in/a.csv", b"three")
    prefix.remove(file)
    assert store.cat("/bucket/in/a.csv") == b"three"
    with pytest.raises(FileBusy):
        prefix.read(file)


def test_an_object_cannot_climb_out(prefix):
    file = next(file for file in prefix.waiting(now_seconds=0) if file.name == "a.csv")
    climbing = locations.DroppedFile(prefix, "../../x//y.csv", file.version)
    store = fsspec.filesystem("memory")
    store.pipe_file(f"/bucket/in/{climbing.name}", b"one")
    moved = prefix.reject(climbing, "no.")
    assert moved == "rejected/_/_/x/_/y.csv"


def test_a_large_object_is_not_read(prefix, monkeypatch):
    monkeypatch.setattr(locations, "LARGEST_DROPPED", 2)
    file = prefix.waiting(now_seconds=0)[0]
    with pytest.raises(FileRefused, match="larger than"):
        prefix.read(file)
