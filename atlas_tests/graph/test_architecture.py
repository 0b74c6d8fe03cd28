"""The rules of the house, each a test: what may import what, what may happen at import, how long a file may be."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import pytest

from atlas_tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "atlas_assets"
PURE = ("clustering", "indicators", "models", "risk_management", "sentiment")
GOLD = (*PURE, "backtesting", "defs")
TIME_JOINS = {"merge_asof", "merge_ordered", "join_asof", "asof"}
FILLS = {"ffill", "pad", "bfill", "backfill", "nearest"}
MAY_KNOW_DAGSTER = ("defs", "orchestration", "definitions.py", "cli.py")
LONGEST_DECLARATION = 150
LONGEST_FILE = 400
CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("date", "today"), ("time", "time"), ("Timestamp", "now")}
KNOWS_THE_CLOCK = {"settings.py", "lake/lake.py", "data_sources/client/http.py", "defs/landing/assets.py"}

FILES = sorted(PACKAGE.rglob("*.py"))


def imports_of(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def relative(file) -> str:
    return file.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("file", FILES, ids=relative)
def test_only_declarations_and_adapters_import_dagster(file):
    names = imports_of(ast.parse(file.read_text(encoding="utf-8")))
    if relative(file).split("/")[0] not in MAY_KNOW_DAGSTER:
        assert not {name for name in names if name.startswith("dagster")}


@pytest.mark.parametrize("file", FILES, ids=relative)
def test_files_fit_in_one_sitting(file):
    lines = len(file.read_text(encoding="utf-8").splitlines())
    assert lines <= (LONGEST_DECLARATION if relative(file).startswith("defs/") else LONGEST_FILE)


@pytest.mark.parametrize("file", FILES, ids=relative)
def test_nothing_reads_the_wall_clock(file):
    if relative(file) in KNOWS_THE_CLOCK:
        return
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = getattr(node.func.value, "id", getattr(node.func.value, "attr", ""))
            assert (owner, node.func.attr) not in CLOCKS, f"line {node.lineno}: pass the present in"


@pytest.mark.parametrize("file", [file for file in FILES if relative(file).split("/")[0] in PURE], ids=relative)
def test_domains_are_pure(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    assert not imports_of(tree) & {"os", "pathlib", "logging", "httpx", "duckdb", "requests", "socket", "subprocess"}
    for node in ast.walk(tree):
        assert not (isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"open", "print", "input"})


@pytest.mark.parametrize("file", [file for file in FILES if relative(file).split("/")[0] in GOLD], ids=relative)
def test_gold_joins_by_time_only_through_the_one_function(file):
    """Another join by time is another place where the future may leak in: `contracts.point_in_time.as_known`."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute | ast.Name):
            name = node.attr if isinstance(node, ast.Attribute) else node.id
            assert name not in TIME_JOINS, f"line {node.lineno}: use as_known"
        if isinstance(node, ast.keyword) and node.arg == "method":
            assert getattr(node.value, "value", None) not in FILLS, f"line {node.value.lineno}: use as_known"
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not re.search(r"\basof\s+(left\s+)?join\b", node.value, re.IGNORECASE), f"line {node.lineno}"


@pytest.mark.parametrize("file", FILES, ids=relative)
def test_nothing_unpickles_or_evaluates(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    assert not imports_of(tree) & {"pickle", "cloudpickle", "dill", "shelve"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            assert getattr(node.func, "id", "") not in {"eval", "exec"}
            assert not any(
                keyword.arg == "shell" and getattr(keyword.value, "value", False) for keyword in node.keywords
            )


@pytest.mark.parametrize("file", FILES, ids=relative)
def test_every_public_function_says_what_it_is(file):
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} needs a docstring"


def modules_after(statement: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(' '.join(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    return {name.split(".")[0] for name in result.stdout.split()}


def test_the_package_is_light():
    heavy = {"dagster", "mlflow", "statsmodels", "pandas", "duckdb", "numba", "matplotlib", "sklearn"}
    assert not modules_after("import atlas_assets") & heavy


def test_definitions_bring_nothing_heavy_along():
    heavy = {"mlflow", "statsmodels", "numba", "matplotlib", "sklearn", "scipy", "talib", "pandera", "arch", "s3fs"}
    heavy |= {"dbt", "networkx", "dagster_aws", "alembic"}
    assert not modules_after("from atlas_assets.definitions import defs; defs()") & heavy


def test_importing_touches_no_file_and_no_network(tmp_path):
    code = (
        "import sys\n"
        "def refuse(event, arguments):\n"
        "    if event.startswith('socket.') and event not in {'socket.__new__', 'socket.gethostname'}:\n"
        "        raise SystemExit(f'{event} at import')\n"
        "    if event == 'open' and isinstance(arguments[1], str) and set(arguments[1]) & set('wax+')"
        " and '__pycache__' not in str(arguments[0]):\n"
        "        raise SystemExit(f'opened {arguments[0]} for writing at import')\n"
        "import atlas_assets.settings\n"
        "sys.dont_write_bytecode = True\n"
        "sys.addaudithook(refuse)\n"
        "import atlas_assets, pkgutil, importlib\n"
        "for name in ('contracts', 'data_sources', 'indicators', 'clustering', 'models', 'risk_management',"
        " 'sentiment', 'sandbox', 'lake', 'streaming'):\n"
        "    package = importlib.import_module(f'atlas_assets.{name}')\n"
        "    for module in pkgutil.iter_modules(package.__path__):\n"
        "        importlib.import_module(f'atlas_assets.{name}.{module.name}')\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert result.returncode == 0, result.stderr[-500:]


@pytest.mark.xdist_group("house")
def test_groups_of_tests_share_a_process(request):
    """What is made once for a group, such as the demo's home, would be made by each process if they did not."""
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("tests are not divided among processes by group")
    assert request.node.nodeid.endswith("@house")
