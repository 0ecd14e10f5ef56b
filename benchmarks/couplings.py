"""Do the score test, the intervals of couplings and their selection keep what they say, and what do they find?

    python -m benchmarks.couplings [--runs 200] [--members 20 200 1000] [--rows 10] [--columns 10] [--seed 0]

Shares of the runs in per cent with their binomial errors. Nominal are 5 % for the score tests, 95 % for intervals, at
least 95 % for "none selected" of a Gaussian law and at most 5 % for "any deviates" of a law that holds. The last column
is the time of one ensemble.
"""

import argparse
from collections.abc import Callable
from time import perf_counter

import jax
import numpy as np

from analysis import Gaussian, Separate, model_of
from analysis.inference.coupled_predictions import coupled_predictions
from analysis.inference.couplings import couplings_of
from analysis.inference.multiplicity import LEVEL
from analysis.inference.selection import select_couplings

Draw = Callable[[int, int], np.ndarray]
"""Ensemble of a run with a number of members."""
SKEWED = {"0-0,0-0,0-0": 1 / 3, "0-0,0-0,0-0,0-0": 1 / 4}
"""Couplings of independent exponential entries of variance 1: kappa_3 / 3! and kappa_4 / 4!."""


def share(hits: list[bool] | np.ndarray) -> str:
    rate = float(np.mean(hits))
    return f"{100 * rate:6.1f} +- {100 * np.sqrt(rate * (1 - rate) / np.size(hits)):3.1f}"


def show(name: str, draw: Draw, truth: dict[str, float], members: int, options: argparse.Namespace) -> None:
    """All rates for one law, whose couplings are known where `truth` says so."""
    symmetry = Separate(options.rows, options.columns)
    graphs = symmetry.every
    scores, covered, chosen, deviating, start, seconds = [], [], [], [], 0.0, 0.0
    for run in range(options.runs):
        stack = draw(run, members)
        centred = stack - stack.mean()
        values, moments = symmetry.evaluate(graphs, centred), np.asarray(symmetry.block_moments(centred))
        start = perf_counter()
        found = couplings_of(values, moments, symmetry)
        selected = select_couplings(values, moments, symmetry)
        predicted = coupled_predictions(values, moments, symmetry, selected.graphs)
        seconds += (perf_counter() - start) / options.runs
        scores.append(found.p < LEVEL)
        true = np.array([truth.get(symmetry.key(graph), 0.0) for graph in found.graphs])
        inside = [np.abs(found.g - true) < 1.96 * error for error in (found.g_se, found.g_robust_se)]
        covered.append(np.array(inside)[:, ~np.isnan(found.g)])
        chosen.append(tuple(symmetry.key(graph) for graph in selected.graphs))
        deviating.append(np.sum(predicted.q <= LEVEL, axis=1))
    cubic, quartic = np.transpose(scores)
    print(f" {name}{seconds:{75 - len(name)}.2f} s")
    print(f"  score rejects, cubic and quartic {share(cubic):>20s}{share(quartic):>20s}")
    by_law, robust = np.concatenate(covered, axis=1)
    print(f"  95 % intervals cover, Gaussian and robust{share(by_law):>12s}{share(robust):>20s}")
    print(f"  none selected, exactly the true  {share([not c for c in chosen]):>20s}", end="")
    print(f"{share([set(c) == set(truth) for c in chosen]):>20s}   mean number {np.mean([len(c) for c in chosen]):.2f}")
    plain, coupled = np.transpose(deviating)
    print(f"  any deviates, without and with   {share(plain > 0):>20s}{share(coupled > 0):>20s}", end="")
    print(f"   explained on average {43 - plain.mean():.1f} {43 - coupled.mean():.1f}")


def generic(symmetry: Separate) -> Gaussian:
    """All variances different."""
    return model_of(symmetry, [0.3, 0.7, 1.4, 0.6, 0.9])


def main() -> None:
    parser = argparse.ArgumentParser(description="Check the score test, the couplings and their selection.")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--members", type=int, nargs="+", default=[20, 200, 1000])
    parser.add_argument("--rows", type=int, default=10)
    parser.add_argument("--columns", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    shape = (options.rows, options.columns)
    model = generic(Separate(*shape))

    def random(run: int) -> np.random.Generator:
        return np.random.default_rng([options.seed, run])

    def sampled(run: int, members: int) -> np.ndarray:
        return model.sample(jax.random.fold_in(jax.random.key(options.seed), run), members)

    def mixed(run: int, members: int) -> np.ndarray:
        """Exponential entries mixed with normal ones: weakly skewed and heavy-tailed."""
        rng = random(run)
        skewed = rng.exponential(size=(members, *shape)) - 1
        return np.sqrt(0.9) * rng.standard_normal((members, *shape)) + np.sqrt(0.1) * skewed

    laws: dict[str, tuple[Draw, dict[str, float]]] = {
        "independent normal entries": (lambda run, members: random(run).standard_normal((members, *shape)), {}),
        "the Gaussian law, all variances different": (sampled, {}),
        "a tenth of the variance from exponential entries": (
            mixed,
            {key: g * 0.1 ** (key.count(",") / 2 + 0.5) for key, g in SKEWED.items()},
        ),
        "exponential entries": (lambda run, members: random(run).exponential(size=(members, *shape)), SKEWED),
    }
    for members in options.members:
        print(f"\n{options.runs} ensembles of {members} members, {options.rows} x {options.columns}")
        for name, (draw, truth) in laws.items():
            show(name, draw, truth, members, options)


if __name__ == "__main__":
    main()
