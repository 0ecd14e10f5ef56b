"""What `pigmm analyze` of given weights takes: many matrices, a folder of 4 GB, a published model.

    python -m benchmarks.weights [--stacks] [--folder [--gigabytes 4]] [--model MODEL.safetensors]

Every measurement is a process of its own. Its memory is told twice: the largest resident set counts the pages of mapped
files as well, which the system takes back when it needs them; "own" is what only the process can give up (RssAnon),
seen every 20 ms. The aim is 1 GB for a folder of any size.

The published scripts (edhirst/PIGWMM) take an einsum for each invariant of each matrix, and nothing else: no errors, no
distances, no tests. That is timed on a few matrices here, and multiplied.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter, sleep
from typing import NamedTuple

import numpy as np
from safetensors.numpy import save_file

from benchmarks.data import where
from benchmarks.invariants import einsum_each
from invariants import PAPER

EVERY = 0.02  # seconds between two looks at the memory
STACKS = {"100 000 of 10 x 10": ((100_000, 10, 10), 500), "64 of 640 x 640": ((64, 640, 640), 2)}
"""Shapes, and how many matrices the published way is timed on."""
WIDTH, SHARD = 1024, 10
"""Of the synthetic transformer: units, and layers in a file."""
SHAPES = {
    **{f"attention.{name}.weight": (WIDTH, WIDTH) for name in ("query", "key", "value", "output")},
    "intermediate.weight": (4 * WIDTH, WIDTH),
    "output.weight": (WIDTH, 4 * WIDTH),
}


class Measured(NamedTuple):
    """One process."""

    seconds: float
    resident: float
    """Largest resident set, in bytes."""
    own: float
    """The part of it that is no file, at most."""
    said: str


def measure(*arguments: str) -> Measured:
    """A Python process: time, memory and what it prints.

    Raises:
        RuntimeError: it ends with an error.
    """
    began, resident, own = perf_counter(), 0, 0
    with tempfile.TemporaryFile("w+") as printed:  # a pipe that nobody reads would fill
        child = subprocess.Popen([sys.executable, *arguments], stdout=printed, stderr=subprocess.DEVNULL)
        while child.poll() is None:
            # Not `getrusage`, whose peak of a child begins with the memory of its parent.
            resident, own = max(resident, _bytes(child.pid, "VmHWM")), max(own, _bytes(child.pid, "RssAnon"))
            sleep(EVERY)
        seconds = perf_counter() - began
        printed.seek(0)
        said = printed.read()
    if child.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {child.returncode}")
    return Measured(seconds, resident, own, said)


def _bytes(process: int, name: str) -> int:
    """A line on memory that the system tells of a process; 0 if it has just ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), 0)


def analyze(*arguments: str) -> Measured:
    return measure("-m", "experiments", "analyze", *arguments)


def show(title: str, one: Measured, more: str = "") -> None:
    print(f"{title:44s}{one.seconds:9.1f} s{one.resident / 1e6:9.0f} MB{one.own / 1e6:9.0f} MB{more}", flush=True)


def published(path: Path, matrices: int) -> float:
    """Seconds of an einsum for each of the paper's 52 invariants of each of the first matrices of a file."""
    stack = np.load(path)
    began = perf_counter()
    for matrix in stack[:matrices]:
        einsum_each(PAPER, matrix[None])
    return perf_counter() - began


def stacks(place: Path) -> None:
    """Ensembles of one array, in full, beside the published way."""
    for title, (shape, few) in STACKS.items():
        path = place / "stack.npy"
        np.save(path, np.random.default_rng(0).standard_normal(shape, dtype=np.float32))
        ours = analyze(str(path))
        theirs = measure("-m", "benchmarks.weights", "--published", str(path), str(few))
        seconds = json.loads(theirs.said) * shape[0] / few
        show(f"{title}: analyze", ours)
        show(f"{title}: an einsum each, times {shape[0] // few}", theirs._replace(seconds=seconds))
        print(f"{'':44s}  analyze over it {ours.seconds / seconds:.2f}")


def _model(layers: int) -> Iterator[dict[str, np.ndarray]]:
    """A transformer of independent entries, a few layers at a time."""
    generator = np.random.default_rng(0)
    for start in range(0, layers, SHARD):
        yield {
            f"layer.{k}.{name}": generator.standard_normal(shape, dtype=np.float32) / np.float32(WIDTH**0.5)
            for k in range(start, min(start + SHARD, layers))
            for name, shape in SHAPES.items()
        }


def folder(place: Path, gigabytes: float) -> None:
    """A model in several files with an index."""
    layers = round(gigabytes * 1e9 / sum(4 * m * n for m, n in SHAPES.values()))
    index = {}
    for number, arrays in enumerate(_model(layers)):
        name = f"model-{number}.safetensors"
        save_file(arrays, place / name)
        index |= dict.fromkeys(arrays, name)
    (place / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    size = sum(path.stat().st_size for path in place.iterdir())
    show(f"a folder of {size / 1e9:.2f} GB, {layers} layers", analyze(str(place)))


def model(path: Path, place: Path) -> None:
    """A model as published: its table, and with the report."""
    show(f"{path.name}: table", analyze(str(path)))
    show(f"{path.name}: table and report", analyze(str(path), "--out", str(place / "out")))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the analysis of given weights.")
    parser.add_argument("--stacks", action="store_true", help="many small and a few wide matrices")
    parser.add_argument("--folder", action="store_true", help="a synthetic sharded model, written and deleted")
    parser.add_argument("--gigabytes", type=float, default=4.0, help="its size (default 4)")
    parser.add_argument("--model", type=Path, metavar="FILE", help="a file of weights")
    parser.add_argument("--published", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.published:
        path, matrices = options.published
        print(json.dumps(published(Path(path), int(matrices))))
        return
    print(f"{where()}\n{'':44s}{'time':>11s}{'resident':>12s}{'own':>12s}")
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        if options.stacks:
            stacks(place)
        if options.folder:
            (place / "folder").mkdir()
            folder(place / "folder", options.gigabytes)
        if options.model:
            model(options.model, place)


if __name__ == "__main__":
    main()
