"""Change one operator, number or condition of the arithmetic at a time, and count how many changes the tests notice.

    pip install -e '.[mutation]'
    python -m benchmarks.mutation [--size 300] [--seed 0] [--first N] [--near 60] [--wide 900] [--log FILE]

The mutants are a random sample of those of cosmic-ray, in proportion to the places in each file, and are made in a
copy of the tree. Each meets first the tests of its own file (`tests/analysis/model/test_wick.py` for
`analysis/model/wick.py`, and all that import it), then all tests of that folder; fast ones come first. Left out are
annotations, messages and tables: nothing there is arithmetic. With a log, the same command goes on where it was
stopped, and tries again what survived.
"""

import argparse
import ast
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from scipy.stats import binomtest

ROOT = Path(__file__).resolve().parents[1]
PATTERNS = ("analysis/*.py", "analysis/[!s]*/*.py", "analysis/symmetry/*.py", "invariants/*.py")
ENSEMBLE = ("laws", "layout", "network", "order", "step", "train", "replay", "data", "idx")
SHOWN = ("notebook.py", "__init__.py")
ARITHMETIC, BITS = ("Add", "Sub", "Mul", "Div", "FloorDiv", "Mod", "Pow"), ("BitOr", "BitAnd", "BitXor")
COMMON = ("-q", "-x", "-p", "no:cacheprovider", "--tb=line", "-W", "ignore::pytest.PytestAssertRewriteWarning")
PLAIN = ("-o", "addopts=", "-m", "not slow and not aot")
"""Without the types checked at run time: most of a start goes there, and what only they notice is found later."""
LIBRARIES = ("jax.numpy", "scipy.stats", "optax", "flax.linen", "orbax.checkpoint", "xarray", "hypothesis.strategies")
OTHERS = ("Comparison", "Unary", "AddNot", "Replace", "Number", "ZeroIteration")


@dataclass(frozen=True)
class Mutant:
    """One change: the `occurrence`-th place in `file` where `operator` applies, on `line`."""

    file: str
    operator: str
    occurrence: int
    line: int


class Durations:
    """A plugin of pytest: remembers how long each test took, in a file, and runs the slow ones last."""

    def __init__(self, path: Path):
        self.path, self.seconds = path, json.loads(path.read_text()) if path.exists() else {}

    def pytest_collection_modifyitems(self, items: list) -> None:
        """Before the tests."""
        items.sort(key=lambda item: round(self.seconds.get(item.nodeid, 0.0)))

    def pytest_runtest_logreport(self, report) -> None:
        """After each."""
        if report.when == "call" and report.passed:
            self.seconds[report.nodeid] = report.duration

    def pytest_sessionfinish(self) -> None:
        """After all."""
        self.path.write_text(json.dumps(self.seconds))


def files() -> list[str]:
    """The files that are mutated."""
    found = {path for pattern in PATTERNS for path in ROOT.glob(pattern) if path.name not in SHOWN}
    return sorted(str(path.relative_to(ROOT)) for path in found | {ROOT / f"ensemble/{name}.py" for name in ENSEMBLE})


def wanted(operator: str) -> bool:
    """Whether an operator of cosmic-ray makes other arithmetic, and neither nonsense of types nor another exception."""
    name = operator.rsplit("/")[-1]
    if name.startswith("ReplaceBinaryOperator"):
        _, before, after = name.split("_")
        return any(before in kind and after in kind for kind in (ARITHMETIC, BITS))
    return name.startswith(OTHERS)


