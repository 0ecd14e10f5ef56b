"""What a user waits for before anything is trained: `pigmm --help`, loading, compiling, compiling from the cache.

    python -m benchmarks.cli [--repeats 3]

Every measurement is a process of its own; the floor is Python that starts and ends. Compiling is that of the paper's
run on the embedded sample: with an empty cache, then with what the first has left there. Medians.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from statistics import median
from time import perf_counter

COMPILE = """
from time import perf_counter
from experiments.run.runtime import configure
configure()
import numpy as np
from ensemble import TrainConfig, load
from ensemble.trainer import Trainer
from experiments.run.observer import Observer
from experiments.run.presets import RunConfig
config, data = RunConfig(TrainConfig(epochs=1)), load("sample")
began = perf_counter()
trainer = Trainer(config.train, data, Observer(config, (1, 2, 3)), devices=1)
members = np.arange(trainer.chunk)
import jax
next(trainer.run(members, jax.tree.map(lambda whole: whole[: len(members)], trainer.allocate(None)), None, 0))
print(perf_counter() - began)
"""


def wall(*arguments: str) -> float:
    """Seconds of a Python process."""
    began = perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.PIPE)
    return perf_counter() - began


def compiling(cache: str) -> float:
    """Seconds in which a new process traces, compiles and starts training with this cache."""
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": cache, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.5"}
    child = subprocess.run(
        [sys.executable, "-c", COMPILE], check=True, env=environment, stdout=subprocess.PIPE, text=True
    )
    return float(child.stdout)


def cold_and_warm() -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as cache:
        return compiling(cache), compiling(cache)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what a user waits for.")
    parser.add_argument("--repeats", type=int, default=3, help="measurements of every row (default 3)")
    options = parser.parse_args()
    programs = {
        "floor: python -c pass": ("-c", "pass"),
        "pigmm --help": ("-m", "experiments", "--help"),
        "import of all packages": ("-c", "import experiments.cli.commands"),
    }
    times: dict[str, list[float]] = {label: [] for label in (*programs, "compiling", "compiling from the cache")}
    for _ in range(options.repeats):
        for label, arguments in programs.items():
            times[label].append(wall(*arguments))
        cold, warm = cold_and_warm()
        times["compiling"].append(cold)
        times["compiling from the cache"].append(warm)
    floor = median(times["floor: python -c pass"])
    print(f"Python {sys.version.split()[0]} on {os.cpu_count()} cores\n{'':32s}{'median':>10s}{'over floor':>12s}")
    for label, seconds in times.items():
        print(f"{label:32s}{median(seconds):8.2f} s{median(seconds) - floor:10.2f} s")


if __name__ == "__main__":
    main()
