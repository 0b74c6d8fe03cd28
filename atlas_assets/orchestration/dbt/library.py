"""What this project uses of ``dagster_dbt``, imported without dbt.

dbt runs as a process of its own here. ``dagster_dbt`` does without it too, but imports it wherever it is installed, for
the names of a few states: 2.5 s of each process that reads the definitions.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

from dagster_shared.libraries import DagsterLibraryRegistry


@contextmanager
def _not_installed(package: str) -> Iterator[None]:
    """Let an import of a package fail that nothing has imported yet."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # pyright: ignore[reportArgumentType] - None stands for a module that cannot be imported
    try:
        yield
    finally:
        del sys.modules[package]


with _not_installed("dbt"):
    from dagster_dbt import DagsterDbtTranslator as DagsterDbtTranslator
    from dagster_dbt import DagsterDbtTranslatorSettings as DagsterDbtTranslatorSettings
    from dagster_dbt import DbtCliResource as DbtCliResource
    from dagster_dbt import DbtProject as DbtProject
    from dagster_dbt import dbt_assets as dbt_assets
    from dagster_dbt.dbt_manifest import validate_manifest as validate_manifest

# The UI lists what a code location uses: dagster_dbt, left to itself, would now say that it is dbt Fusion.
for _name, _version in {"dbt-core": version("dbt-core"), "dbt-fusion": "not installed"}.items():
    DagsterLibraryRegistry.register(_name, _version, is_dagster_package=False)
