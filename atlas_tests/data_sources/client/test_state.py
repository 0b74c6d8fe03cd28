"""Documents that many processes change: nothing lost, nothing readable by others, nothing locked by the dead."""

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from pydantic import SecretStr

from atlas_assets.data_sources.client.disk_state import DiskState
from atlas_assets.data_sources.client.errors import PermanentError, StateUnavailable
from atlas_assets.data_sources.client.state import MemoryState, open_state
from atlas_tests.conftest import REPOSITORY

PREAMBLE = """
import sys, time
from pydantic import SecretStr
from atlas_assets.data_sources.client.state import open_state
state = open_state(SecretStr(sys.stdin.readline().strip()))
"""


def start(code: str, address: str) -> subprocess.Popen:
    """Another process that has the state open; its address is told on standard input."""
    process = subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + code],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    process.stdin.write(address + "\n")
    process.stdin.flush()
    return process


def count(document):
    document["n"] = document.get("n", 0) + 1
    return document["n"]


def test_documents_are_changed_read_listed_and_removed(state):
    assert state.read("a:1") == {}
    assert state.update("a:1", count) == 1
    assert state.update("a:1", count) == 2
    state.update("a:é*", lambda document: document.update(text="x'\"\0\ud7ff", list=[1, 2.5, None]))
    state.update("b:1", count)
    assert state.read("a:é*") == {"text": "x'\"\0\ud7ff", "list": [1, 2.5, None]}
    assert state.keys("a:") == ["a:1", "a:é*"]
    assert state.keys("a:é*") == ["a:é*"]
    assert state.keys("*") == []
    state.update("a:1", dict.clear)
    assert state.keys("a:") == ["a:é*"]
    assert state.read("a:1") == {}
    state.update("absent", lambda document: None)
    assert state.keys("absent") == []


def test_a_copy_that_was_read_is_nobody_elses(state):
    state.update("a", lambda document: document.update(list=[1]))
    state.read("a")["list"].append(2)
    assert state.read("a") == {"list": [1]}


def test_time_passes_and_is_never_turned_back(state):
    first, second = state.instant(), state.instant()
    assert second.clock >= first.clock
    assert second.time >= first.time
    assert state.time() >= second.time


def test_threads_lose_no_change(state):
    threads = [threading.Thread(target=lambda: [state.update("n", count) for _ in range(25)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state.read("n") == {"n": 100}


@pytest.mark.parametrize("home", ["disk", "redis"])
def test_processes_lose_no_change_and_the_state_outlives_them(address_of, home):
    address = address_of(home)
    code = """
print("ready", flush=True)
sys.stdin.readline()
for _ in range(200):
    state.update("n", lambda document: document.update(n=document.get("n", 0) + 1))
"""
    workers = [start(code, address) for _ in range(3)]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        worker.communicate(timeout=60)
        assert worker.returncode == 0
    with open_state(SecretStr(address)) as state:
        assert state.read("n") == {"n": 600}


@pytest.mark.parametrize("home", ["disk", "redis"])
def test_a_process_killed_in_a_change_leaves_neither_lock_nor_half_a_change(address_of, home):
    address = address_of(home)
    code = "state.update('n', lambda d: (d.update(n=-1), print('in', flush=True), time.sleep(600)))"
    with open_state(SecretStr(address)) as state:
        state.update("n", count)
        worker = start(code, address)
        assert worker.stdout.readline() == "in\n"
        os.kill(worker.pid, signal.SIGKILL)
        worker.communicate(timeout=60)
        assert state.update("n", count) == 2


def test_only_the_owner_may_read_the_files(tmp_path):
    folder = tmp_path / "a" / "state"
    before = os.umask(0)
    try:
        with DiskState(folder) as state:
            state.update("n", count)
            state.vault.update("n", count)
            files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {"state.sqlite3", "state.sqlite3-wal", "tokens.sqlite3"} <= files.keys()
    assert set(files.values()) == {0o600}


def test_a_folder_and_a_file_that_others_may_read_are_closed_to_them(tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "state.sqlite3").touch(0o644)
    with DiskState(tmp_path) as state:
        state.update("n", count)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "state.sqlite3").stat().st_mode) == 0o600


def test_a_link_in_place_of_the_file_is_refused(tmp_path):
    (tmp_path / "target").touch()
    (tmp_path / "state.sqlite3").symlink_to(tmp_path / "target")
    with pytest.raises(StateUnavailable, match=r"state\.sqlite3 cannot be used"):
        DiskState(tmp_path).read("n")


def test_a_damaged_file_is_said_to_be_so(tmp_path):
    (tmp_path / "state.sqlite3").write_bytes(b"nonsense" * 500)
    with pytest.raises(StateUnavailable, match="not a database") as caught:
        DiskState(tmp_path).update("n", count)
    assert "deleted" in caught.value.advice


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_in_the_midst_of_a_change_opens_the_state_anew(tmp_path):
    begun = threading.Event()

    def slow(document):
        begun.set()
        threading.Event().wait(0.2)
        count(document)

    with DiskState(tmp_path) as state:
        changer = threading.Thread(target=state.update, args=("n", slow))
        changer.start()
        begun.wait(timeout=30)
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            inherited = [
                file for file in map(os.path.realpath, Path("/proc/self/fd").glob("*")) if "state.sqlite3" in file
            ]
            os._exit(0 if not inherited and state.update("n", count) == 2 else 1)
        changer.join()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert state.update("n", count) == 3


def test_redis_that_does_not_answer_and_wrong_passwords_are_told_without_the_address(redis_address):
    for address in (redis_address.replace("0123@", "9999@"), "redis://:cAnAry-redis-0123@127.0.0.1:1/0"):
        with open_state(SecretStr(address)) as state, pytest.raises(StateUnavailable, match="Redis") as caught:
            state.read("n")
        assert caught.value.__context__ is None
        assert "cAnAry" not in str(caught.value) + caught.value.advice


@pytest.mark.parametrize(
    "address",
    [
        "rediss://:cAnAry@127.0.0.1:1/0?ssl_cert_reqs=none",
        "rediss://:cAnAry@127.0.0.1:1/0?ssl_check_hostname=False",
        "redis://:cAnAry@127.0.0.1:port/0",
    ],
)
def test_addresses_that_are_wrong_or_weaken_tls_are_refused(address):
    with pytest.raises(PermanentError, match="Redis") as caught:
        open_state(SecretStr(address))
    assert caught.value.__context__ is None
    assert "cAnAry" not in str(caught.value)


def test_the_home_follows_from_the_address(tmp_path, redis_address):
    assert isinstance(open_state(), MemoryState)
    assert isinstance(open_state(tmp_path), DiskState)
    assert open_state(str(tmp_path)).path.parent == tmp_path
    with open_state(SecretStr(redis_address)) as state:
        assert "cAnAry" not in repr(state) + repr(vars(state))
