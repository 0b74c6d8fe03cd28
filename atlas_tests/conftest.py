"""What every test may use: a lake of its own, the sandbox's clock, the recorded material."""

from __future__ import annotations

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = REPOSITORY.parent / "shared"


LONGEST_NAME = 60


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name no case by bytes or long texts: nobody reads such a name, and some hold the time at which they were made."""
    return argname if isinstance(val, bytes) or (isinstance(val, str) and len(val) > LONGEST_NAME) else None


@pytest.fixture(scope="session")
def recorded() -> Path:
    """The folder of real replies and market data, which lies beside the repository where it is there at all."""
    if not SHARED.is_dir():
        pytest.skip("the folder ../shared with recorded material is not there")
    return SHARED


@pytest.fixture(scope="session")
def quant(recorded) -> Path:
    """Reference data and outputs of peers."""
    return recorded / "data" / "quant"


@pytest.fixture
def atlas_home(tmp_path, monkeypatch) -> Path:
    """A home of its own: settings, lake and landing folder of the sandbox below a temporary folder."""
    from atlas_assets.orchestration import resources

    monkeypatch.setenv("ATLAS_HOME", str(tmp_path))
    monkeypatch.delenv("ATLAS_ENV", raising=False)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    for cached in (resources.configured_settings, resources.configured_lake, resources.shared_state):
        cached.cache_clear()
    yield tmp_path
    for cached in (resources.configured_settings, resources.configured_lake, resources.shared_state):
        cached.cache_clear()
