"""Time of the bootstrap of a whole run: standard errors, z and p of everything fitted, at every epoch and layer.

    python -m benchmarks.statistics [--members 1000] [--dim 10] [--resamples 1000] [--epochs 51] [--layers 3]

The floor is one product of weights [resamples, members] and features [members, 10 + 3 + 2 x 39] an epoch and layer:
block moments, products of x, and the predicted invariants with their squares. Rivals take turns in one process; the
table shows medians, and the flops and bytes of the floor.
"""

import argparse
from collections.abc import Callable
from statistics import median
from time import perf_counter

import numpy as np

from analysis import EntryLaw, Simultaneous, expectations, iid_model
from analysis.inference.errors import uncertainty
from analysis.inference.null import null_distance, squared_distance_to
from analysis.inference.resampling import Resampling, bootstrap, jackknife
from invariants import PAPER, evaluate

GRAPHS = PAPER[13:]
FEATURES = 10 + 3 + 2 * len(GRAPHS)


def medians(contestants: dict[str, Callable], repeats: int) -> dict[str, float]:
    """Median seconds of each contestant, which take turns; the first turn warms up and does not count."""
    times: dict[str, list[float]] = {label: [] for label in contestants}
    for _ in range(repeats + 1):
        for label, function in contestants.items():
            start = perf_counter()
            function()
            times[label].append(perf_counter() - start)
    return {label: median(seconds[1:]) for label, seconds in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the bootstrap of a whole run.")
    parser.add_argument("--members", type=int, default=1000)
    parser.add_argument("--dim", type=int, default=10)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=51)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    members, dim, cells = options.members, options.dim, options.epochs * options.layers

    symmetry = Simultaneous(dim)
    rng = np.random.default_rng(0)
    stacks = rng.standard_normal((options.layers, members, dim, dim)) / np.sqrt(dim)
    layers = [(np.asarray(evaluate(GRAPHS, stack)), np.asarray(symmetry.block_moments(stack))) for stack in stacks]
    features = rng.standard_normal((members, FEATURES))
    reference, draws, leave_one_out = (
        iid_model(0.0, dim**-0.5, dim),
        bootstrap(members, options.resamples),
        jackknife(members),
    )
    replicates = np.tile(reference.parameters, (options.resamples, 1))
    replicates[:, 2:] += 0.001 * rng.random((options.resamples, 11))

    def each_cell(function: Callable) -> Callable:
        return lambda: [function() for _ in range(cells)]

    def describe(resampling: Resampling) -> Callable:
        return lambda: [
            uncertainty(*layer, GRAPHS, symmetry, reference, resampling)
            for layer in layers
            for _ in range(options.epochs)
        ]

    times = medians(
        {
            "floor: product of weights and features": each_cell(lambda: draws.weights @ features),
            "theory of all replicates": each_cell(lambda: expectations(replicates, GRAPHS, symmetry)),
            "W2 of all replicates": each_cell(lambda: np.sqrt(squared_distance_to(reference, replicates, symmetry))),
            "bootstrap, everything": describe(draws),
            "jackknife, everything": describe(leave_one_out),
        },
        options.repeats,
    )
    flops = 2 * options.resamples * members * FEATURES * cells
    size = 8 * cells * (options.resamples * members + (members + options.resamples) * FEATURES)
    print(f"{cells} epochs and layers, {members} members of {dim} x {dim}, {options.resamples} resamples")
    print(f"floor: {flops / 1e9:.1f} Gflop, {size / 1e9:.2f} GB\n\n{'':42s}{'median':>10s}{'/ floor':>10s}")
    floor = times["floor: product of weights and features"]
    for label, seconds in times.items():
        print(f"{label:42s}{seconds:8.2f} s{seconds / floor:10.1f}")

    start = perf_counter()
    uniform = null_distance(EntryLaw.uniform(dim**-0.5), symmetry, members)
    print(
        f"\nnull distance of drawn uniform entries, once a run: {perf_counter() - start:.2f} s, W2 = {uniform.mean:.4f}"
    )


if __name__ == "__main__":
    main()
