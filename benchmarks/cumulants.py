"""Do tests of graph cumulants reject as often as they say, and do their intervals cover?

    python -m benchmarks.cumulants [--runs 400] [--members 1 3 5 10 20 200 1000] [--shape 10 10] [--seed 0]

Rejections in per cent of the cumulants that are 0, at a nominal 5 %: over all connected graphs of degree 3 and 4, of
the worst graph, and of ensembles in which any has q < 0.05; then the coverage of the 95 % intervals of the skewness
and the excess kurtosis of an entry. "Gaussian error" is what only Gaussian members have.
"""

import argparse

import numpy as np
from scipy.special import ndtr

from analysis import Separate
from analysis.inference.cumulants import pattern_cumulants
from analysis.inference.multiplicity import LEVEL, benjamini_hochberg
from analysis.model.cumulant_errors import gaussian_error
from analysis.model.plugin import parameters_from_moments

ENTRY = ("0-0,0-0,0-0", "0-0,0-0,0-0,0-0")
"""The cumulants of a single entry."""
COVER = 1.96
LAWS = {
    "independent Gaussian": (lambda rng, size: rng.standard_normal(size), (0.0, 0.0)),
    "Gaussian with row and member effects": (
        lambda rng, size: (
            rng.standard_normal(size) + rng.standard_normal((*size[:2], 1)) + 0.5 * rng.standard_normal((size[0], 1, 1))
        ),
        (0.0, 0.0),
    ),
    "independent exponential": (lambda rng, size: rng.standard_exponential(size), (2.0, 6.0)),
    "independent uniform": (lambda rng, size: rng.uniform(-1.0, 1.0, size), (0.0, -1.2)),
}
"""How each is drawn, and its skewness and excess kurtosis."""


def show(label: str, shares: list[float]) -> None:
    print(f"  {label:40s}" + "".join(f"{100 * share:9.1f}" for share in shares), flush=True)


def calibrate(law: str, members: int, options: argparse.Namespace) -> None:
    """One row for one law and number of members."""
    draw, true = LAWS[law]
    symmetry, rng = Separate(*options.shape), np.random.default_rng(options.seed)
    zero = np.array([name not in ENTRY or true == (0.0, 0.0) for name in symmetry.pattern_names])
    own, gaussian, covered = [], [], []
    for _ in range(options.runs):
        stack = draw(rng, (members, *options.shape))
        moments = np.asarray(symmetry.block_moments(stack))
        found = pattern_cumulants(symmetry.evaluate(symmetry.every, stack), moments, symmetry)
        error = gaussian_error(symmetry.patterns, parameters_from_moments(moments, symmetry), symmetry, members)
        own.append(found.p)
        gaussian.append(2 * ndtr(-np.abs(found.value / error)))
        where = [symmetry.pattern_names.index(name) for name in ENTRY]
        distance = np.abs(found.standardised[where] - true)
        covered.append(distance <= COVER * found.standardised_se[where])
    p, by_gauss = np.array(own)[:, zero], np.array(gaussian)[:, zero]
    any_q = np.mean([np.nanmin(benjamini_hochberg(row)) < LEVEL for row in p])
    rates = np.mean(p < LEVEL, axis=0)
    show(
        f"{law}, N = {members}",
        [
            float(np.mean(by_gauss < LEVEL)),
            float(rates.mean()),
            float(rates.max()),
            float(any_q),
            *np.mean(covered, axis=0),
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Check the rates of tests and the coverage of intervals.")
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--members", type=int, nargs="+", default=[1, 3, 5, 10, 20, 200, 1000])
    parser.add_argument("--shape", type=int, nargs=2, default=[10, 10])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"{options.shape[0]} x {options.shape[1]}, {options.runs} ensembles a row, per cent")
    print(f"  {'':40s}{'Gaussian':>9s}{'all':>9s}{'worst':>9s}{'any q':>9s}{'skewness':>9s}{'kurtosis':>9s}")
    for law in LAWS:
        for members in options.members:
            calibrate(law, members, options)


if __name__ == "__main__":
    main()
