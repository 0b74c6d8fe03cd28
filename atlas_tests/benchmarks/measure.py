"""How figures are taken and written."""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLING_SECONDS = 0.05


@dataclass(frozen=True)
class Timing:
    """Seconds of several repetitions."""

    seconds: tuple[float, ...]

    @property
    def best(self) -> float:
        """The repetition least disturbed by other work."""
        return min(self.seconds)

    @property
    def median(self) -> float:
        """The usual repetition."""
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Figure:
    """One line of the output.

    Attributes
    ----------
    what
        The work, with its size.
    ours
        How long it takes.
    peer, peer_is
        How long the same work takes elsewhere, and where.
    rate
        Work a second at the best repetition.
    promise
        Seconds that the median must stay below.
    """

    what: str
    ours: Timing
    peer: Timing | None = None
    peer_is: str = ""
    rate: str = ""
    promise: float | None = None

    @property
    def ratio(self) -> str:
        """Our best time as a share of the peer's best."""
        return f"{self.ours.best / self.peer.best:.2g}" if self.peer else ""

    @property
    def kept(self) -> str:
        """Whether the promise holds."""
        if self.promise is None:
            return ""
        return f"< {self.promise:g} s: {'yes' if self.ours.median < self.promise else 'NO'}"


def timed(work: Callable[[], object], *, repetitions: int, warm_up: bool = True) -> Timing:
    """Time some work, once unmeasured before."""
    if warm_up:
        work()
    seconds = []
    for _ in range(repetitions):
        gc.collect()
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return Timing(tuple(seconds))


def fresh(code: str, *, repetitions: int) -> Timing:
    """Time a statement in a new interpreter each time, its own start left out."""
    program = f"import time; started = time.perf_counter(); {code}; print(time.perf_counter() - started)"

    def once() -> float:
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=REPOSITORY
        )
        return float(done.stdout.split()[-1])

    once()
    return Timing(tuple(once() for _ in range(repetitions)))


def run_watched(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Wall seconds of a command and the most memory (MiB) that it and its children held together."""
    started = time.perf_counter()
    with subprocess.Popen(
        command, env=environment, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        most = 0.0
        while process.poll() is None:
            most = max(most, sum(_resident(one) for one in _tree(process.pid)))
            time.sleep(SAMPLING_SECONDS)
        complaint = (process.stderr.read() if process.stderr else b"").decode()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {complaint[-500:]}")
    return time.perf_counter() - started, most


def _tree(root: int) -> Iterator[int]:
    yield root
    try:
        children = [
            int(child)
            for task in Path(f"/proc/{root}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:
        return
    for child in children:
        yield from _tree(child)


def _resident(process: int) -> float:
    """Proportional set size: pages that processes share count once."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def machine() -> str:
    """What the figures were taken on."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, load average {load} when started"
