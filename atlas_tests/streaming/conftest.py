"""The lakes that the tests of this folder use."""

import shutil
from pathlib import Path

import pytest

from atlas_assets.lake import Lake, LakeConfig
from atlas_assets.orchestration.streaming import LakeSink
from atlas_assets.streaming.channels import CHANNELS
from atlas_tests.lake.fixtures import extension_folder
from atlas_tests.streaming.tape import NOW

__all__ = ["extension_folder"]


@pytest.fixture(scope="session")
def empty_lake(tmp_path_factory, extension_folder) -> Path:
    """A lake with the streams' tables, to be copied."""
    root = tmp_path_factory.mktemp("empty") / "lake"
    LakeSink(Lake(LakeConfig(root=root, extensions=extension_folder)), CHANNELS, now=lambda: NOW, origin={})
    return root


@pytest.fixture
def config(tmp_path, empty_lake, extension_folder) -> LakeConfig:
    root = tmp_path / "lake"
    shutil.copytree(empty_lake, root)
    return LakeConfig(root=root, extensions=extension_folder)


@pytest.fixture
def lake(config) -> Lake:
    return Lake(config)
