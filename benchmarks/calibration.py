"""Do intervals cover and tests reject as often as they say? Ensembles of known laws, fitted again and again.

    python -m benchmarks.calibration [--runs 400] [--members 1000] [--dim 10] [--resamples 1000] [--seed 0]

Each line is a share of the runs, with its binomial error: of 95 % intervals that cover the truth, of tests at the 5 %
level that reject a true hypothesis, and of those that find entries of another law. Shares farther than three errors
from the nominal one are marked. The naive z, in errors of the mean alone, is shown for comparison.
"""

import argparse
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from analysis import PIGMM, EntryLaw, Simultaneous, expectation, expectations, iid_model, wasserstein
from analysis.inference.errors import Uncertainty, uncertainty
from analysis.inference.multiplicity import benjamini_hochberg
from analysis.inference.null import distance_to, null_distance
from analysis.inference.resampling import bootstrap
from analysis.model.plugin import parameters_from_moments
from analysis.symmetry.blocks import pack_symmetric
from invariants import NAMES, PAPER, evaluate

GRAPHS = PAPER[13:]
Draw = Callable[[int], Float[np.ndarray, "N D D"]]
"""An ensemble for each number of a run."""


class Runs(NamedTuple):
    """Fits of many ensembles, one row each."""

    parameters: Float[np.ndarray, "runs 13"]
    mean_se: Float[np.ndarray, "runs 39"]
    errors: Uncertainty


def fitted(draw: Draw, reference: PIGMM, options: argparse.Namespace) -> Runs:
    rows, symmetry = [], Simultaneous(options.dim)
    for run in range(options.runs):
        stack = draw(run)
        values, blocks = np.asarray(evaluate(GRAPHS, stack)), np.asarray(symmetry.block_moments(stack))
        resampling = bootstrap(len(stack), options.resamples, options.seed)
        errors = uncertainty(values, blocks, GRAPHS, symmetry, reference, resampling)
        mean_se = values.std(axis=0) / np.sqrt(len(stack) - 1)
        rows.append((parameters_from_moments(blocks, symmetry), mean_se, errors))
    parameters, mean_se, errors = zip(*rows, strict=True)
    columns = zip(*errors, strict=True)
    return Runs(np.array(parameters), np.array(mean_se), Uncertainty(*(np.array(column) for column in columns)))


def show(label: str, hits: np.ndarray, nominal: float | None = None) -> None:
    """The share of hits, and whether it is the nominal one within three binomial errors."""
    share = np.mean(hits)
    error = np.sqrt((share * (1 - share) if nominal is None else nominal * (1 - nominal)) / len(hits))
    mark = "  <--" if nominal is not None and abs(share - nominal) > 3 * error else ""
    print(f"  {label:44s}{100 * share:8.1f} +- {100 * error:.1f} %{mark}")


def show_truth(model: PIGMM, reference: PIGMM, draw: Draw, options: argparse.Namespace) -> None:
    """Coverage and false rejections where the model holds."""
    runs = fitted(draw, reference, options)
    unbiased = runs.parameters.copy()
    unbiased[:, 2:5] *= options.members / (options.members - 1)
    print(" 95 % intervals that cover the truth (nominal 95 %)")
    for k in range(13):
        hits = np.abs(unbiased[:, k] - model.parameters[k]) < 1.96 * runs.errors.parameters[:, k]
        show(f"f{k + 1}", hits, 0.95)
    truth, theory = expectation(model, GRAPHS), expectations(runs.parameters, GRAPHS, Simultaneous(options.dim))
    for k, name in enumerate(NAMES[13:]):
        hits = np.abs(theory[:, k] - truth[k]) < 1.96 * runs.errors.theory[:, k]
        show(f"theory of {name}", hits, 0.95)
    distance = distance_to(reference, runs.parameters, Simultaneous(options.dim))
    error = np.abs(distance - wasserstein(model, reference))
    show("W2 to a distant model", np.asarray(error < 1.96 * runs.errors.w2), 0.95)
    print(" tests that reject the model (nominal 5 %)")
    for k, name in enumerate(NAMES[13:]):
        show(f"z of {name}", runs.errors.p[:, k] < 0.05, 0.05)
    naive = np.abs(runs.errors.z * runs.errors.difference / runs.mean_se) > 1.96
    show("naive z of any of the 39", np.any(naive, axis=1))
    show("z of any of the 39", np.any(runs.errors.p < 0.05, axis=1))
    any_found = np.array([np.any(benjamini_hochberg(p) < 0.05) for p in runs.errors.p])
    show("any of the 39 after Benjamini-Hochberg", any_found)


def show_chance(options: argparse.Namespace) -> None:
    """Distances of untrained ensembles above their 95 % quantile, and tests that find uniform entries."""
    std = options.dim**-0.5
    shape = (options.members, options.dim, options.dim)
    bound = std * 3**0.5

    def gaussian(run: int) -> np.ndarray:
        return np.random.default_rng([options.seed, run]).normal(0, std, shape)

    def uniform(run: int) -> np.ndarray:
        return np.random.default_rng([options.seed, run]).uniform(-bound, bound, shape)

    reference = iid_model(0.0, std, options.dim)
    for name, law, draw in (
        ("Gaussian", EntryLaw.gaussian(std), gaussian),
        ("uniform", EntryLaw.uniform(bound), uniform),
    ):
        runs = fitted(draw, reference, options)
        upper = null_distance(law, Simultaneous(options.dim), options.members, seed=options.seed + 1).upper
        print(f" {name} entries, untrained")
        show(
            "W2 above its 95 % quantile by chance",
            distance_to(reference, runs.parameters, Simultaneous(options.dim)) > upper,
            0.05,
        )
        for graph in ("I22", "I45"):
            show(f"z of {graph} rejects", runs.errors.p[:, NAMES.index(graph) - 13] < 0.05)


def generic_model(dim: int, seed: int) -> PIGMM:
    """All blocks correlated, none close to singular."""
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((2, 4)), rng.standard_normal((3, 6))
    blocks = pack_symmetric(a @ a.T / 4), pack_symmetric(b @ b.T / 6)
    return PIGMM.from_parameters(np.concatenate([rng.standard_normal(2), *blocks, [1.3, 0.7]]), dim=dim)


def main() -> None:
    parser = argparse.ArgumentParser(description="Check the coverage of intervals and the rates of tests.")
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--members", type=int, default=1000)
    parser.add_argument("--dim", type=int, default=10)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"{options.runs} runs of {options.members} members of {options.dim} x {options.dim}")
    print("\nThe 13-parameter model, all parameters generic")
    model, key = generic_model(options.dim, options.seed), jax.random.key(options.seed)
    reference = iid_model(0.0, 1.0, options.dim)
    show_truth(model, reference, lambda run: model.sample(jax.random.fold_in(key, run), options.members), options)
    print("\nIndependent entries")
    show_chance(options)


if __name__ == "__main__":
    main()
