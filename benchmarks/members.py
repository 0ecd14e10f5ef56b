"""Are single members called odd, alike or different as often as is said? Ensembles of known laws, again and again.

    python -m benchmarks.members [--runs 100] [--members 5 20 200] [--sizes 5x5 20x30 200x100]

Rates in per cent, with binomial errors of 2 for 100 runs. Nominal are 5 % for tests, at most 5 % for "any q < 0.05" of
a true law, and 95 % for intervals.
"""

import argparse
from collections.abc import Callable

import numpy as np

from analysis import Separate, Simultaneous, Symmetric, Symmetry, anomalies, one_matrix, paired
from analysis.inference.multiplicity import LEVEL
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
    symmetric = matrix.shape[0] == matrix.shape[1] and np.allclose(matrix, matrix.T)
    return matrix * factor[:, None] * (factor if symmetric else 1.0)


PLANTED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "1.5 times": scaled,
    "shifted by 0.7": shifted,
    "a row 4 times": heavy_row,
}


LAWS: dict[str, tuple[Callable[[np.random.Generator, int, int], np.ndarray], float, float, float, float]] = {
    "independent normal": (lambda rng, m, n: rng.standard_normal((m, n)), 0.0, 0.0, 0.0, 0.0),
    "row and column effects": (
        lambda rng, m, n: (
            rng.standard_normal((m, n)) + 0.7 * rng.standard_normal((m, 1)) + 0.3 * rng.standard_normal((1, n))
        ),
        *(0.49, 0.09, 0.0, 0.0),
    ),
    "independent exponential": (lambda rng, m, n: rng.exponential(size=(m, n)) - 1, 0.0, 0.0, 2.0, 6.0),
}
"""Single matrices: how each is drawn; variances of row and column effects, that of the rest being 1; skewness and
excess kurtosis of an entry."""
COVERED = ("mean", "rest", "rows", "skew", "kurt")
REJECTED = ("rows", "skew", "kurt", "largest", "any q")


def percent(hits: list) -> str:
    return f"{100 * float(np.mean(hits)):7.1f}"


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
    """Coverage of the intervals of one matrix, and how often its tests reject, for three laws."""
    for name, (draw, of_rows, of_columns, skewness, kurtosis) in LAWS.items():
        squares = np.array([rows - 1, columns - 1, 0]) * (1 + np.array([columns * of_rows, rows * of_columns, 0]))
        share = (rows - 1) * columns * of_rows / (squares.sum() + (rows - 1) * (columns - 1))
        hits = []
        for run in range(runs):
            one = one_matrix(draw(np.random.default_rng([run, rows]), rows, columns), Separate(rows, columns))
            way, at = one.two_way, one.two_way.names.index("rows")
            largest = np.nan if one.spectrum is None else one.spectrum.p
            hits.append(
                (
                    way.mean.low <= 0 <= way.mean.high,
                    way.variances.low[-1] <= 1 <= way.variances.high[-1],
                    way.share.low[at] <= share <= way.share.high[at],
                    one.skewness.low <= skewness <= one.skewness.high,
                    one.kurtosis.low <= kurtosis <= one.kurtosis.high,
                    way.p[at] < LEVEL,
                    one.skewness.p < LEVEL,
                    one.kurtosis.p < LEVEL,
                    largest < LEVEL,
                    bool(np.any(one.q < LEVEL)),
                )
            )
        cells = "".join(percent(list(column)) for column in zip(*hits, strict=True))
        print(f"  {rows:4d} x {columns:<4d} {name:24s}{cells}", flush=True)


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
    parser.add_argument("--sizes", nargs="*", default=["5x5", "20x30", "200x100"], help="of single matrices")
    options = parser.parse_args()
    print("pairs: any difference at 5 %")
    for pairs in (6, 10, 20):
        show_paired(pairs, options.runs)
    head = "".join(f"{name:>7s}" for name in (*COVERED, *REJECTED))
    print(f"\none matrix: covered by {len(COVERED)} intervals, rejected by {len(REJECTED)} tests\n{'':37s}{head}")
    for size in options.sizes:
        rows, columns = map(int, size.split("x"))
        show_one_matrix(rows, columns, options.runs)
    for symmetry in SYMMETRIES:
        print(f"\nmembers of {symmetry}")
        for members in options.members:
            show_anomalies(symmetry, members, options.runs)


if __name__ == "__main__":
    main()
