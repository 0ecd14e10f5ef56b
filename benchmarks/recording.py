"""Share of an epoch that is spent recording the invariants of the paper's network; the aim is under 2 %.

    python -m benchmarks.recording [--data-dir MNIST] [--rounds 20]

On one core, one chunk of members as a run trains them: an epoch of training and evaluation that records nothing, beside
what is recorded after it. The floor is 0: the weights are there, in the cache. Rivals take turns; medians.
"""

import argparse
import os
from functools import partial
from statistics import median
from time import perf_counter

import jax
import numpy as np

from benchmarks.data import EPOCH_IMAGES, add_data_option, dataset_name, read, where
from ensemble.config import Order, TrainConfig
from ensemble.memory import cpu_chunk
from ensemble.network import kernels
from ensemble.trainer import Trainer, nothing
from experiments.run.observer import Observer
from experiments.run.presets import Graphs, RunConfig
from experiments.run.runtime import configure, cores

RECORDED: tuple[Graphs, ...] = ("paper", "all")
ORDERS: tuple[Order, ...] = ("independent", "shared")


def seconds_of_epoch(trainer: Trainer, saved) -> float:
    """Seconds of an epoch that records nothing, scaled to 60 000 images."""
    members = np.arange(trainer.chunk)
    rows = trainer.allocate(None)
    began = perf_counter()
    for _ in trainer.run(members, rows, saved, epoch=0):
        pass
    return (perf_counter() - began) / trainer.config.epochs * EPOCH_IMAGES / trainer.images.train.shape[0]


def seconds_of_call(function) -> float:
    repeats = 20  # a call takes less than a millisecond
    began = perf_counter()
    for _ in range(repeats):
        jax.block_until_ready(function())
    return (perf_counter() - began) / repeats


def compare(order: Order, data_dir: str | None, rounds: int) -> None:
    data = read(data_dir)
    epochs = max(1, EPOCH_IMAGES // len(data.train_images))
    chunk = cpu_chunk(TrainConfig(order=order))
    config = TrainConfig(members=chunk, epochs=epochs, order=order)
    trainer = Trainer(config, data, nothing, devices=1)
    _, fetch = next(trainer.run(np.arange(chunk), trainer.allocate(None), None, epoch=0))
    saved = fetch()
    weights = kernels(jax.device_put(saved).params)
    observers = {
        graphs: Observer(RunConfig(config, graphs=graphs, save_weights=False), (1, 2, 3)) for graphs in RECORDED
    }
    recordings = {graphs: partial(jax.jit(jax.vmap(observe)), weights) for graphs, observe in observers.items()}
    contestants = {"epoch": partial(seconds_of_epoch, trainer, saved)}
    contestants |= {graphs: partial(seconds_of_call, call) for graphs, call in recordings.items()}
    times = {label: [] for label in contestants}
    for _ in range(rounds + 1):
        for label, contestant in contestants.items():
            times[label].append(contestant())
    epoch, *recorded = (median(seconds[1:]) for seconds in times.values())
    print(f"{f'{order}: an epoch of {chunk} members':44s}{epoch * 1e3:10.2f} ms")
    for graphs, seconds in zip(RECORDED, recorded, strict=True):
        count = sum(leaf.size for leaf in jax.tree.leaves(recordings[graphs]())) // chunk
        print(f"{f'  recording {graphs}: {count} numbers a member':44s}{seconds * 1e3:10.2f} ms{seconds / epoch:9.2%}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the share of recording.")
    add_data_option(parser)
    parser.add_argument("--rounds", type=int, default=20, help="measurements of every row (default 20)")
    options = parser.parse_args()
    os.sched_setaffinity(0, set(cores()[:1]))
    configure()
    print(f"{where()}; one core; data: {dataset_name(options.data_dir)}")
    for order in ORDERS:
        compare(order, options.data_dir, options.rounds)


if __name__ == "__main__":
    main()
