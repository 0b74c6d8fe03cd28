"""What dbt must know of tables is written from their contracts, never by hand.

``make manifest`` writes ``dbt_project/models/sources.yml`` whole, and in each silver model's YAML the description and
the columns, which stand between ``description:`` and ``data_tests:``.
"""

from __future__ import annotations

import re
from pathlib import Path

from atlas_assets.contracts.schema import arrow_schema, description, sql_types
from atlas_assets.contracts.tables import Table
from atlas_assets.orchestration.dbt.silver import PROJECT_FOLDER
from atlas_assets.orchestration.tables import table

SOURCES = PROJECT_FOLDER / "models" / "sources.yml"
HEAD = """# Written by `make manifest` from the contracts of the raw tables.
version: 2

sources:
  - name: raw
    description: What the vendors said, column by column as sent.
    database: lake
    schema: raw
    tables:
"""
_READ = re.compile(r"source\('raw', '(\w+)'\)")


def sources_yaml() -> str:
    """The text of ``sources.yml``: each raw table that a model or test of the project names."""
    named = {name for file in PROJECT_FOLDER.glob("**/*.sql") for name in _READ.findall(file.read_text("utf-8"))}
    return HEAD + "".join(_entry(table(f"raw.{name}")) for name in sorted(named))


def model_yaml(silver: Table, text: str) -> str:
    """The text of a model's YAML with the description and the columns of its contract."""
    head, tail = text.index("    description:"), text.index("    data_tests:")
    columns = "    columns:\n" + _columns(silver, "      ")
    return f"{text[:head]}    description: {_described(silver)}\n{columns}{text[tail:]}"


def model_files() -> dict[Path, Table]:
    """The YAML file of each silver model."""
    files = PROJECT_FOLDER.glob("models/silver/*/*.yml")
    return {file: table(f"silver.{file.stem}") for file in sorted(files)}


def _entry(source: Table) -> str:
    return (
        f"      - name: {source.name.removeprefix('raw.')}\n"
        f"        description: {_described(source)}\n"
        f"        config: {{meta: {{dagster: {{asset_key: [{', '.join(source.asset_key)}]}}}}}}\n"
        "        columns:\n" + _columns(source, "          ")
    )


def _described(one: Table) -> str:
    return _quoted(" ".join(description(one.contract).split()))


def _columns(one: Table, indent: str) -> str:
    types = sql_types(one.contract)
    return "".join(
        f"{indent}- name: {field.name}\n"
        f"{indent}  data_type: {types[field.name].lower()}\n"
        f"{indent}  description: {_quoted((field.metadata or {})[b'description'].decode())}\n"
        for field in arrow_schema(one.contract)
    )


def _quoted(said: str) -> str:
    """Text in single quotes, in which YAML knows only the doubled quote."""
    return "'" + said.replace("'", "''") + "'"


def write_schemas() -> None:
    """Write ``sources.yml`` and what the models' YAML says of their columns."""
    SOURCES.write_text(sources_yaml(), encoding="utf-8")
    for file, silver in model_files().items():
        file.write_text(model_yaml(silver, file.read_text("utf-8")), encoding="utf-8")
