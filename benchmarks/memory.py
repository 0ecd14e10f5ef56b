"""Peak memory of a training process beside the planner's estimate; the aim is an estimate within a quarter.

    python -m benchmarks.memory [--data-dir MNIST] [--short]

Every row is a process of its own that trains and saves as a run does; its peak is the largest resident set that the
system recorded. The floor is what the process takes having trained one network of width 4.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.data import add_data_option, dataset_name, where
from ensemble import TrainConfig, load
from ensemble.memory import Machine, plan_memory
from experiments.run.observer import Observer, square_layers
from experiments.run.parts import MALLOC
from experiments.run.presets import RunConfig, from_settings, settings
from experiments.run.training import Session, train_members
from experiments.store.run_folder import RunFolder


def cases(dataset: str) -> dict[str, RunConfig]:
    def run(members: int, width: int, layers: int = 2, epochs: int = 1, **others) -> TrainConfig:
        return TrainConfig(members=members, epochs=epochs, hidden=(width,) * layers, **others)

    trained = {
        "floor": run(1, 4),
        "w = 10": run(8, 10, layers=3),
        "w = 10, shared order": run(25, 10, layers=3, order="shared"),
        "w = 160": run(2, 160),
        "w = 640": run(1, 640),
    }
    rows = {label: RunConfig(train, dataset, "all", save_weights=False) for label, train in trained.items()}
    # These are about numbers of members: the sample, which takes less time, shows them as well.
    rows["sample, w = 10, 500 at once"] = RunConfig(run(500, 10, layers=3, chunk=500), "sample", "all", False)
    rows["sample, w = 160, 1500 weights kept"] = RunConfig(run(1500, 160, epochs=0, chunk=50), "sample")
    return rows


def measure(config: RunConfig, data_dir: str | None) -> int:
    """Peak resident bytes of this process having trained and saved."""
    data = load(config.dataset, data_dir)
    with tempfile.TemporaryDirectory() as path, RunFolder.open(Path(path) / "run", settings(config)) as folder:
        members = range(config.train.members)
        folder.write_results(train_members(folder, config, data, members, Session(), lambda done, total: None, print))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def in_a_process(config: RunConfig, data_dir: str | None) -> int:
    request = json.dumps([settings(config), data_dir])
    child = [sys.executable, "-m", "benchmarks.memory", "--request", request]
    return int(
        subprocess.run(
            child, check=True, env=os.environ | MALLOC, stdout=subprocess.PIPE, text=True
        ).stdout.splitlines()[-1]
    )


def estimate(config: RunConfig, data_dir: str | None) -> int:
    data = load(config.dataset, data_dir)
    observe = Observer(config, tuple(square_layers(config.train, data.classes).values()))
    return plan_memory(config.train, data, observe, Machine("cpu")).host


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure peak memory beside its estimate.")
    add_data_option(parser)
    parser.add_argument("--short", action="store_true", help="only the rows that take seconds")
    parser.add_argument("--request", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.request:
        plain, data_dir = json.loads(options.request)
        print(measure(from_settings(plain), data_dir))
        return
    print(f"{where()}; data: {dataset_name(options.data_dir)}")
    print(f"{'':34s}{'peak':>10s}{'over floor':>12s}{'estimate':>10s}{'estimate/peak':>15s}")
    floor = 0
    for label, config in list(cases(dataset_name(options.data_dir)).items())[: 4 if options.short else None]:
        data_dir = None if config.dataset == "sample" else options.data_dir
        peak, estimated = in_a_process(config, data_dir), estimate(config, data_dir)
        floor = floor or peak
        print(
            f"{label:34s}{peak / 1e6:7.0f} MB{(peak - floor) / 1e6:9.0f} MB{estimated / 1e6:7.0f} MB"
            f"{estimated / peak:15.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
