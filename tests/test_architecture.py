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
FLOORS = ("symmetry", "model", "inference", "", "weights", "show")
"""The folders of `analysis`, from the lowest: each imports those below it; "" are the files without a folder."""
RUNS_ON_JAX = {"analysis/model/gaussian.py"}
"""Where `analysis` meets JAX itself: keys of samples."""
BELOW_ALL = "pigmm_jax"
"""The module of JAX's versions, which may be imported from everywhere, and imports none of the packages."""
DOORS = {
    "tensorflow_datasets": {"ensemble/data.py"},
    "orbax": {"ensemble/orbax_store.py"},
    "optax": {"ensemble/step.py"},
    "flax": {"ensemble/network.py"},
    "sympy": {"analysis/model/formulas.py"},
    "matplotlib": {"analysis/show/drawing.py"},
    "PIL": {"analysis/show/drawing.py"},
    "h5py": {"experiments/store/hdf5.py", "experiments/store/netcdf.py"},
    "h5netcdf": {"experiments/store/netcdf.py"},
    "sklearn": {"analysis/inference/held_out.py"},
    "pandas": set(),
    "argparse": {
        *("experiments/__main__.py", "experiments/cli/commands.py"),
        *("experiments/cli/parser.py", "experiments/cli/training_options.py"),
    },
    "onnx": {"experiments/weights/onnx_file.py"},
    "tensorstore": {"experiments/weights/orbax_folder.py"},
    "ml_dtypes": {"experiments/weights/kinds.py"},
    "safetensors": {
        "ensemble/file_store.py",
        "experiments/run/kept_state.py",
        "experiments/weights/safetensors_file.py",
    },
    "pickle": set(),
    "pickletools": {"experiments/weights/torch_pickle.py"},
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


def floor(path: Path) -> str:
    """The folder of `analysis` that a file lies in."""
    parts = path.relative_to(ROOT / "analysis").parts
    return parts[0] if len(parts) > 1 else ""


def test_the_floors_of_the_analysis_rest_on_each_other():
    for path in modules("analysis"):
        allowed = FLOORS[: FLOORS.index(floor(path)) + 1]
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("analysis"):
                target = (node.module or "").split(".")
                used = target[1] if len(target) > 1 and target[1] in FLOORS else ""
                assert used in allowed, f"{path.relative_to(ROOT)} imports {node.module}"


def test_the_analysis_needs_jax_only_where_a_compiled_program_is_used():
    found = {str(path.relative_to(ROOT)) for path in modules("analysis") if "jax" in imports(path)}
    assert found == RUNS_ON_JAX


def test_the_statistics_know_no_symmetry_by_name():
    """What is written once over blocks; exceptions: models by name, permutations, layers, the paper's numbers."""
    names = {"Simultaneous", "Separate", "Symmetric", "Chain"}
    known = {"model/gaussian.py", "model/fitting.py", "model/initial.py", "inspection.py", "published.py"}
    known |= {"as_published.py", "__init__.py"}
    known |= {"layers.py", "inference/layers.py", "inference/layer_cumulants.py", "inference/layer_randomisation.py"}
    known |= {"inference/networks.py", "inference/layers_distance.py", "recording.py", "show/layers.py"}
    known |= {
        "weights/measuring.py",
        "weights/row_blocks.py",
        "weights/mirror.py",
        "weights/nodes.py",
        "model/wigner.py",
    }
    for path in modules("analysis"):
        local = path.relative_to(ROOT / "analysis").as_posix()
        if not local.startswith("symmetry/") and local not in known:
            used = {word for node in ast.walk(ast.parse(path.read_text())) for word in _imported(node)}
            assert not names & used, local


def test_the_module_below_all_imports_none_of_them():
    assert not imports(ROOT / f"{BELOW_ALL}.py") & {*PACKAGES, "tests", "benchmarks"}


@pytest.mark.parametrize("library", DOORS)
def test_third_parties_have_one_door(library):
    users = {
        str(path.relative_to(ROOT)) for package in PACKAGES for path in modules(package) if library in imports(path)
    }
    assert users == DOORS[library]


def test_every_dataclass_is_frozen():
    for package in PACKAGES:
        for path in modules(package):
            for node in ast.walk(ast.parse(path.read_text())):
                decorators = map(ast.unparse, node.decorator_list) if isinstance(node, ast.ClassDef) else ()
                assert all("frozen=True" in each for each in decorators if "dataclass" in each), path


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


@pytest.mark.parametrize("path", ["graphs", "chain_graphs", "canonical", "plan", "elimination"])
def test_graphs_and_plans_need_no_arrays(path):
    assert not imports(ROOT / "invariants" / f"{path}.py") & {"jax", "numpy"}


def test_nothing_read_from_disk_is_evaluated():
    for package in PACKAGES:
        for path in modules(package):
            calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
            names = {call.id for call in calls if isinstance(call, ast.Name)}
            assert not names & {"eval", "exec"}, path
