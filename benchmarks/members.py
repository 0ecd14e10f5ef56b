"""Are single members called odd, alike or different as often as is said? Ensembles of known laws, again and again.

    python -m benchmarks.members [--runs 100] [--members 5 20 200] [--sizes 5x5 20x50 100x30]

Rates in per cent, with binomial errors of 2 for 100 runs. Nominal are 5 % for tests, at most 5 % for "any q < 0.05" of
a true law, and 95 % for intervals.
"""

import argparse
from collections.abc import Callable

import numpy as np

from analysis import Separate, Simultaneous, Symmetric, Symmetry, anomalies, one_matrix, paired
from analysis.inference.similarity import similarity

SYMMETRIES: tuple[Symmetry, ...] = (Separate(10, 12), Simultaneous(10), Symmetric(10))
ODD = 1
"""The member that is made odd."""


def scaled(matrix: np.ndarray) -> np.ndarray:
    return 1.5 * matrix


def shifted(matrix: np.ndarray) -> np.ndarray:
    return matrix + 0.7


def heavy_row(matrix: np.ndarray) -> np.ndarray:
    """Of symmetric matrices row and column."""
    factor = np.ones(len(matrix))
    factor[2] = 4.0
    symmetric = matrix.shape[0] == matrix.shape[1] and np.array_equal(matrix, matrix.T)
    return matrix * factor[:, None] * (factor if symmetric else 1.0)


PLANTED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "1.5 times": scaled,
    "shifted by 0.7": shifted,
    "a row 4 times": heavy_row,
}


def percent(hits: list) -> str:
    return f"{100 * float(np.mean(hits)):6.1f}"


def show_anomalies(symmetry: Symmetry, members: int, runs: int) -> None:
    stacks = [symmetry.standard_normal(np.random.default_rng([run, members]), members) for run in range(runs)]
    found = [anomalies(stack, symmetry) for stack in stacks]
    alike = [bool(similarity(stack, symmetry).pairs()) for stack in stacks]
    tested, called = np.concatenate([one.p for one in found]) < 0.05, [len(one.found) > 0 for one in found]
    print(f"  {members:6d} p < 0.05 {percent(list(tested))}, any odd {percent(called)}", end="")
    print(f", any pair alike {percent(alike)}; found:", end="")
    for name, change in PLANTED.items():
        hits, others = [], []
        for stack in stacks[: max(10, runs // 5)]:
            planted = stack.copy()
            planted[ODD] = change(planted[ODD])
            odd = set(anomalies(planted, symmetry).found.tolist())
            hits.append(ODD in odd)
            others.append(len(odd - {ODD}))
        print(f" {name} {percent(hits)} (others {np.mean(others):.2f})", end=",")
    print()


def show_one_matrix(rows: int, columns: int, runs: int) -> None:
    laws: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
        "independent normal": lambda rng: rng.standard_normal((rows, columns)),
        "row and column effects": lambda rng: (
            rng.standard_normal((rows, columns))
            + 0.7 * rng.standard_normal((rows, 1))
            + 0.3 * rng.standard_normal((1, columns))
        ),
        "independent exponential": lambda rng: rng.exponential(size=(rows, columns)) - 1,
    }
    for name, draw in laws.items():
        skewness, kurtosis = (2, 6) if "exponential" in name else (0, 0)
        hits = []
        for run in range(runs):
            one = one_matrix(draw(np.random.default_rng([run, rows])), Separate(rows, columns))
            way = one.two_way
            hits.append(
                (
                    way.mean.low <= 0 <= way.mean.high,
                    way.variances.low[-1] <= 1 <= way.variances.high[-1],
                    one.skewness.low <= skewness <= one.skewness.high,
                    one.kurtosis.low <= kurtosis <= one.kurtosis.high,
                    way.p[-1] < 0.05,
                    one.spectrum.p < 0.05,
                    bool(np.any(one.q < 0.05)),
                )
            )
        cells = "".join(percent(list(column)) for column in zip(*hits, strict=True))
        print(f"  {rows:4d} x {columns:<4d} {name:26s}{cells}")


def show_paired(pairs: int, runs: int) -> None:
    null, found = [], []
    for run in range(runs):
        rng = np.random.default_rng([run, pairs])
        scale = np.exp(0.5 * rng.standard_normal((pairs, 1, 1)))
        first, second = scale * rng.standard_normal((2, pairs, 10, 12))
        tuned = 1.02 * first + 0.02 * scale * rng.standard_normal(first.shape)
        null.append(paired(first, second).any_p < 0.05)
        found.append(paired(first, tuned).any_p < 0.05)
    print(f"  {pairs:4d} pairs: nothing differs {percent(null)}, 2 % larger {percent(found)}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Rates of the statistics of single members.")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--members", type=int, nargs="*", default=[5, 20, 200])
    parser.add_argument("--sizes", nargs="*", default=["5x5", "20x50", "100x30"], help="of single matrices")
    options = parser.parse_args()
    print("pairs: any difference at 5 %")
    for pairs in (6, 12, 40):
        show_paired(pairs, options.runs)
    print(f"\none matrix{'':30s}  mean  rest  skew  kurt   (covered)  rows  largest  any q (rejected)")
    for size in options.sizes:
        rows, columns = map(int, size.split("x"))
        show_one_matrix(rows, columns, options.runs)
    for symmetry in SYMMETRIES:
        print(f"\nmembers of {symmetry}")
        for members in options.members:
            show_anomalies(symmetry, members, options.runs)


if __name__ == "__main__":
    main()
