"""What a run costs besides its training: quickstart and report as a user waits for them, and the stages of a report.

    python -m benchmarks.report [--members 100] [--epochs 4] [--repeats 3] [--whole]

Every measurement is a process of its own; medians, with the processor time that all its processes took. `--whole` is
quickstart itself, 1000 members and 20 epochs. The stages are those of `pigmm report`, here one after the other in one
process, where a report shares them out between two. Beside the times stands the matrix-product peak of the machine,
measured before every round: the aims are 10 s for the report and 65 s for quickstart where it is 200 GFLOP/s.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

import numpy as np

from benchmarks.data import where

SIZE = 2048
STAGES = """
import json, sys
from pathlib import Path
from time import perf_counter
times, began = {}, perf_counter()
def passed(stage):
    global began
    now = perf_counter()
    times[stage], began = now - began, now
from experiments.run.runtime import configure
configure()
from experiments.cli import commands
from experiments.run import stages
from experiments.report.every_matrix import matrices_part
from experiments.report.inspection import inspection_part
from experiments.report.outputs import write_outputs
passed("imports")
with stages.RunFolder.existing(Path(sys.argv[1])) as folder:
    run = stages.recorded(folder)
    passed("reading")
    square = stages.study_recording(run.recording, stages.initial_laws(run.config, run.recording))
    passed("fits, errors, tests at every epoch")
    matrices = stages.every_matrix_of(run.results)
    every = stages.study_recording(matrices, stages.initial_laws(run.config, matrices))
    passed("every weight matrix")
    kept = stages.kept_matrices(run.results, stages.key_epochs(run.recording.epochs))
    findings = stages.inspect_recording(run.recording, kept)
    passed("inspection of the matrices")
    figures = stages.figures
    pictures = {name: stages.picture(figures.draw, square, name) for name in figures.available(square)}
    of_matrices = stages.picture(stages.draw_matrices, every)
    passed("figures, but for the quantiles")
    parts = [inspection_part(findings), matrices_part(every, of_matrices)]
    write_outputs(folder, square, folder.config, folder.read_json("provenance.json"), parts, pictures)
    passed("quantiles, tables, page")
print(json.dumps(times))
"""


class Measured(NamedTuple):
    """One measurement, in seconds."""

    wall: float
    busy: float


def peak() -> float:
    """GFLOP/s of a float32 matrix product on all cores."""
    factor = np.random.default_rng(0).standard_normal((SIZE, SIZE), np.float32)
    return max(2e-9 * SIZE**3 / _seconds(factor) for _ in range(5))


def _seconds(factor: np.ndarray) -> float:
    began = perf_counter()
    np.matmul(factor, factor)
    return perf_counter() - began


def measure(*arguments: str) -> tuple[Measured, str]:
    """A Python process and what it prints."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    child = subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    wall, after = perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(wall, busy), child.stdout.decode()


def once(run: list[str]) -> dict[str, Measured]:
    """Every row of the table, from a run in a new folder."""
    pigmm = ("-m", "experiments")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "run"
        whole, _ = measure(*pigmm, *run, "--out", str(folder))
        training = json.loads((folder / "provenance.json").read_text())["wall_seconds"]
        again, _ = measure(*pigmm, *run, "--out", str(folder))
        report, _ = measure(*pigmm, "report", str(folder))
        _, stages = measure("-c", STAGES, str(folder))
    rows = {
        "the whole run": whole,
        "of it, training": Measured(training, np.nan),
        "of it, the rest": Measured(whole.wall - training, np.nan),
        "the same command again": again,
        "pigmm report": report,
    }
    return rows | {f"  {stage}": Measured(seconds, np.nan) for stage, seconds in json.loads(stages).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time a report and a quickstart by stage.")
    parser.add_argument("--members", type=int, default=100, help="networks (default 100)")
    parser.add_argument("--epochs", type=int, default=4, help="epochs (default 4)")
    parser.add_argument("--repeats", type=int, default=3, help="measurements of every row (default 3)")
    parser.add_argument("--whole", action="store_true", help="quickstart itself")
    options = parser.parse_args()
    run = ["quickstart"]
    if not options.whole:
        run = ["run", "quickstart", "--members", str(options.members), "--epochs", str(options.epochs)]
    peaks, rounds = [], []
    for _ in range(options.repeats):
        peaks.append(peak())
        rounds.append(once(run))
    print(f"{where()}, {os.cpu_count()} cores\n{' '.join(['pigmm', *run])}")
    print(f"matrix-product peak {median(peaks):.0f} GFLOP/s ({min(peaks):.0f} to {max(peaks):.0f})")
    print(f"{'':40s}{'median':>10s}{'least':>10s}{'processor':>12s}")
    for row in rounds[0]:
        walls = [each[row].wall for each in rounds]
        busy = median(each[row].busy for each in rounds)
        print(f"{row:40s}{median(walls):8.2f} s{min(walls):8.2f} s" + (f"{busy:10.2f} s" if np.isfinite(busy) else ""))


if __name__ == "__main__":
    main()
