"""The dbt project's manifest as the repository keeps it: dbt's own, made portable.

``python -m atlas_assets.orchestration.dbt.manifest`` (``make manifest``) writes what dbt must know of tables (see
`sources`) and then ``dbt_project/manifest.json``; tests compare both with the project. Packages' macros, times
and paths are left out; what is worth knowing before the first run is added: each model's code version (its SQL and
every macro below it) and column lineage.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from atlas_assets.contracts.calendars import EXCHANGE_DAYS
from atlas_assets.orchestration.dbt.silver import MANIFEST, PROJECT_FOLDER, dbt_executable, profile_environment
from atlas_assets.orchestration.dbt.sources import write_schemas
from atlas_assets.orchestration.tables import table

_PACKAGE = "atlas_quanta"
# What the plugins register as functions of SQL.
_FUNCTIONS = [Path(__file__).parents[2] / "sentiment" / f"{name}.py" for name in ("duplicates", "language", "mentions")]
_KEPT = frozenset(
    {
        *("alias", "columns", "config", "database", "depends_on", "description", "fqn", "group", "identifier", "meta"),
        *("name", "original_file_path", "package_name", "path", "raw_code", "refs", "relation_name", "resource_type"),
        *("schema", "source_name", "sources", "tags", "unique_id"),
        *("attached_node", "column_name", "file_key_name", "test_metadata"),
    }
)
_KEPT_CONFIG = frozenset({"enabled", "group", "materialized", "meta", "severity", "tags"})
_UNUSED = ("exposures", "functions", "groups", "metrics", "saved_queries", "selectors", "semantic_models", "unit_tests")


def build_manifest() -> dict[str, Any]:
    """The project's manifest: compiled on an empty lake, the same on every machine."""
    from atlas_assets.lake import Lake, LakeConfig

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "target"
        compiling = subprocess.run(  # noqa: S603 - our own dbt
            [dbt_executable(), "compile", "--no-partial-parse", "--log-path", folder, "--target-path", target],
            cwd=PROJECT_FOLDER,
            env={**os.environ, **profile_environment(Lake(LakeConfig(root=Path(folder) / "lake")))},
            capture_output=True,
            text=True,
            check=False,
        )
        if compiling.returncode != 0:
            raise RuntimeError(f"dbt could not compile the project: {compiling.stdout}{compiling.stderr}")
        parsed = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
        compiled = {
            unique_id: (target / "compiled" / _PACKAGE / node["original_file_path"]).read_text(encoding="utf-8")
            for unique_id, node in parsed["nodes"].items()
            if node["resource_type"] == "model" and node["config"]["materialized"] != "ephemeral"
        }
    return portable(parsed, compiled)


def portable(parsed: Mapping[str, Any], compiled: Mapping[str, str]) -> dict[str, Any]:
    """A manifest without times, paths and packages' macros, staging folded into the models that read it.

    Parameters
    ----------
    parsed
        dbt's manifest.
    compiled
        SQL of each model that is a table.
    """
    nodes = {
        unique_id: _kept(node)
        for unique_id, node in sorted(parsed["nodes"].items())
        if node["config"]["materialized"] != "ephemeral" and not node["original_file_path"].startswith("tests/of_tests")
    }
    sources = {unique_id: _kept(source) for unique_id, source in sorted(parsed["sources"].items())}
    for unique_id, node in nodes.items():
        node["depends_on"] = {"macros": [], "nodes": _tables_below(parsed, unique_id)}
        if unique_id in compiled:
            read = {_name({**nodes, **sources}[parent]) for parent in node["depends_on"]["nodes"]}
            node["tables_read"] = sorted(read)
            node["code_version"] = _code_version(parsed, unique_id)
            node["column_lineage"] = _column_lineage(compiled[unique_id], list(node["columns"]), read)
    parents = {unique_id: node["depends_on"]["nodes"] for unique_id, node in nodes.items()}
    every = [*nodes, *sources]
    return {
        "metadata": {key: parsed["metadata"][key] for key in ("adapter_type", "dbt_schema_version", "project_name")},
        "nodes": nodes,
        "sources": sources,
        "parent_map": {unique_id: parents.get(unique_id, []) for unique_id in every},
        "child_map": {
            unique_id: sorted(child for child in parents if unique_id in parents[child]) for unique_id in every
        },
        "macros": {},
        "docs": {},
        "disabled": {},
        **{name: {} for name in _UNUSED},
    }


