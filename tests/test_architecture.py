"""The house: imports go one way, and each third party has one door."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("ensemble", "invariants", "analysis", "experiments")
ALLOWED = {
    "ensemble": {"ensemble"},
    "invariants": {"invariants"},
    "analysis": {"analysis", "invariants"},
    "experiments": {"analysis", "ensemble", "experiments", "invariants"},
}
BELOW_ALL = "pigmm_jax"
"""The module of JAX's versions, which may be imported from everywhere, and imports none of the packages."""
DOORS = {
    "tensorflow_datasets": {"ensemble/data.py"},
    "orbax": {"ensemble/orbax_store.py"},
    "optax": {"ensemble/step.py"},
    "flax": {"ensemble/network.py"},
    "argparse": {"experiments/__main__.py", "experiments/cli/commands.py"},
    "pickle": set(),
}


def imports(path: Path) -> set[str]:
    """Top-level names of the modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found.add((node.module or "").split(".")[0])
    return found


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_follow_the_arrows(package):
    assert len(modules(package)) > 5
    for path in modules(package):
        beyond = imports(path) & {*PACKAGES, "tests", "benchmarks"} - ALLOWED[package]
        assert not beyond, f"{path.relative_to(ROOT)} imports {beyond}"


def test_the_module_below_all_imports_none_of_them():
    assert not imports(ROOT / f"{BELOW_ALL}.py") & {*PACKAGES, "tests", "benchmarks"}


@pytest.mark.parametrize("library", DOORS)
def test_third_parties_have_one_door(library):
    users = {
        str(path.relative_to(ROOT)) for package in PACKAGES for path in modules(package) if library in imports(path)
    }
    assert users == DOORS[library]


def test_nobody_enters_jax_by_the_back_door():
    for package in (*PACKAGES, "tests", "benchmarks"):
        for path in modules(package):
            nodes = list(ast.walk(ast.parse(path.read_text())))
            attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
            words = {word for node in nodes for word in _imported(node)}
            assert "_src" not in attributes | words, f"{path.relative_to(ROOT)} uses a private module"


def _imported(node: ast.AST) -> set[str]:
    """All words in the names of what a statement imports."""
    if isinstance(node, ast.Import):
        return {word for alias in node.names for word in alias.name.split(".")}
    if isinstance(node, ast.ImportFrom):
        return {*(node.module or "").split("."), *(alias.name for alias in node.names)}
    return set()


@pytest.mark.parametrize("path", ["invariants/graphs.py", "invariants/plan.py", "invariants/elimination.py"])
def test_graphs_and_plans_need_no_arrays(path):
    assert not imports(ROOT / path) & {"jax", "numpy"}


def test_nothing_read_from_disk_is_evaluated():
    for package in PACKAGES:
        for path in modules(package):
            calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
            names = {call.id for call in calls if isinstance(call, ast.Name)}
            assert not names & {"eval", "exec"}, path
