"""The same computation on one thread and on two."""

import os
import subprocess
import sys

from atlas_tests.conftest import REPOSITORY


def printed_on_one_and_two_threads(code: str) -> tuple[bytes, bytes]:
    """What a program prints where linear algebra may use one thread, and where two."""
    one, two = (
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
            capture_output=True,
            check=True,
            cwd=REPOSITORY,
        ).stdout
        for threads in "12"
    )
    return one, two
