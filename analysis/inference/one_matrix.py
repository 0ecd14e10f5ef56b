"""What a single matrix says: an ensemble of one member has no spread over members, but many rows and columns.

Errors take rows and columns for random draws. A quantity is a mean over entries of what each entry adds to it, and has
the error of that mean (`two_way.mean_of`). The cumulants of larger patterns have the error of a Gaussian matrix.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

from analysis.inference.cumulants import Estimates, centred_invariants, pattern_cumulants
from analysis.inference.entry_sums import counted, effects_of, entry_count, entry_sums, moments_of, row_blocks
from analysis.inference.multiplicity import benjamini_hochberg
from analysis.inference.tails import power_tail
from analysis.inference.two_way import Mean, TwoWay, mean_of, two_way
from analysis.model.marchenko_pastur import Bulk, tracy_widom_tail
from analysis.model.singular_values import of_gram
from analysis.model.status import joined
from analysis.symmetry import Symmetry
from analysis.symmetry.choice import layout_of, single_with_symmetry

SIMULATED = 40
"""Rows or columns up to which the largest singular value is compared with simulated ones; beyond, with its limit."""
DRAWS = 1999
CHUNK_ENTRIES = 1 << 18
"""Entries simulated at once: some megabytes."""
ALPHA = 0.05
ROUNDING = 1e-24
"""A variance below this part of the mean square is one of rounding errors."""
UNKNOWN = (
    "one matrix: variances common to all its entries, distances between laws with errors, and whether members differ "
    "need several members"
)
"""What one matrix can't give."""
FEWEST_ENTRIES = 100
FEW = f"fewer than {FEWEST_ENTRIES} entries: the interval of the kurtosis is too short, and its p too small"
"""By `benchmarks/members.py`: of 5 x 5 independent Gaussian entries p is below 5 % in 12 %."""


class LargestSingular(NamedTuple):
    """Singular values of what remains after the means of rows and columns, against those of independent entries."""

    singular: Float[np.ndarray, "p"]
    """From the largest, and to 1e-8 of it."""
    bulk: Bulk
    """Marchenko and Pastur's law for independent entries of the same variance, in units squared."""
    above: int
    """How many exceed what the largest stays below in 95 %; for entries with light tails."""
    p: float
    """Probability that the largest is as large; NaN where nothing remains."""


class OneMatrix(NamedTuple):
    """What one matrix allows; NaN where it is too small, or its entries do not vary."""

    symmetry: Symmetry
    layout: Symmetry
    """Of rows and columns, or of the nodes of a symmetric matrix."""
    two_way: TwoWay
    """Mean, variances and the shares of rows and columns."""
    skewness: Mean
    """Of an entry (off the diagonal in symmetric matrices)."""
    kurtosis: Mean
    """Excess kurtosis of an entry; the interval is too short for few entries (`status`), and for heavy tails."""
    cumulants: Estimates
    """Of `symmetry.patterns`: values and standardised ones; z and p say whether the matrix is Gaussian."""
    q: Float[np.ndarray, "patterns"]
    """p adjusted for the false-discovery rate among the patterns."""
    spectrum: LargestSingular | None
    """None where it was not asked for."""
    status: str
    """What one matrix, or so small a one, can't give."""


def one_matrix(matrix: Any, symmetry: Symmetry | None = None) -> OneMatrix:
    """What a single matrix [m, n], or [1, m, n], allows.

    Args:
        matrix: of finite entries, at least 2 x 2.
        symmetry: of the patterns; by default that of nodes for a symmetric one, less a diagonal that is one constant;
            else separate permutations.

    Raises:
        ValueError: if it is not one matrix of the shape of the symmetry, or smaller, or an entry is not finite.
    """
    given = np.asarray(matrix, dtype=np.float64)
    if given.ndim == 3 and len(given) == 1:
        given = given[0]
    if given.ndim != 2 or min(given.shape) < 2:
        raise ValueError(f"matrix of shape {np.shape(matrix)}: give a single one, with at least 2 rows and 2 columns")
    if not np.isfinite(given).all():
        raise ValueError(f"{int(np.sum(~np.isfinite(given)))} entries are not finite: give a matrix of finite numbers")
    if symmetry is None:
        given, symmetry = single_with_symmetry(given)
    stack = symmetry.read(given[None])
    moments = np.asarray(symmetry.block_moments(stack))
    invariants = centred_invariants(stack, moments, symmetry.every, symmetry)
    return with_cumulants(given, symmetry, pattern_cumulants(invariants, moments, symmetry))


def with_cumulants(
    matrix: Shaped[np.ndarray, "m n"], symmetry: Symmetry, cumulants: Estimates, spectral: bool = True
) -> OneMatrix:
    """What a single matrix allows whose cumulants are known, reading it in blocks of rows: it may be large.

    Args:
        matrix: of finite real numbers of any type.
        symmetry: of the patterns.
        cumulants: of `symmetry.patterns`.
        spectral: whether its singular values are computed.
    """
    layout = layout_of(symmetry)
    count = entry_count(layout)
    (whole,) = entry_sums(matrix, layout, [lambda block, at: block])
    mean = whole.total / count
    powers = entry_sums(matrix, layout, [lambda block, at, k=k: (block - mean) ** k for k in (1, 2, 3)])
    moments = moments_of(powers[0], layout)
    moments[0] += np.sqrt(count) * mean
    rows, columns = effects_of(powers[0], layout)
    std = np.sqrt(powers[0].squares / count)
    if std**2 <= ROUNDING * mean**2:
        std = 0.0
    skewness = powers[2].total / count / std**3 if std > 0 else np.nan
    kurtosis = powers[1].squares / count / std**4 - 3 if std > 0 else np.nan
    rest, *added = entry_sums(
        matrix,
        layout,
        [
            lambda block, at: counted(block - mean - rows[at, None] - columns, at, layout) ** 2,
            lambda block, at: _to_skewness((block - mean) / (std or np.nan), skewness),
            lambda block, at: _to_kurtosis((block - mean) / (std or np.nan), skewness, kurtosis),
        ],
    )
    remains = std > 0 and rest.total > ROUNDING * count * (mean**2 + std**2)
    excess = (rest.squares / rest.total) * (count / rest.total) - 3 if remains else 0.0
    gram = np.zeros((min(matrix.shape),) * 2)
    if spectral and remains:
        gram = _gram(matrix, mean, rows, columns, layout)
    of_skewness, of_kurtosis = (mean_of(moments_of(part, layout), layout) for part in added)
    return OneMatrix(
        symmetry=symmetry,
        layout=layout,
        two_way=two_way(moments, layout, excess),
        skewness=of_skewness,
        kurtosis=of_kurtosis,
        cumulants=cumulants,
        q=benjamini_hochberg(cumulants.p),
        spectrum=_largest(gram, layout) if spectral else None,
        status=joined([UNKNOWN, FEW if count < FEWEST_ENTRIES else ""]),
    )


