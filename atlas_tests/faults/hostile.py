"""A seeded corpus of files that nobody should drop, with what must become of each.

The same seed writes the same files. What good rows a file holds is known by construction.
"""

from __future__ import annotations

import os
import random
import socket
import stat
from pathlib import Path

from atlas_tests.faults.hostile_contents import (
    EITHER,
    REFUSED,
    STAYS,
    TAKEN,
    Expected,
    archives,
    bars,
    csv_text,
    heavy_files,
    jsons,
    numbered,
    parquets,
    texts,
)  # fmt: skip


def write_corpus(folder: Path, *, seed: int, files: int, heavy: bool) -> dict[str, Expected]:
    """Write at least so many files below a folder; what must become of each, by its name below it.

    Parameters
    ----------
    heavy
        Whether files that take seconds to make or to refuse are among them.
    """
    rng = random.Random(seed)
    expected: dict[str, Expected] = {}
    contents = [*texts(rng), *jsons(rng), *parquets(rng), *archives(rng), *(heavy_files() if heavy else ())]
    for number, (name, content, fate) in enumerate(contents):
        place = f"{number:04d}_{name}"
        (folder / place).write_bytes(content)
        expected[place] = fate
    expected |= _named(folder, rng) | _special(folder)
    sources = [(name, content) for name, content, _ in contents if 20 < len(content) < 20_000]
    while len(expected) < files:
        name, content = rng.choice(sources)
        place = f"{len(expected):04d}_mutated_{name}"
        (folder / place).write_bytes(_mutated(content, rng))
        expected[place] = Expected(EITHER)
    for file in [folder, *folder.rglob("*")]:
        os.utime(file, (1_500_000_000, 1_500_000_000), follow_symlinks=False)
    return expected


def _named(folder: Path, rng: random.Random) -> dict[str, Expected]:
    """Files whose names are hostile and whose content is good."""
    names = (
        *("two\nlines.csv", "-rf.csv", "--help.csv", "..csv.csv", "....csv", "CON.csv", "name with blanks .csv"),
        *(
            "\u202egpj.csv",
            "日経.csv",
            "e\u0301.csv",
            "$(touch pwned).csv",
            "; rm -rf ~;.csv",
            "%2e%2e%2f.csv",
            "a'b\"c.csv",
        ),
        *("n" * 251 + ".csv", "\x01\x7f.csv", "*.csv", "[a].csv", "{}.csv", "~.csv", "\\..\\..\\up.csv", "UPPER.CSV"),
    )
    expected: dict[str, Expected] = {}
    for name in names:
        rows = bars(rng)
        (folder / name).write_text(csv_text(rows), encoding="utf-8", newline="")
        # Hidden files are half-written copies of somebody's tool.
        expected[name] = Expected(STAYS) if name.startswith(".") else Expected(TAKEN, numbered(rows))
    odd = os.fsdecode(b"\xff\xfe.csv")
    (folder / odd).write_text(csv_text(rows := bars(rng)), encoding="utf-8", newline="")
    expected[odd] = Expected(TAKEN, numbered(rows))
    for below in ("deep/er/and/deeper", "2018", "x.csv"):
        (folder / below).mkdir(parents=True)
        (folder / below / "bars.csv").write_text(csv_text(rows := bars(rng)), encoding="utf-8", newline="")
        expected[f"{below}/bars.csv"] = Expected(TAKEN, numbered(rows))
    (folder / ".hidden.csv").write_text("half", encoding="utf-8")
    expected[".hidden.csv"] = Expected(STAYS)
    for name in ("q" * 255, "m" * 251 + ".txt"):
        (folder / name).write_text("x", encoding="utf-8")
        expected[name] = Expected(REFUSED)
    return expected


def _special(folder: Path) -> dict[str, Expected]:
    """Links, pipes, sockets and devices, as far as this machine lets them be made."""
    outside = folder.parent / "outside"
    outside.mkdir(exist_ok=True)
    secret = outside / "secret.csv"
    secret.write_text("symbol,date,close\nSECRET,2018-01-01,1\n", encoding="utf-8")
    (folder / "link.csv").symlink_to(secret)
    (folder / "passwd.csv").symlink_to("/etc/passwd")
    (folder / "dangling.csv").symlink_to("nowhere")
    (folder / "loop.csv").symlink_to("loop.csv")
    (folder / "folder_link").symlink_to(outside)
    (folder / "zero.csv").symlink_to("/dev/zero")
    os.link(secret, folder / "hard.csv")
    os.mkfifo(folder / "pipe.csv")
    made = ["link.csv", "passwd.csv", "dangling.csv", "loop.csv", "folder_link", "zero.csv", "hard.csv", "pipe.csv"]
    with socket.socket(socket.AF_UNIX) as server:
        before = Path.cwd()
        os.chdir(folder)  # the address of a socket is short
        try:
            server.bind("socket.csv")
        finally:
            os.chdir(before)
    made.append("socket.csv")
    try:
        os.mknod(folder / "device.csv", 0o600 | stat.S_IFCHR, os.makedev(1, 5))
    except OSError:
        pass
    else:
        made.append("device.csv")
    return dict.fromkeys(made, Expected(REFUSED))


def _mutated(content: bytes, rng: random.Random) -> bytes:
    """The content with some bytes changed, cut out or doubled."""
    data = bytearray(content)
    for _ in range(rng.randrange(1, 6)):
        place = rng.randrange(len(data) or 1)
        match rng.randrange(4):
            case 0:
                data[place : place + 1] = bytes([rng.randrange(256)])
            case 1:
                del data[place : place + rng.randrange(1, 20)]
            case 2:
                data[place:place] = data[place : place + rng.randrange(1, 40)]
            case _:
                data[place:place] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 8)))
    return bytes(data)
