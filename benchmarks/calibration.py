"""Do intervals cover and tests reject as often as they say? Ensembles of known laws, fitted again and again.

    python -m benchmarks.calibration [--runs 200] [--members 5 20 200] [--dim 10] [--symmetry simultaneous] [--seed 0]

Every row is a share of the runs in per cent, with its binomial error: as it was done before (naive), and as it is done.
Nominal are 95 % for intervals, 5 % for tests, and at most 5 % for "any of the predicted deviates" of a true law.
"""

import argparse
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from scipy.special import erfc

from analysis import Gaussian, Symmetry, expectation, expectations, fit, model_of, wasserstein
from analysis.inference.errors import Uncertainty, uncertainty
from analysis.inference.multiplicity import benjamini_hochberg, hierarchical
from analysis.inference.nesting import contrasts, wald_within
from analysis.inference.resampling import bootstrap
from analysis.inference.theory_test import TheoryTest, chance_level, theory_test
from analysis.inference.wald import wald_of_means
from analysis.model.plugin import parameters_from_moments, pseudo_values
from analysis.symmetry import Separate, Simultaneous, Symmetric

Draw = Callable[[int], np.ndarray]
"""An ensemble for each number of a run."""
DISTANCES = (0.0, 0.05, 0.2, 1.0, 3.0)
"""True distances at which intervals are tried, in standard deviations of an entry."""
CELLS = 30
"""Epochs and layers of a run, for the control of false discoveries."""


class Run(NamedTuple):
    """One fitted ensemble."""

    values: np.ndarray
    moments: np.ndarray
    errors: Uncertainty
    test: TheoryTest


def fitted(stack: np.ndarray, symmetry: Symmetry, reference: Gaussian | None = None) -> Run:
    graphs = symmetry.predicted
    values, moments = symmetry.evaluate(graphs, stack), np.asarray(symmetry.block_moments(stack))
    errors = uncertainty(values, moments, graphs, symmetry, reference, bootstrap(len(stack)))
    return Run(values, moments, errors, theory_test(values, moments, graphs, symmetry))


def show(label: str, before: np.ndarray | None, after: np.ndarray) -> None:
    """Shares of hits before and after, with binomial errors."""

    def share(hits: np.ndarray) -> str:
        rate = float(np.mean(hits))
        return f"{100 * rate:7.1f} +- {100 * np.sqrt(rate * (1 - rate) / len(hits)):3.1f}"

    print(f"  {label:52s}{'' if before is None else share(before):>16s}{share(after):>16s}")


def naive_p(run: Run, symmetry: Symmetry) -> np.ndarray:
    """As before: plug-in theory less mean over its bootstrap error, by the normal law."""
    theory = expectations(parameters_from_moments(run.moments, symmetry), symmetry.predicted, symmetry)
    z = (theory - run.values.mean(axis=0)) / np.where(run.errors.difference > 0, run.errors.difference, np.nan)
    return erfc(np.abs(z) / np.sqrt(2))


def show_predictions(draw: Draw, law: Gaussian | None, options: argparse.Namespace, members: int) -> None:
    """False or true discoveries among the predicted invariants, mean z, and deviations above the level of chance."""
    symmetry = options.of
    runs = [fitted(draw(run), symmetry) for run in range(options.runs)]
    p = np.array([run.test.p for run in runs])
    before = np.array([naive_p(run, symmetry) for run in runs])
    any_found = [np.array([np.any(benjamini_hochberg(row) < 0.05) for row in each]) for each in (before, p)]
    show("any of the predicted has q < 0.05", *any_found)
    if law is None:
        return
    z = np.array([run.test.z for run in runs])
    print(f"  largest mean z of an invariant: {np.abs(z.mean(axis=0)).max():.2f} (chance {2.5 / np.sqrt(len(z)):.2f})")
    deviations, levels = [], []
    for run in runs:
        theory = expectations(parameters_from_moments(run.moments, symmetry), symmetry.predicted, symmetry)
        std = run.values.std(axis=0)
        deviations.append(np.abs(theory - run.values.mean(axis=0)) / std)
        levels.append(chance_level(run.test, std, members, symmetry))
    above = [np.ravel(np.array(deviations) > level) for level in (members**-0.5, np.array(levels))]
    show("deviations above their level of chance (1/sqrt N)", *above)


def show_intervals(model: Gaussian, options: argparse.Namespace, members: int) -> None:
    """Coverage of the intervals of parameters and theory where the model holds."""
    symmetry, key = options.of, jax.random.key(options.seed)
    block, cover, theory_cover = symmetry.blocks[0], [], []
    truth = expectation(model, symmetry.predicted)
    for number in range(options.runs):
        run = fitted(model.sample(jax.random.fold_in(key, number), members), symmetry)
        f = parameters_from_moments(run.moments, symmetry)
        theory = expectations(f, symmetry.predicted, symmetry)
        f[block.slots : block.slots + block.entries] *= members / (members - 1)
        cover.append(np.abs(f - model.parameters) < 1.96 * run.errors.parameters)
        theory_cover.append(np.abs(theory - truth) < 1.96 * run.errors.theory)
    show("95 % intervals of parameters cover", None, np.ravel(cover))
    show("95 % intervals of the theory cover", None, np.ravel(theory_cover))


