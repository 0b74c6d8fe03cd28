"""The engine's extensions: they come as installed packages, and nothing is downloaded."""

import os
import shutil
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import duckdb

from atlas_assets.lake.errors import LakeError


def install_extension(name: str, folder: Path) -> Path:
    """Put an extension where the engine looks for it, once; the file."""
    target = folder / f"v{duckdb.__version__}" / _platform() / f"{name}.duckdb_extension"
    if target.exists():
        return target
    source = _packaged(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        # A hard link is whole or absent, and costs no space.
        os.link(source, target)
        return target
    except FileExistsError:
        return target
    except OSError:
        pass
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as copy, source.open("rb") as packaged:
        shutil.copyfileobj(packaged, copy)
    Path(copy.name).replace(target)
    return target


def _packaged(name: str) -> Path:
    spec = find_spec(f"duckdb_extension_{name}")
    for place in (spec.submodule_search_locations or []) if spec else []:
        file = Path(place) / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
        if file.is_file():
            return file
    package = f"duckdb-extension-{name.replace('_', '-')}=={duckdb.__version__}"
    raise LakeError(f"The package {package} is not installed: install it, the lake needs it.")


@cache
def _platform() -> str:
    with duckdb.connect() as connection:
        row = connection.execute("PRAGMA platform").fetchone()
    assert row is not None
    return str(row[0])
