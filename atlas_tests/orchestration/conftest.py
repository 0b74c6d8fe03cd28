"""The desk where people drop files."""

import pytest

from atlas_tests.orchestration.desk import Desk


@pytest.fixture
def desk(atlas_home) -> Desk:
    return Desk(atlas_home)