def show_distances(options: argparse.Namespace, members: int) -> None:
    """Coverage of the intervals of W2 to independent entries, for laws at given distances from them."""
    symmetry, size = options.of, np.sqrt(options.of.size)
    start = model_of(symmetry, symmetry.isotropic(0.0, 1.0))
    far = generic_model(symmetry, options.seed)
    scale = wasserstein(start, far)
    for distance in DISTANCES:
        share = min(distance * size / 10 / scale, 1.0)
        law = model_of(symmetry, start.parameters + share * (far.parameters - start.parameters))
        true, before, after = wasserstein(law, start), [], []
        for number in range(options.runs):
            key = jax.random.fold_in(jax.random.key(options.seed + 1), number)
            stack = law.sample(key, members)
            errors = fitted(stack, symmetry, start).errors
            w2 = wasserstein(fit(stack, symmetry).model, start)
            before.append(abs(w2 - true) < 1.96 * errors.w2)
            after.append(errors.distance.low <= true <= errors.distance.high)
        show(f"95 % intervals of W2 cover at {true:.3g}", np.array(before), np.array(after))


def show_wald(draw: Draw, options: argparse.Namespace) -> None:
    """Rejections at 5 % of each smaller model within the full one, all true for independent entries."""
    symmetry = options.of
    moments = np.array([np.asarray(symmetry.block_moments(draw(run))) for run in range(10 * options.runs)])
    for name in symmetry.family:
        if name != symmetry.full:
            values = pseudo_values(moments, symmetry) @ contrasts(name, symmetry.full, symmetry).T
            before, after = wald_of_means(values), wald_within(moments, name, symmetry)
            show(f"Wald test rejects {name} (F law)", before.p < 0.05, after.p < 0.05)


def show_false_discoveries(options: argparse.Namespace) -> None:
    """False discoveries in cells without a deviation, beside others that have many."""
    rng = np.random.default_rng(options.seed)
    tests, flags = 39, {"pooled": [], "hierarchical": []}
    for _ in range(options.runs):
        p = rng.uniform(size=(CELLS, tests))
        p[: CELLS // 2, : tests // 2] *= 1e-6
        for name, control in (("pooled", benjamini_hochberg), ("hierarchical", hierarchical)):
            flags[name].append(np.any(control(p)[CELLS // 2 :] < 0.05, axis=1))
    show("null cells flagged beside as many that deviate", *map(np.ravel, flags.values()))


def generic_model(symmetry: Symmetry, seed: int) -> Gaussian:
    """All parameters different, none close to singular."""
    rng = np.random.default_rng(seed)
    covariances = []
    for block in symmetry.blocks:
        half = rng.standard_normal((block.copies, 2 * block.copies))
        covariances.append(half @ half.T / (2 * block.copies) + 0.1 * np.eye(block.copies))
    return Gaussian(symmetry, rng.standard_normal(symmetry.blocks[0].copies), tuple(covariances))


def main() -> None:
    parser = argparse.ArgumentParser(description="Check the coverage of intervals and the rates of tests.")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--members", type=int, nargs="+", default=[5, 20, 200])
    parser.add_argument("--dim", type=int, default=10)
    parser.add_argument("--symmetry", choices=("simultaneous", "separate", "symmetric"), default="simultaneous")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    dim = options.dim
    options.of = {"simultaneous": Simultaneous(dim), "separate": Separate(dim, dim + 2), "symmetric": Symmetric(dim)}[
        options.symmetry
    ]
    model = generic_model(options.of, options.seed)
    for members in options.members:
        print(f"\n{options.runs} ensembles of {members} members, {options.of}\n{'':54s}{'before':>16s}{'now':>16s}")

        def normal(run: int, members: int = members) -> np.ndarray:
            return options.of.standard_normal(np.random.default_rng([options.seed, run]), members)

        def uniform(run: int, members: int = members) -> np.ndarray:
            uniform = np.random.default_rng([options.seed, run]).uniform(-1, 1, (members, *options.of.shapes[0]))
            return options.of.compose(options.of.project(uniform))

        def generic(run: int, members: int = members) -> np.ndarray:
            return model.sample(jax.random.fold_in(jax.random.key(options.seed), run), members)

        print(" independent normal entries")
        show_predictions(normal, model, options, members)
        show_wald(normal, options)
        print(" the full model, all parameters different")
        show_predictions(generic, model, options, members)
        show_intervals(model, options, members)
        show_distances(options, members)
        print(" uniform entries, which the model does not describe")
        show_predictions(uniform, None, options, members)
    print(f"\n{CELLS} epochs and layers, half of them with 19 of 39 that deviate{'':9s}{'pooled':>10s}{'now':>16s}")
    show_false_discoveries(options)


if __name__ == "__main__":
    main()
