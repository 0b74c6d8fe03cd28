from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def quant() -> Path:
    folder = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "quant"
    if not folder.is_dir():
        pytest.skip(f"the recorded reference data is not at {folder}")
    return folder
