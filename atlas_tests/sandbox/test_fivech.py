"""The sandbox's 5ch: encoding, growth, removals, conditional and partial requests."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from atlas_assets.sandbox import SandboxTransport
from atlas_assets.sandbox.fivech import DELETED, DELETED_AFTER, FivechHandler
from atlas_assets.sandbox.world import World

CLOCK = datetime(2018, 12, 31, 20, tzinfo=UTC)
TODAY = date(2018, 12, 31)
AGENT = {"User-Agent": "Monazilla/1.00 (tests/1.0)"}
BASE = "https://egg.5ch.net/livemarket1"


def ask(path, clock=CLOCK, base=BASE, **headers):
    with httpx.Client(transport=SandboxTransport(clock=clock), headers=AGENT) as client:
        return client.get(f"{base}/{path}", headers={name.replace("_", "-"): text for name, text in headers.items()})


def key_of(day=TODAY, clock=CLOCK):
    return FivechHandler(World(clock)).key("livemarket1", day)


def test_the_list_is_cp932_and_no_shift_jis():
    content = ask("subject.txt").content
    lines = content.decode("cp932").splitlines()
    assert len(lines) == 7
    assert lines[0].startswith(f"{key_of()}.dat<>【米国株】市況 2018/12/31 ★31 (")
    assert lines[1].startswith("924")
    thread = ask(f"dat/{key_of()}.dat").content
    with pytest.raises(UnicodeDecodeError):
        thread.decode("shift_jis")


def test_a_thread_has_as_many_lines_as_the_list_says():
    content = ask(f"dat/{key_of()}.dat").content
    first = ask("subject.txt").content.decode("cp932").splitlines()[0]
    posts = content.count(b"\n")
    assert first.endswith(f"({posts})")
    lines = content.decode("cp932").splitlines()
    assert lines[0].count("<>") == 4
    assert lines[0].endswith("★31")
    assert all(line.endswith("<>") for line in lines[1:] if "<>" in line[-2:])


def test_threads_grow_and_posts_are_removed():
    shown = [ask(f"dat/{key_of()}.dat", CLOCK - timedelta(hours=back)).content for back in (6, 3, 0)]
    counts = [content.count(b"\n") for content in shown]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]
    days = [TODAY - timedelta(days=back) for back in range(6)]
    handlers = [FivechHandler(World(clock)) for clock in (CLOCK, CLOCK + DELETED_AFTER)]
    removed = [sum(h.thread("livemarket1", day)[0].decode("cp932").count(DELETED) for day in days) for h in handlers]
    assert removed[1] >= removed[0] > 0


def test_only_what_is_new_is_sent():
    path = f"dat/{key_of()}.dat"
    whole = ask(path)
    stamp = whole.headers["Last-Modified"]
    assert ask(path, If_Modified_Since=stamp).status_code == 304
    part = ask(path, Range=f"bytes={len(whole.content) - 10}-")
    assert (part.status_code, part.content) == (206, whole.content[-10:])
    assert part.headers["Content-Range"].startswith(f"bytes {len(whole.content) - 10}-")
    assert ask(path, Range=f"bytes={len(whole.content)}-").status_code == 416


def test_what_is_not_there():
    assert ask("dat/1000000000.dat").headers["Location"].startswith("https://agree.5ch.net/")
    old = key_of(TODAY - timedelta(days=9), CLOCK - timedelta(days=9))
    assert ask(f"dat/{old}.dat").status_code == 302
    assert ask("x.txt").status_code == 404
    assert ask("subject.txt", base="https://egg.5ch.net/other").status_code == 404
    assert ask("subject.txt", User_Agent="Mozilla/5.0").status_code == 403
    moved = ask("subject.txt", base="https://old.5ch.net/livemarket1")
    assert (moved.status_code, moved.headers["Location"]) == (302, f"{BASE}/subject.txt")


def test_odd_posts_are_there():
    lines = [
        line
        for day in range(6)
        for line in FivechHandler(World(CLOCK)).thread("livemarket1", TODAY - timedelta(days=day))[0].split(b"\n")[:-1]
    ]
    assert any(line.count(b"<>") < 3 for line in lines)
    assert any(b"ID:???" in line for line in lines)
    assert any(b"(Mon)" in line or b"(Sun)" in line or b"(Sat)" in line or b"(Fri)" in line for line in lines)
    assert any(b"<>18/12/" in line for line in lines)


@pytest.mark.recorded
def test_lines_look_like_the_recorded_ones():
    from atlas_tests.conftest import SHARED

    real = SHARED / "wire" / "fivech" / "1231808850.dat"
    if not real.is_file():
        pytest.skip("the recorded thread is not there")
    lines = real.read_bytes().decode("cp932").splitlines()
    ours = ask(f"dat/{key_of()}.dat").content.decode("cp932").splitlines()
    assert lines[0].count("<>") == ours[0].count("<>") == 4
    assert {line.count("<>") for line in lines[1:]} == {4}