def _to_skewness(u: Float[np.ndarray, "rows n"], g: float) -> Float[np.ndarray, "rows n"]:
    """What standardised entries u add to their skewness g, the change of mean and variance with it; its mean is g."""
    return u**3 - 3 * u - 1.5 * g * (u**2 - 1)


def _to_kurtosis(u: Float[np.ndarray, "rows n"], g: float, k: float) -> Float[np.ndarray, "rows n"]:
    """The same of the excess kurtosis k, beside the skewness g."""
    return u**4 - 3 - 4 * g * u - 2 * (k + 3) * (u**2 - 1)


def _gram(
    matrix: Shaped[np.ndarray, "m n"],
    mean: float,
    rows: Float[np.ndarray, "m"],
    columns: Float[np.ndarray, "n"],
    layout: Symmetry,
) -> Float[np.ndarray, "p p"]:
    """E^T E of what remains, or E E^T where that is smaller: many times faster than a decomposition."""
    if matrix.shape[0] < matrix.shape[1]:
        matrix, rows, columns = matrix.T, columns, rows
    gram = np.zeros((matrix.shape[1],) * 2)
    for at, block in row_blocks(matrix):
        rest = counted(block - mean - rows[at, None] - columns, at, layout)
        gram += rest.T @ rest
    return gram


def _largest(gram: Float[np.ndarray, "p p"], layout: Symmetry) -> LargestSingular:
    singular, block = of_gram(gram), layout.blocks[-1]
    squares = np.sum(singular**2)
    rows, columns = layout.shapes[0]
    copies = 1 if layout.tensors.separate else 2  # of each entry
    bulk = Bulk(float(squares) / max(copies * block.dimension, 1), rows - 1, columns - 1)
    if not block.dimension or not squares > 0:
        return LargestSingular(singular, bulk, 0, np.nan)
    if min(rows, columns) <= SIMULATED:
        p = power_tail(singular**2 / squares, _simulated_shares(layout))
    elif layout.tensors.separate:
        p = np.array([bulk.tail(square) for square in singular**2])
    else:
        p = _tails_of_symmetric(singular, bulk)
    return LargestSingular(singular, bulk, int(np.sum(p < ALPHA)), float(p[0]))


@lru_cache(maxsize=64)
def _simulated_shares(layout: Symmetry) -> Float[np.ndarray, "draws"]:
    """The largest squared singular value over the sum of all, in matrices of independent normal entries."""
    generator, shares = np.random.default_rng(0), []
    step = max(1, CHUNK_ENTRIES // min(layout.shapes[0]) ** 2)
    for start in range(0, DRAWS, step):
        squared = np.linalg.svd(_normal_rest(layout, min(step, DRAWS - start), generator), compute_uv=False) ** 2
        shares.append(squared[:, 0] / squared.sum(axis=1))
    return np.concatenate(shares)


def _normal_rest(layout: Symmetry, draws: int, generator: np.random.Generator) -> Float[np.ndarray, "draws p p"]:
    """Matrices with the singular values of what remains of independent normal entries.

    Of p + 1 rows and q + 1 columns, p <= q, these are the values of a triangle of normal entries below a diagonal of
    roots of chi^2 with q, q - 1, ... degrees of freedom, whatever q is.

    Source: Bartlett, Proc. R. Soc. Edinburgh 53 (1933), 260.
    """
    if not layout.tensors.separate:
        return layout.project(layout.standard_normal(generator, draws))[-1][:, 0]
    p, q = (side - 1 for side in sorted(layout.shapes[0]))
    triangle = np.tril(generator.standard_normal((draws, p, p)), -1)
    triangle[:, range(p), range(p)] = np.sqrt(generator.chisquare(q - np.arange(p), (draws, p)))
    return triangle


def _tails_of_symmetric(singular: Float[np.ndarray, "p"], bulk: Bulk) -> Float[np.ndarray, "p"]:
    """Of entries of variance v the eigenvalues end at sqrt(v) (2 sqrt(p) + p^(-1/6) t), at both ends.

    With p = D - 7/2: without the diagonal, and the means of the nodes, the mean square eigenvalue is that of D - 2
    nodes, and the edge of such matrices lies 3/2 further in. Tried by simulation at D = 42 to 120.

    Source: Tracy and Widom, Commun. Math. Phys. 177 (1996), 727.
    """
    root = np.sqrt(bulk.rows - 2.5)
    t = (singular / np.sqrt(bulk.variance) - 2 * root) * root ** (1 / 3)
    return np.asarray(1 - (1 - tracy_widom_tail(t)) ** 2)
