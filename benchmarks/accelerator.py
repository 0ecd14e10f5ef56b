"""The first ten minutes on a GPU or TPU: is it right, how fast is it, how much memory does it take?

    python -m benchmarks.accelerator [--data-dir MNIST] [--json FILE] [--small]

Parts run one after the other, each in a process of its own. Right: the shuffles drawn on the device are those of a CPU
to the bit, and eight members trained for two epochs there and on the CPU have equal losses and accuracies within stated
tolerances. Fast: a step for 1 to 3000 members, both orders, both kinds of pixels, the shuffle, the evaluation and the
recording apart, compile times, the whole command by stage, an interruption. Floors are bytes over the bandwidth and
operations over the matrix-product peak measured here; estimates are those of docs/speed.md. Exit code 1 if it is not
right. `--small` leaves the command out and takes a minute or two on a CPU.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter

from benchmarks.on_device import Row, Settings

LOSS, ACCURACY = 0.02, 0.01
"""Largest difference of a member's loss (nats) and accuracy after two epochs: Adam amplifies a ReLU that flips."""
ESTIMATES = {"H100": "12 to 20 s", "T4": "3 to 5 min", "v5": "2 to 3 min"}
"""Of the training of the paper's run, from compiled programs (docs/speed.md)."""
PIXELS, BATCH, WIDTHS = 784, 100, (10, 10, 10, 10)


class Failed(Exception):
    """A part that could not be measured; the message says why."""


def child(module: str, *arguments: str, **environment: str) -> str:
    """What a process prints; memory of an accelerator is taken as it is needed, as several use it in turn."""
    calm = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"} | environment
    told = subprocess.run(
        [sys.executable, "-m", module, *arguments], env=os.environ | calm, capture_output=True, text=True, check=False
    )
    if told.returncode:
        raise Failed(next(iter(told.stderr.strip().splitlines()[-1:]), "no message"))
    return told.stdout


def measured(part: str, settings: Settings, **environment: str) -> list[Row]:
    """The rows of a part."""
    lines = child("benchmarks.on_device", part, json.dumps(settings._asdict()), **environment).splitlines()
    return [Row(**json.loads(line)) for line in lines if line.startswith("{")]


def parity(settings: Settings) -> Iterator[Row]:
    """Largest differences between this device and a CPU after two epochs of eight members."""
    here, cpu = measured("parity", settings), measured("parity", settings, JAX_PLATFORMS="cpu")
    for name in ("train_loss", "test_loss", "test_accuracy"):
        pairs = [(a.value, b.value) for a, b in zip(here, cpu, strict=True) if a.what.startswith(name)]
        yield Row(f"{name}: largest difference from a CPU", max(abs(a - b) for a, b in pairs), "")


def steps(settings: Settings, peaks: dict[str, float]) -> Iterator[Row]:
    """Steps beside their floor."""
    for row in measured("steps", settings):
        members, shared = int(row.what.split()[2]), "shared" in row.what
        yield row._replace(floor=1e3 * step_floor(members, shared, peaks))


def step_floor(members: int, shared: bool, peaks: dict[str, float]) -> float:
    """Seconds that a step takes at least: its bytes (pixels gathered, parameters and moments moved) or operations."""
    sizes = [a * b for a, b in zip((PIXELS, *WIDTHS), WIDTHS, strict=False)]
    pixels = BATCH * PIXELS * (1 if shared else members)
    moved = 2 * pixels + 7 * 4 * members * sum(sizes)  # Adam reads four arrays and writes three
    operations = 2 * BATCH * members * (3 * sum(sizes) - sizes[0])
    return max(moved / (1e9 * peaks["memory"]), operations / (1e9 * peaks["float32"]))


def compiling() -> Iterator[Row]:
    """Compiling the paper's run: with an empty cache, and from what that has left there."""
    from benchmarks.cli import cold_and_warm  # imported here: a child imports this file for its parent's sake

    cold, warm = cold_and_warm()
    yield Row("compiling the paper's run", cold, "s")
    yield Row("the same from the cache", warm, "s")


