"""Do the tests and bands of singular values hold what they promise? Ensembles of known laws, again and again.

    python -m benchmarks.spectra [--runs 400] [--bands 50] [--members 20 200 1000] [--dim 10] [--symmetry simultaneous]

Every row is a share of the runs in per cent, with its binomial error: rejections at 5 % of the trace moments of order 2
and 3, and how often the means of ranks, the number of outliers and the spectral radius lie in their band of 95 %.
"""

import argparse
from collections.abc import Callable

import jax
import numpy as np

from analysis import Separate, Simultaneous, Symmetric, Symmetry
from analysis.inference.spectrum import Compared, Spectrum, spectrum, trace_test
from benchmarks.calibration import generic_model

Draw = Callable[[int], np.ndarray]
"""An ensemble for each number of a run."""


def covered(compared: Compared) -> np.ndarray:
    return (compared.low <= compared.observed) & (compared.observed <= compared.high)


def show(label: str, hits: np.ndarray, nominal: str) -> None:
    rate = float(np.mean(hits))
    print(f"  {label:44s}{100 * rate:7.1f} +- {100 * np.sqrt(rate * (1 - rate) / len(hits)):3.1f}   ({nominal})")


def tested(stack: np.ndarray, symmetry: Symmetry) -> np.ndarray:
    moments = np.asarray(symmetry.block_moments(stack))
    return trace_test(np.linalg.svd(stack, compute_uv=False), moments, symmetry)[0].p


def report(title: str, draw: Draw, symmetry: Symmetry, runs: int, bands: int) -> None:
    print(f" {title}")
    p = np.array([tested(draw(run), symmetry) for run in range(runs)])
    for k in (1, 2):
        show(f"tr (M M^T)^{k + 1} rejected at 5 %", p[:, k] < 0.05, "5")
    if not bands:
        return
    found: list[Spectrum] = [spectrum(draw(run), symmetry, seed=run) for run in range(bands)]
    show("ranks in their bands, each by itself", np.array([covered(one.ranks).mean() for one in found]), "95")
    show("number of outliers in its band", np.array([covered(one.above) for one in found]), "95 or more")
    radii = [covered(one.radius) for one in found if one.radius is not None]
    if radii:
        show("spectral radius in its band", np.array(radii), "95")


def main() -> None:
    parser = argparse.ArgumentParser(description="Rejection rates and coverage of the comparison of singular values.")
    parser.add_argument("--runs", type=int, default=400, help="ensembles whose trace moments are tested")
    parser.add_argument("--bands", type=int, default=50, help="ensembles of which bands are simulated; 0 for none")
    parser.add_argument("--members", type=int, nargs="+", default=[20, 200, 1000])
    parser.add_argument("--dim", type=int, default=10)
    parser.add_argument("--symmetry", choices=("simultaneous", "separate", "symmetric"), default="simultaneous")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    dim, seed = options.dim, options.seed
    symmetry: Symmetry = {
        "simultaneous": Simultaneous(dim),
        "separate": Separate(dim, dim + 2),
        "symmetric": Symmetric(dim),
    }[options.symmetry]
    model = generic_model(symmetry, seed)
    for members in options.members:
        print(f"\n{options.runs} ensembles of {members} members, {symmetry}")

        def normal(run: int, members: int = members) -> np.ndarray:
            return symmetry.standard_normal(np.random.default_rng([seed, run]), members)

        def generic(run: int, members: int = members) -> np.ndarray:
            return model.sample(jax.random.fold_in(jax.random.key(seed), run), members)

        report("independent normal entries", normal, symmetry, options.runs, options.bands)
        report("the full model, all parameters different", generic, symmetry, options.runs, options.bands)


if __name__ == "__main__":
    main()