def _kept(node: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in node.items() if key in _KEPT}
    kept["config"] = {key: value for key, value in node["config"].items() if key in _KEPT_CONFIG}
    kept["columns"] = {
        name: {key: column[key] for key in ("name", "description", "data_type")}
        for name, column in node.get("columns", {}).items()
    }
    return kept


def _name(node: Mapping[str, Any]) -> str:
    return f"{node['schema']}.{node['name']}"


def _tables_below(parsed: Mapping[str, Any], unique_id: str) -> list[str]:
    """The tables that a node reads, through staging models."""
    found: set[str] = set()
    for parent in parsed["nodes"][unique_id]["depends_on"]["nodes"]:
        node = parsed["nodes"].get(parent)
        ephemeral = node is not None and node["config"]["materialized"] == "ephemeral"
        found |= set(_tables_below(parsed, parent)) if ephemeral else {parent}
    return sorted(found)


def _code_version(parsed: Mapping[str, Any], unique_id: str) -> str:
    """Hash of a model's SQL, of the staging models in it, of the project's macros, plugins, functions and calendars."""
    files = [*sorted(PROJECT_FOLDER.glob("plugins/*.py")), *_FUNCTIONS, EXCHANGE_DAYS]
    seen = {file.name: file.read_text(encoding="utf-8") for file in files}
    waiting = [unique_id]
    while waiting:
        current = waiting.pop()
        node = parsed["macros"].get(current) or parsed["nodes"].get(current)
        if current in seen or node is None or node["package_name"] != _PACKAGE:
            continue
        if current != unique_id and node.get("config", {}).get("materialized") == "incremental":
            continue
        seen[current] = node.get("macro_sql") or node["raw_code"]
        waiting += [*node["depends_on"]["macros"], *node["depends_on"].get("nodes", [])]
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()[:16]


def _column_lineage(query: str, columns: Sequence[str], read: set[str]) -> dict[str, list[list[str]]]:
    """The columns of other tables that each column is made of, as ``[table, column]``."""
    from sqlglot import exp
    from sqlglot.lineage import lineage

    from atlas_assets.contracts.schema import sql_types
    from atlas_assets.lake.ledgers import LEDGERS

    # Ledgers are no assets, but models read them.
    schema: dict[str, Any] = {"lake": {}}
    for ledger in LEDGERS:
        layer, noun = ledger.table.split(".")
        schema["lake"].setdefault(layer, {})[noun] = {field.name: "VARCHAR" for field in fields(ledger)}
    for name in sorted(read):
        layer, noun = name.split(".")
        schema["lake"].setdefault(layer, {})[noun] = sql_types(table(name).contract)
    found: dict[str, list[list[str]]] = {}
    for column in columns:
        leaves = (
            leaf for leaf in lineage(column, query, schema=schema, dialect="duckdb").walk() if not leaf.downstream
        )
        origins = ((leaf.expression.find(exp.Table), leaf.name.rsplit(".", 1)[-1].strip('"')) for leaf in leaves)
        pairs = {(f"{t.db}.{t.name}", name) for t, name in origins if t}
        found[column] = [[name, origin] for name, origin in sorted(pairs) if name in read]  # a function is no table
    return found


def write_manifest() -> None:
    """Write ``dbt_project/manifest.json``."""
    MANIFEST.write_text(json.dumps(build_manifest(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_schemas()
    write_manifest()
