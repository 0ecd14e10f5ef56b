"""What saving costs: the same training with checkpoints and without, in turn; the promise is under 2 % of the time.

    python -m benchmarks.saving [--data-dir MNIST] [--seconds 100] [--rounds 3]

One part of a run of the paper's network, on one core as a run trains it. Saving happens in the background but on the
same core, so what it takes shows in the wall time; what the training itself waits for is shown beside it.
"""

import argparse
import os
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

from benchmarks.data import EPOCH_IMAGES, add_data_option, dataset_name, read, where
from ensemble import Dataset, Snapshot, TrainConfig
from ensemble.checkpoint import SHARE, Checkpoints
from ensemble.memory import cpu_chunk
from experiments.run import training
from experiments.run.presets import RunConfig, settings
from experiments.run.runtime import configure, cores
from experiments.run.training import Session, train_members
from experiments.store.run_folder import RunFolder

RATE = 38  # network-epochs a second of one core, about
NEVER = 1e-9  # the share of the time for which a checkpoint is never due


class Cost(NamedTuple):
    """One training: its seconds, the seconds it waited for saving, and how often it saved."""

    seconds: float
    waited: float
    saves: int


class Watched(Checkpoints):
    """Checkpoints that note how long the training waits for them."""

    noted: list[float]

    def save(self, snapshot: Snapshot) -> None:
        """Save, and note the seconds until the training may go on."""
        began = perf_counter()
        super().save(snapshot)
        self.noted.append(perf_counter() - began)


def train(config: RunConfig, data: Dataset, data_dir: str | None, share: float) -> Cost:
    members = range(config.train.members)
    Watched.noted = []
    with tempfile.TemporaryDirectory() as place, RunFolder.open(Path(place) / "run", settings(config)) as folder:
        began = perf_counter()
        train_members(folder, config, data, members, Session(data_dir, share), lambda done, total: None, print)
        return Cost(perf_counter() - began, sum(Watched.noted), len(Watched.noted))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what checkpoints cost.")
    add_data_option(parser)
    parser.add_argument("--seconds", type=float, default=100.0, help="about how long a training lasts (default 100)")
    parser.add_argument("--rounds", type=int, default=3, help="trainings of each kind (default 3)")
    options = parser.parse_args()
    os.sched_setaffinity(0, set(cores()[:1]))
    configure()
    training.Checkpoints = Watched
    data, paper = read(options.data_dir), TrainConfig()
    epochs, chunk = paper.epochs * EPOCH_IMAGES // len(data.train_images), cpu_chunk(paper)
    members = chunk * max(1, round(options.seconds * RATE / paper.epochs / chunk))
    config = RunConfig(replace(paper, members=members, epochs=epochs), dataset_name(options.data_dir))
    print(f"{where()}; one core; {members} members, {epochs} epochs; data: {config.dataset}")
    run = partial(train, config, data, options.data_dir)
    train(replace(config, train=replace(config.train, members=chunk, epochs=1)), data, options.data_dir, NEVER)
    without, saving = zip(*((run(NEVER), run(SHARE)) for _ in range(options.rounds)), strict=True)
    base = median(cost.seconds for cost in without)
    for label, costs in {"without checkpoints": without, f"at most {SHARE:.0%} of the time": saving}.items():
        seconds, waited = (median(getattr(cost, name) for cost in costs) for name in ("seconds", "waited"))
        saves = median(cost.saves for cost in costs)
        print(f"{label:32s}{seconds:8.1f} s{seconds / base:8.3f} x{saves:6.0f} saves, waited {waited / seconds:.2%}")


if __name__ == "__main__":
    main()
