"""The lakes that the tests of this folder use."""

from atlas_tests.lake.fixtures import (
    catalog_kind,
    config,
    extension_folder,
    lake,
    make_config,
    postgres_address,
)

__all__ = ["catalog_kind", "config", "extension_folder", "lake", "make_config", "postgres_address"]
