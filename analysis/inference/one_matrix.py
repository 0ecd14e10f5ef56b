"""What a single matrix says: an ensemble of one member has no spread over members, but many rows and columns.

Errors take rows and columns for random draws. A quantity is a mean over entries of what each entry adds to it, and has
the error of that mean (`two_way.mean_of`). The cumulants of larger patterns have the error of a Gaussian matrix.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from analysis.inference.cumulants import Estimates, centred_invariants, pattern_cumulants
from analysis.inference.multiplicity import benjamini_hochberg
from analysis.inference.tails import power_tail
from analysis.inference.two_way import Interval, TwoWay, mean_of, two_way
from analysis.model.marchenko_pastur import Bulk, tracy_widom_tail
from analysis.symmetry import Symmetry
from analysis.symmetry.choice import layout_of, symmetry_of_one

SIMULATED = 40
"""Rows or columns up to which the largest singular value is compared with simulated ones; beyond, with its limit."""
DRAWS = 1999
CHUNK_ENTRIES = 1 << 18
"""Entries simulated at once: some megabytes."""
ALPHA = 0.05
UNKNOWN = (
    "one matrix: variances common to all its entries, distances between laws with errors, and whether members differ "
    "need several members"
)
"""What one matrix can't give."""


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
    skewness: Interval
    """Of an entry (off the diagonal in symmetric matrices)."""
    kurtosis: Interval
    """Excess kurtosis of an entry."""
    cumulants: Estimates
    """Of `symmetry.patterns`: values and standardised ones; z and p say whether the matrix is Gaussian."""
    q: Float[np.ndarray, "patterns"]
    """p adjusted for the false-discovery rate among the patterns."""
    spectrum: LargestSingular
    status: str
    """What one matrix can't give."""


def one_matrix(matrix: Any, symmetry: Symmetry | None = None) -> OneMatrix:
    """What a single matrix [m, n], or [1, m, n], allows.

    Args:
        matrix: of finite entries, at least 2 x 2.
        symmetry: of the patterns; by default that of symmetric matrices where it is one, else separate permutations.

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
    symmetry = symmetry or symmetry_of_one(given)
    stack = symmetry.read(given[None])
    layout = layout_of(symmetry)
    entries = np.asarray(layout.compose(layout.project(np.ones((1, *given.shape)))))[0] > 0.5
    rest = layout.project(stack)[-1].reshape(given.shape)
    moments = np.asarray(layout.block_moments(stack))[0]
    of_pattern = pattern_cumulants(
        centred_invariants(stack, np.asarray(symmetry.block_moments(stack)), symmetry.every, symmetry),
        np.asarray(symmetry.block_moments(stack)),
        symmetry,
    )
    skewness, kurtosis = _shape(given, entries, layout)
    return OneMatrix(
        symmetry=symmetry,
        layout=layout,
        two_way=two_way(moments, layout, _excess(rest[entries])),
        skewness=skewness,
        kurtosis=kurtosis,
        cumulants=of_pattern,
        q=benjamini_hochberg(of_pattern.p),
        spectrum=_largest(rest, layout),
        status=UNKNOWN,
    )


def _shape(
    matrix: Float[np.ndarray, "m n"], entries: Bool[np.ndarray, "m n"], layout: Symmetry
) -> tuple[Interval, Interval]:
    """Skewness and excess kurtosis, each with the interval of the mean of what entries add to it.

    With u = (M - mean) / std: u^3 - 3u - 3/2 g (u^2 - 1), of mean g, and u^4 - 3 - 4 g u - 2 (k + 3) (u^2 - 1), of mean
    k.
    """
    chosen = matrix[entries]
    std = chosen.std()
    if not std > 0:
        unknown = Interval(*np.full(3, np.nan))
        return unknown, unknown
    u = np.where(entries, (matrix - chosen.mean()) / std, 0.0)
    g, k = np.mean(u[entries] ** 3), _excess(chosen)
    added = (u**3 - 3 * u - 1.5 * g * (u**2 - 1), u**4 - 3 - 4 * g * u - 2 * (k + 3) * (u**2 - 1))
    first, second = (np.asarray(layout.block_moments(np.where(entries, part, 0.0)[None]))[0] for part in added)
    return mean_of(first, layout), mean_of(second, layout)


def _excess(values: Float[np.ndarray, "entries"]) -> float:
    centred = values - values.mean()
    variance = np.mean(centred**2)
    return float(np.mean(centred**4) / variance**2 - 3) if variance > 0 else 0.0


def _largest(rest: Float[np.ndarray, "m n"], layout: Symmetry) -> LargestSingular:
    gram = rest @ rest.T if len(rest) <= rest.shape[1] else rest.T @ rest  # many times faster than a decomposition
    singular = np.sqrt(np.maximum(np.linalg.eigvalsh(gram)[::-1], 0.0))
    squares, block = np.sum(singular**2), layout.blocks[-1]
    rows, columns = layout.shapes[0]
    bulk = Bulk(float(squares) / max(block.dimension, 1), rows - 1, columns - 1)
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
    generator, step = np.random.default_rng(0), max(1, CHUNK_ENTRIES // layout.size)
    shares = []
    for start in range(0, DRAWS, step):
        normal = layout.standard_normal(generator, min(step, DRAWS - start))
        rest = layout.project(normal)[-1][:, 0]
        squared = np.linalg.svd(rest, compute_uv=False) ** 2
        shares.append(squared[:, 0] / squared.sum(axis=1))
    return np.concatenate(shares)


def _tails_of_symmetric(singular: Float[np.ndarray, "p"], bulk: Bulk) -> Float[np.ndarray, "p"]:
    """Of entries of variance v / 2 the eigenvalues end at sqrt(v/2) (2 sqrt(p) + p^(-1/6) t), at both ends.

    With p = D - 7/2: without the diagonal, and the means of the nodes, the mean square eigenvalue is that of D - 2
    nodes, and the edge of such matrices lies 3/2 further in. Tried by simulation at D = 42 to 120.

    Source: Tracy and Widom, Commun. Math. Phys. 177 (1996), 727.
    """
    root = np.sqrt(bulk.rows - 2.5)
    t = (singular / np.sqrt(bulk.variance / 2) - 2 * root) * root ** (1 / 3)
    return np.asarray(1 - (1 - tracy_widom_tail(t)) ** 2)