def left_out(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where annotations and messages begin and end."""
    nodes: list[ast.AST | None] = []
    for node in ast.walk(ast.parse(source)):
        nodes += [getattr(node, name, None) for name in ("annotation", "returns")]
        nodes += [node] if isinstance(node, ast.Raise | ast.JoinedStr | ast.Assert) else []
    ends = [node for node in nodes if isinstance(node, ast.expr | ast.stmt)]
    return [((n.lineno, n.col_offset), (n.end_lineno or 0, n.end_col_offset or 0)) for n in ends]


def mutants(file: str) -> Iterator[list[Mutant]]:
    """All mutants of a file, those of one place together."""
    from cosmic_ray.ast import ast_nodes, get_ast  # pyright: ignore[reportMissingImports]
    from cosmic_ray.plugins import get_operator, operator_names  # pyright: ignore[reportMissingImports]

    source, places = (ROOT / file).read_text(), {}
    nodes, excluded = list(ast_nodes(get_ast(source))), left_out(source)
    for name in filter(wanted, operator_names()):
        operator = get_operator(name)()
        found = [place for node in nodes for place in operator.mutation_positions(node)]
        for occurrence, (begin, end) in enumerate(found):
            if not any(first <= begin and end <= last for first, last in excluded):
                places.setdefault(begin, []).append(Mutant(file, name, occurrence, begin[0]))
    yield from (places[begin] for begin in sorted(places))


def mutated(mutant: Mutant) -> str | None:
    """The text of the file with its change, or None where that is no Python."""
    from cosmic_ray.mutating import mutate_code  # pyright: ignore[reportMissingImports]
    from cosmic_ray.plugins import get_operator  # pyright: ignore[reportMissingImports]

    text = mutate_code((ROOT / mutant.file).read_text(), get_operator(mutant.operator)(), mutant.occurrence) or ""
    with suppress(SyntaxError):
        ast.parse(text)
        return text
    return None


def sample(size: int, generator: random.Random) -> list[Mutant]:
    """Random places, as many of a file as its share and at least one, with one random mutant each."""
    places = {file: list(mutants(file)) for file in files()}
    total, drawn = sum(map(len, places.values())), []
    for own in places.values():
        generator.shuffle(own)
        for choices in own[: max(1, round(size * len(own) / total))]:
            generator.shuffle(choices)
            drawn += [next(mutant for mutant in choices if mutated(mutant))] if any(map(mutated, choices)) else []
    generator.shuffle(drawn)
    return drawn


def tests(file: str) -> tuple[list[str], list[str]]:
    """The tests of a file, by name and by import anywhere, or else all of their folder; and all of their folder."""
    path = Path(file)
    folder, module = ROOT / "tests" / path.parent, ".".join(path.with_suffix("").parts)
    near = {test for test in (ROOT / "tests").rglob("test_*.py") if f"{module} import" in test.read_text()}
    own, every = set(folder.glob(f"test_{path.stem}.py")), set(folder.glob("test_*.py"))
    local = sorted(own | near or every, key=lambda test: (test not in own, test.parent != folder, test))
    return [str(test.relative_to(ROOT)) for test in local], sorted(str(t.relative_to(ROOT)) for t in every | {*local})


def passes(copy: Path, chosen: list[str], limit: float, *flags: str) -> bool | None:
    """Whether tests pass in the copy, in a process forked from this one, which knows the libraries; None: no end."""
    import pytest

    if not (child := os.fork()):
        os.setsid()
        os.chdir(copy)
        sys.path[:] = [entry for entry in sys.path if entry and Path(entry) != ROOT]
        sys.modules.pop("benchmarks", None)
        with (copy.parent / "output").open("w") as output:
            for stream in (1, 2):
                os.dup2(output.fileno(), stream)
        given = [*COMMON, *flags, *chosen]
        try:
            os._exit(int(pytest.main(given, [Durations(copy.parent / "durations.json")])))
        finally:
            os._exit(70)
    ends = time.monotonic() + limit
    while time.monotonic() < ends:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def survives(copy: Path, mutant: Mutant, near: float, wide: float) -> bool:
    """Whether all tests pass with a mutant; tests that find no end in the time of the wide ones have noticed it."""
    target, original, (local, folder) = copy / mutant.file, ROOT / mutant.file, tests(mutant.file)
    target.write_text(mutated(mutant) or "")
    try:
        if passes(copy, local, near, *PLAIN) is False:
            return False
        return not wide or passes(copy, folder, wide, "-n", "0") is True
    finally:
        shutil.copy2(original, target)  # with its time, by which Python knows the bytecode that it keeps


def change(mutant: Mutant) -> str:
    """The line before and after."""
    before, after = (ROOT / mutant.file).read_text().splitlines(), (mutated(mutant) or "").splitlines()
    return next((f"{a.strip()}  ->  {b.strip()}" for a, b in zip(before, after, strict=False) if a != b), "")


def prepare() -> Path:
    """A copy of the tree beside what it reads; loads, for all processes to come, the libraries of the tests."""
    copy = Path(tempfile.mkdtemp(prefix="mutation-")) / "project"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", "__pycache__", ".hypothesis", "runs"))
    if (ROOT.parent / "shared").is_dir():
        (copy.parent / "shared").symlink_to(ROOT.parent / "shared")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(copy / ".pytest_cache/xla")  # as tests/conftest.py does
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"
    sys.dont_write_bytecode = False  # most of a start goes into reading the packages, if they are read anew
    for library in LIBRARIES:
        __import__(library)
    warnings.filterwarnings("ignore", "os.fork")
    return copy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, help="how many of the sample, which is in random order; by default all")
    parser.add_argument("--near", type=float, default=60.0, help="seconds for the tests of the file")
    parser.add_argument("--wide", type=float, default=900.0, help="seconds for those of its folder; 0 leaves them out")
    parser.add_argument("--log", type=Path, help="where each mutant goes, a line of JSON each")
    options = parser.parse_args()
    chosen = sample(options.size, random.Random(options.seed))[: options.first]
    copy = prepare()
    if not passes(copy, ["tests/test_architecture.py", "tests/invariants/test_graphs.py"], 900, *PLAIN):
        sys.exit(f"the tests fail without any mutant: {(copy.parent / 'output').read_text()[-1000:]}")
    killed, total = Counter(), Counter()
    lines = options.log.read_text().splitlines() if options.log and options.log.exists() else []
    done = {Mutant(**entry["mutant"]) for entry in map(json.loads, lines) if not entry["survived"]}
    for number, mutant in enumerate(chosen, 1):
        survived = mutant not in done and survives(copy, mutant, options.near, options.wide)
        for group in (mutant.file.rsplit("/", 1)[0], "all"):
            total[group] += 1
            killed[group] += not survived
        if survived:
            print(f"{number}/{len(chosen)}  {mutant.file}:{mutant.line}  {change(mutant)}", flush=True)
        if options.log and mutant not in done:
            with options.log.open("a") as log:
                entry = {"mutant": asdict(mutant), "survived": survived, "change": change(mutant)}
                log.write(json.dumps(entry) + "\n")
    for group in sorted(total):
        found = binomtest(killed[group], total[group])
        low, high = found.proportion_ci(method="wilson")
        print(f"{group:20} {found.k:4} of {found.n:4}: {found.statistic:.1%}, {low:.1%} to {high:.1%}")
    shutil.rmtree(copy.parent)


if __name__ == "__main__":
    main()
