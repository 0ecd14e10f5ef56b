"""Time of the analysis of a whole run: 51 epochs, three layers, 1000 members; the aim is 30 s, better 10 s.

    python -m benchmarks.analysis [--members 1000] [--epochs 51] [--layers 3] [--short]

The first rows are what the aim is about: means and deviations, fit, the model's expectations, the distance to the
initial law. The last row is everything that a run tells, with its bootstrap, tests and nested models. The floor is one
pass over the recordings that are read: the mean of every one.
"""

import argparse
from collections.abc import Callable
from statistics import median
from time import perf_counter

import numpy as np

from analysis import EntryLaw, Simultaneous, expectation, fit_moments, iid_model, wasserstein
from analysis.inference.moments import deviation, moments
from analysis.recording import Recording, Training
from analysis.study import study_recording
from benchmarks.data import where
from invariants import PAPER, evaluate

DIM = 10
LAW = EntryLaw.gaussian(DIM**-0.5)
SYMMETRY = Simultaneous(DIM)
HIGH = slice(13, 52)


def recording(members: int, epochs: int, layers: int) -> Recording:
    """An ensemble that walks away from its initial law."""
    random = np.random.default_rng(0)
    shape = (members, epochs, layers)
    steps = random.standard_normal((*shape, DIM, DIM)) * DIM**-0.5
    steps[:, 1:] *= 0.05
    matrices = steps.cumsum(axis=1)
    losses = random.random(shape[:2])
    return Recording(
        members=np.arange(members),
        epochs=np.arange(epochs),
        layers=tuple(f"L{layer + 1}" for layer in range(layers)),
        symmetries=(SYMMETRY,) * layers,
        invariants=np.asarray(evaluate(PAPER, matrices), np.float64),
        block_moments=np.asarray(SYMMETRY.block_moments(matrices), np.float64),
        finite=np.ones(shape[:2], bool),
        training=Training(losses, losses, losses, np.ones(shape[:2], bool)),
    )


def essentials(data: Recording) -> dict[str, Callable[[], object]]:
    """What every epoch and layer needs, each step by itself."""
    _, epochs, layers, _ = data.invariants.shape
    cells = [(slice(None), epoch, layer) for epoch in range(epochs) for layer in range(layers)]
    fits = [fit_moments(data.block_moments[cell], SYMMETRY) for cell in cells]
    observed = [moments(data.invariants[cell]) for cell in cells]
    theory = [expectation(fitted.model, PAPER[HIGH]) for fitted in fits]
    initial = iid_model(0.0, DIM**-0.5, DIM)
    return {
        "floor: the mean of every recording": lambda: (data.invariants.mean(axis=0), data.block_moments.mean(axis=0)),
        "means and deviations of 52 invariants": lambda: [moments(data.invariants[cell]) for cell in cells],
        "fits": lambda: [fit_moments(data.block_moments[cell], SYMMETRY) for cell in cells],
        "39 expectations": lambda: [expectation(fitted.model, PAPER[HIGH]) for fitted in fits],
        "deviations": lambda: [
            deviation(value, seen.mean[HIGH], seen.std[HIGH]) for value, seen in zip(theory, observed, strict=True)
        ],
        "distances": lambda: [wasserstein(fitted.model, initial) for fitted in fits],
    }


def seconds(function: Callable[[], object], repeats: int) -> float:
    def once() -> float:
        began = perf_counter()
        function()
        return perf_counter() - began

    return median(once() for _ in range(repeats))


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the analysis of a run.")
    parser.add_argument("--members", type=int, default=1000, help="networks (default 1000)")
    parser.add_argument("--epochs", type=int, default=51, help="recorded epochs (default 51)")
    parser.add_argument("--layers", type=int, default=3, help="square layers (default 3)")
    parser.add_argument("--short", action="store_true", help="six epochs, scaled to those asked for")
    options = parser.parse_args()
    epochs = min(6, options.epochs) if options.short else options.epochs
    scale = options.epochs / epochs
    data = recording(options.members, epochs, options.layers)
    print(f"{where()}\n{options.members} members, {options.epochs} epochs, {options.layers} layers of {DIM} x {DIM}")
    times = {label: scale * seconds(step, 3) for label, step in essentials(data).items()}
    floor, *steps = times.values()
    times["together, without the floor"] = sum(steps)
    times["everything, with bootstrap and tests"] = scale * seconds(
        lambda: study_recording(data, (LAW,) * options.layers), 1
    )
    print(f"{'':40s}{'median':>11s}{'per cell':>12s}{'x floor':>10s}")
    for label, taken in times.items():
        cell = taken / options.epochs / options.layers
        print(f"{label:40s}{taken:9.3f} s{cell * 1e3:9.3f} ms{taken / floor:10.1f}")


if __name__ == "__main__":
    main()
