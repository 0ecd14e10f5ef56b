"""Do the tests of the connections between layers reject, and their intervals cover, as often as they say?

    python -m benchmarks.layers [--runs 200] [--members 20 200 1000] [--sizes 6 5 5 4] [--laws ...] [--seed 0]

Shares of the runs in per cent, with their binomial errors; nominal are 5 % for tests and 95 % for intervals. Of several
layers or graphs the share is that of all of them. "before" is without the correction for few members. The last column
is the time of one ensemble.
"""

import argparse
from collections.abc import Callable
from time import perf_counter

import jax
import numpy as np
from scipy.special import chdtrc, stdtr

from analysis import Chain, Gaussian, model_of
from analysis.inference.layer_cumulants import balance, layer_cumulants
from analysis.inference.layer_randomisation import layer_randomisation
from analysis.inference.layers import layers_test, unit_correlation
from analysis.inference.networks import given_networks

Data = tuple[np.ndarray, ...]


def normal(symmetry: Chain, members: int, rng: np.random.Generator) -> Data:
    """Independent normal entries."""
    return symmetry.standard_normal(rng, members)


def uniform(symmetry: Chain, members: int, rng: np.random.Generator) -> Data:
    """Independent uniform entries."""
    return tuple(rng.uniform(-1, 1, (members, *shape)) for shape in symmetry.shapes)


def scaled(symmetry: Chain, members: int, rng: np.random.Generator) -> Data:
    """Layers independent, each with its own random scale in every member and every unit: heavy tails."""
    data = symmetry.standard_normal(rng, members)
    return tuple(
        stack * np.exp(0.3 * rng.standard_normal((members, 1, 1)) + 0.3 * rng.standard_normal((members, rows, 1)))
        for stack, (rows, _) in zip(data, symmetry.shapes, strict=True)
    )


def connected(symmetry: Chain, members: int, rng: np.random.Generator) -> Data:
    """Layers dependent, in a Gaussian way."""
    return coupled(symmetry).sample(jax.random.key(int(rng.integers(1 << 31))), members)


def coupled(symmetry: Chain, rho: float = 0.5) -> Gaussian:
    """Standard normal coordinates of which those of neighbouring layers are correlated."""
    f, names = symmetry.isotropic(0.0, 1.0), symmetry.parameter_names
    for layer in symmetry.inner:
        f[names.index(f"T{layer}rc")] = rho
        f[names.index(f"S{layer}{layer + 1}")] = 0.3
    return model_of(symmetry, f)


LAWS: dict[str, Callable[[Chain, int, np.random.Generator], Data]] = {
    "independent normal": normal,
    "independent uniform": uniform,
    "independent, random scales": scaled,
    "connected normal": connected,
}


def hits(data: Data, symmetry: Chain, rho: float) -> dict[str, np.ndarray]:
    """Of one ensemble, whether each test rejects and each interval covers."""
    networks = given_networks(data, symmetry)
    f, members = networks.parameters, networks.members
    ratio, units = layers_test(f, members, symmetry), unit_correlation(f, members, symmetry)
    unit, graphs = balance(networks), layer_cumulants(networks)
    moved = layer_randomisation(networks)
    plain = 2 * stdtr(members - 1, -np.abs(graphs.value / graphs.se))
    plain_units = 2 * stdtr(members - 1, -np.abs(unit.difference / unit.se))
    return {
        "likelihood ratio, before": np.array(chdtrc(ratio.dof, ratio.ratio) < 0.05),
        "likelihood ratio": np.array(ratio.p < 0.05),
        "rho = 0": units.p < 0.05,
        "interval of rho": (units.low <= rho) & (rho <= units.high),
        "balance, before": plain_units < 0.05,
        "balance": unit.p < 0.05,
        "cumulants, before": plain < 0.05,
        "cumulants": graphs.p < 0.05,
        "any cumulant has q < 0.05": np.array(np.nanmin(graphs.q) < 0.05),
        "relabelled, sums": moved.relabelled_sums <= 0.05,
        "relabelled, squares": moved.relabelled_squares <= 0.05,
        "joined, sums": moved.joined_sums <= 0.05,
        "joined, squares": moved.joined_squares <= 0.05,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Check the tests of the connections between layers.")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--members", type=int, nargs="+", default=[20, 200, 1000])
    parser.add_argument("--sizes", type=int, nargs="+", default=[6, 5, 5, 4])
    parser.add_argument("--laws", choices=[*LAWS], nargs="+", default=[*LAWS])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    symmetry = Chain(tuple(options.sizes))
    for members in options.members:
        for name in options.laws:
            draw = LAWS[name]
            start, found = perf_counter(), []
            for run in range(options.runs):
                data = draw(symmetry, members, np.random.default_rng([options.seed, run]))
                found.append(hits(data, symmetry, 0.5 if draw is connected else 0.0))
            each = (perf_counter() - start) / options.runs
            print(f"\n{members} members of {options.sizes}, {name}: {options.runs} runs, {each:.2f} s each")
            for test in found[0]:
                rate = float(np.mean([one[test] for one in found]))
                print(
                    f"  {test:28s}{100 * rate:7.1f} +- {100 * np.sqrt(rate * (1 - rate) / options.runs):.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