def command(settings: Settings) -> Iterator[Row]:
    """`pigmm run paper-gaussian` by stage; then interrupted at its first epoch, resumed, and compared."""
    data = ["--data-dir", settings.data_dir] if settings.data_dir else ["--dataset", "sample"]
    with tempfile.TemporaryDirectory() as place:
        whole, stopped = Path(place) / "whole", Path(place) / "stopped"
        began = perf_counter()
        child("experiments", "run", "paper-gaussian", *data, "--out", str(whole))
        total = perf_counter() - began
        training = json.loads((whole / "provenance.json").read_text())["wall_seconds"]
        yield Row("pigmm run paper-gaussian: training", training, "s")
        yield Row("pigmm run paper-gaussian: all else", total - training, "s")
        again = ["run", "paper-gaussian", *data, "--save-share", "1", "--out", str(stopped)]
        with subprocess.Popen([sys.executable, "-m", "experiments", *again], stderr=subprocess.PIPE, text=True) as run:
            assert run.stderr is not None
            for line in run.stderr:
                if "network-epochs" in line:
                    run.send_signal(signal.SIGTERM)
        child("experiments", *again)
        files = [(folder / "results.sha256").read_text() for folder in (whole, stopped)]
        yield Row("interrupted and resumed: files of results that differ", float(files[0] != files[1]), "")


def show(title: str, rows: Sequence[Row] | Iterator[Row], note: str = "") -> list[Row]:
    """Print rows as they come."""
    print(f"\n{title}{f' ({note})' if note else ''}", flush=True)
    seen = []
    for row in rows:
        seen.append(row)
        floor = f"   floor {row.floor:.3g} {row.unit}" if row.floor else ""
        print(f"  {row.what:64s}{row.value:12.4g} {row.unit}{floor}", flush=True)
    return seen


def wrong(rows: Sequence[Row]) -> list[str]:
    """Rows that say that the device is not right."""
    limits = {"indices": 0.0, "train_loss": LOSS, "test_loss": LOSS, "test_accuracy": ACCURACY}
    return [
        row.what for row in rows for name, limit in limits.items() if row.what.startswith(name) and row.value > limit
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure a GPU or a TPU.")
    parser.add_argument("--data-dir", help="folder of the MNIST IDX files (default: the embedded sample)")
    parser.add_argument("--json", metavar="FILE", help="write all rows there")
    parser.add_argument("--small", action="store_true", help="a minute or two on a CPU")
    options = parser.parse_args()
    data_dir = options.data_dir and str(Path(options.data_dir).resolve())
    sizes = ((1, 8, 16), (10,), 20) if options.small else ((1, 8, 64, 250, 1000, 3000), (10, 160, 640), 200)
    settings = Settings(data_dir, *sizes)
    began, where = perf_counter(), child("benchmarks.data").strip()
    estimate = next((text for kind, text in ESTIMATES.items() if kind in where), "none for this device")
    print(f"{where}\nestimate of the paper's training: {estimate}")
    rows = show("peaks", measured("device", settings))
    peaks = {row.what.split()[0].rstrip(","): row.value for row in rows}
    parts = {
        "shuffles": lambda: measured("orders", settings),
        "against a CPU": lambda: parity(settings),
        "compiling": compiling,
        "steps": lambda: steps(settings, peaks),
        "besides the steps": lambda: measured("stages", settings),
        "memory": lambda: (row for w in settings.widths for row in measured("memory", settings._replace(widths=(w,)))),
        "devices": lambda: measured("devices", settings),
    } | ({} if options.small else {"the command": lambda: command(settings)})
    failed = []
    for title, part in parts.items():
        try:
            rows += show(title, part())
        except Failed as error:
            failed.append(title)
            print(f"  not measured: {error}")
    problems = wrong(rows) + failed
    print(f"\n{'NOT RIGHT: ' + '; '.join(problems) if problems else 'right'}, in {perf_counter() - began:.0f} s")
    if options.json:
        content = {"schema": 1, "where": where, "problems": problems, "rows": [row._asdict() for row in rows]}
        Path(options.json).write_text(json.dumps(content, indent=1) + "\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
