"""``dagster_dbt`` without dbt: what that leaves as it was."""

import subprocess
import sys
from importlib.metadata import version

import pytest


@pytest.mark.parametrize("first", ["", "import dbt.version; "], ids=["alone", "after dbt"])
def test_dbt_can_be_imported_and_its_version_is_told(first):
    code = (
        f"{first}from atlas_assets.orchestration.dbt.library import DagsterLibraryRegistry\n"
        "import dbt.version\n"
        "print(dbt.version.__version__, DagsterLibraryRegistry.get()['dbt-core'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [version("dbt-core")] * 2
