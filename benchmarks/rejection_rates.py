"""How often the tests of symmetry and of the Gaussian law reject at 5 %, where the hypothesis is true and where not.

    python -m benchmarks.rejection_rates [--trials 200] [--members 100 1000] [--dim 10]

Seeded. The first law satisfies every hypothesis; each other breaks those marked with a star, whose rates are the power.
The last column is the time of one ensemble, for the tests with their reference samples drawn.
"""

import argparse
from collections.abc import Callable
from math import sqrt
from time import perf_counter

import numpy as np

from analysis import Simultaneous, fit
from analysis.inference.gaussianity import block_shape, whitened_coordinates
from analysis.inference.nesting import wald_within
from analysis.inference.normality import normality_test
from analysis.inference.randomisation import Permutations, invariance_test

LAWS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "uniform": lambda rng, shape: rng.uniform(-1, 1, shape),
    "members' scale": lambda rng, shape: rng.standard_normal(shape) * rng.uniform(0.8, 1.2, (shape[0], 1, 1)),
    "diagonal": lambda rng, shape: rng.standard_normal(shape) * (1 + 0.3 * np.eye(shape[-1])),
    "row scales": lambda rng, shape: rng.standard_normal(shape) * np.linspace(0.9, 1.1, shape[-1])[:, None],
}
TESTS: dict[str, Callable[[np.ndarray, int], float]] = {
    "identities": lambda stack, seed: float(wald_within(moments_of(stack), "bipartite", square(stack)).p),
    **{
        str(group): lambda stack, seed, group=group: invariance_test(stack, group, 99, seed).p for group in Permutations
    },
    "Gaussian law": lambda stack, seed: float(normality_test(moments_of(stack), square(stack), seed=0).p),
    "kurtosis of V_2": lambda stack, seed: float(shape(stack).kurtosis.p[2]),
    "skewness of V_H": lambda stack, seed: float(shape(stack).skewness.p[1]),
}
BROKEN = {
    "uniform": {"Gaussian law", "kurtosis of V_2"},
    "members' scale": {"Gaussian law", "kurtosis of V_2"},
    "diagonal": {"identities", Permutations.INDEPENDENT, Permutations.ROWS, Permutations.COLUMNS},
    "row scales": {Permutations.INDEPENDENT, Permutations.SIMULTANEOUS, Permutations.ROWS},
}


def square(stack: np.ndarray) -> Simultaneous:
    return Simultaneous(stack.shape[-1])


def moments_of(stack: np.ndarray) -> np.ndarray:
    return np.asarray(square(stack).block_moments(stack))


def shape(stack: np.ndarray):
    return block_shape(whitened_coordinates(stack, fit(stack).model))


def main() -> None:
    parser = argparse.ArgumentParser(description="Rejection rates of the tests of symmetry and of the Gaussian law.")
    parser.add_argument("--trials", type=int, default=200, help="ensembles of each law (default 200)")
    parser.add_argument("--members", type=int, nargs="+", default=[100, 1000], help="members (default 100 1000)")
    parser.add_argument("--dim", type=int, default=10, help="matrix size (default 10)")
    options = parser.parse_args()
    print(f"nominal 5 %, binomial error {100 * sqrt(0.05 * 0.95 / options.trials):.1f} %; * hypothesis false")
    for members in options.members:
        print(f"\n{members} members, {options.dim} x {options.dim}\n{'':32s}" + "".join(f"{law:>16s}" for law in LAWS))
        for name, test in TESTS.items():
            cells = []
            start = perf_counter()
            for law, draw in LAWS.items():
                rng = np.random.default_rng(1)
                stacks = (draw(rng, (members, options.dim, options.dim)) for _ in range(options.trials))
                rejected = np.mean([test(stack, seed) <= 0.05 for seed, stack in enumerate(stacks)])
                cells.append(f"{100 * rejected:12.1f} %{'*' if name in BROKEN.get(law, ()) else ' '} ")
            each = (perf_counter() - start) / (options.trials * len(LAWS))
            print(f"{name:32s}" + "".join(cells) + f"{1e3 * each:10.1f} ms")


if __name__ == "__main__":
    main()
