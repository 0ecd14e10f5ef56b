"""How an ensemble departs from independent entries of one law, in the numbers that people ask for.

All are graph cumulants of degree 2 to 4 under separate permutations of rows and columns, in units of the variance. Let
c be the covariance of two entries, and v their joint cumulant with each taken twice, which is the covariance of their
squares less 2 c^2: c_r and v_r of entries that share a row, c_c and v_c a column, c_0 and v_0 neither, which is what
members as a whole have in common. Then c_r - c_0 is the part of the variance that is that of row means, v_r - v_0 the
variance of row variances relative to their mean, and 3 (v_r + v_c - v_0) the excess kurtosis of Gaussian entries whose
scales differ so much between members, rows and columns. What remains of the kurtosis are heavy tails.

Of symmetric matrices they are those of entries off the diagonal under permutations of nodes. Two that share a node
stand for those of a row, and of a column; 2 (c_r - c_0) is the part of the variance that is that of node means.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import fdtrc, stdtr

from analysis.inference.leaving_out import error_of, left_out, pseudo_values
from analysis.model.cumulants import cumulant_table, evaluate_cumulants
from analysis.model.hermite import HIGHEST
from analysis.symmetry import Symmetry

TWO_VALUED = 1e-9
"""Kurtosis of squares up to which they do not vary."""
SMALL_BESIDE_DIAGONAL = 1e-6
"""Part of the mean square of symmetric matrices: fourth powers off the diagonal are lost in rounding below it."""
FEWEST = 3
"""Members from which on their own spread is the error."""
KEYS = {
    True: (
        *("0-0", "0-0,0-0", "0-0,0-1", "0-0,1-0", "0-0,1-1", "0-0,0-0,0-0", "0-0,0-0,0-0,0-0"),
        *("0-0,0-0,0-1,0-1", "0-0,0-0,1-0,1-0", "0-0,0-0,1-1,1-1"),
    ),
    False: (
        *("0-1", "0-1,0-1", "0-1,0-2", "0-1,0-2", "0-1,2-3", "0-1,0-1,0-1", "0-1,0-1,0-1,0-1"),
        *("0-1,0-1,0-2,0-2", "0-1,0-1,0-2,0-2", "0-1,0-1,2-3,2-3"),
    ),
}
"""By whether rows and columns are permuted apart: mean and variance; c_r, c_c, c_0; skewness and kurtosis; v_r, v_c,
v_0."""
NAMES = (
    *("row means", "column means", "member means", "row scales", "column scales", "member scales"),
    *("skewness", "kurtosis", "tails"),
)
"""The traits, in their order: c_r - c_0, c_c - c_0, c_0, v_r - v_0, v_c - v_0, v_0, and three of single entries."""


class Traits(NamedTuple):
    """Each trait in the order of `NAMES`, without a unit; NaN where the matrices are too small or do not vary."""

    value: Float[np.ndarray, "traits"]
    expected: Float[np.ndarray, "traits"]
    """0, or what products of matrices of independent Gaussian entries have."""
    se: Float[np.ndarray, "traits"]
    """Standard error over members; of one or two members that of independent Gaussian entries."""
    p: Float[np.ndarray, "traits"]
    """Of the expected value, for independent entries: whatever their law for means and scales, else Gaussian ones; of
    products, and of skewness, by the error over members."""


class _Layout(NamedTuple):
    """The different entries of a matrix."""

    entries: int
    sharing: tuple[int, int, int]
    """How many others share a row with one, how many a column, how many neither."""
    parts: tuple[float, float, float]
    """What the covariances less that of the members are multiplied by to be parts of the variance."""


def _layout(symmetry: Symmetry) -> _Layout:
    rows, columns = symmetry.shapes[0]
    if symmetry.tensors.separate:
        return _Layout(rows * columns, (columns - 1, rows - 1, (rows - 1) * (columns - 1)), (1.0, 1.0, 1.0))
    others = (2 * (rows - 2), 0, (rows - 2) * (rows - 3) // 2)
    return _Layout(rows * (rows - 1) // 2, others, (2.0, np.nan, 1.0))


def traits(
    invariants: Float[np.ndarray, "N graphs"],
    block_moments: Float[np.ndarray, "N moments"],
    symmetry: Symmetry,
    rank: int | None = None,
) -> Traits:
    """The traits of N finite members under separate permutations, or those of the nodes of symmetric ones.

    Means and scales of rows, columns and entries are normal with the variance that independent entries of the observed
    kurtosis give them; those of N members are compared by chi^2 with N - 1 degrees of freedom, each with the variance
    that its rows and columns leave it.

    Args:
        invariants: of `symmetry.every`, of the members less one constant.
        block_moments: of the members.
        symmetry: of the members.
        rank: of members that are products of two thin matrices, which are compared with products of independent ones.
    """
    members, layout = len(invariants), _layout(symmetry)
    cumulants = _cumulants(invariants.mean(axis=0), symmetry)
    if not symmetry.tensors.separate and cumulants[1] <= SMALL_BESIDE_DIAGONAL * _mean_square(invariants, symmetry):
        unknown = np.full(len(NAMES), np.nan)
        return Traits(unknown, _of_products(rank), unknown, unknown)
    value, expected = _traits(cumulants, layout), _of_products(rank)
    null = _null_error(float(value[NAMES.index("kurtosis")]), members, layout)
    p = _two_sided(_over(value - expected, null), np.inf)
    if members < FEWEST:
        return Traits(value, expected, null, _with_members(p, invariants, cumulants, symmetry))
    without = _traits(_cumulants(left_out(invariants, block_moments, symmetry).means, symmetry), layout)
    se, unbiased = error_of(without), pseudo_values(value, without).mean(axis=0)
    over_members = _two_sided(_over(unbiased - expected, se), len(without) - 1)
    at = NAMES.index("skewness")
    p[at] = max(p[at], over_members[at])
    p = over_members if rank else p
    return Traits(value, expected, se, _with_members(p, invariants, cumulants, symmetry))


def _mean_square(invariants: Float[np.ndarray, "N graphs"], symmetry: Symmetry) -> float:
    """Of all entries of symmetric matrices."""
    squares = invariants[:, [symmetry.key(graph) for graph in symmetry.every].index("0-1,0-1")]
    return float(squares.mean()) / np.prod(symmetry.shapes[0])


def _two_sided(z: np.ndarray, freedom: float | int) -> np.ndarray:
    return 2 * stdtr(freedom, -np.abs(z))


def _over(difference: np.ndarray, error: np.ndarray) -> np.ndarray:
    """In units of the error; NaN where there is none, as of members that are copies of one another."""
    return np.divide(difference, error, out=np.full_like(difference, np.nan), where=error > 0)


def _with_members(
    p: np.ndarray, invariants: np.ndarray, cumulants: np.ndarray, symmetry: Symmetry
) -> Float[np.ndarray, "traits"]:
    """The same, with those of the means and scales of members as a whole."""
    alike = _members_alike(invariants, cumulants, symmetry)
    return np.array([alike.get(name, own) for name, own in zip(NAMES, p.tolist(), strict=True)])


def _cumulants(means: Float[np.ndarray, "*batch graphs"], symmetry: Symmetry) -> Float[np.ndarray, "*batch keys"]:
    """Those of `KEYS`, from mean invariants."""
    return evaluate_cumulants(cumulant_table(HIGHEST, symmetry), means)[..., _positions(symmetry)]


@cache
def _positions(symmetry: Symmetry) -> list[int]:
    names = [symmetry.key(graph) for graph in cumulant_table(HIGHEST, symmetry).graphs]
    return [names.index(key) for key in KEYS[symmetry.tensors.separate]]


def _traits(cumulants: Float[np.ndarray, "*batch keys"], layout: _Layout) -> Float[np.ndarray, "*batch traits"]:
    _, variance, c_r, c_c, c_0, skewness, kurtosis, v_r, v_c, v_0 = np.moveaxis(cumulants, -1, 0)
    variance = np.where(variance > 0, variance, np.nan)
    means = layout.parts * np.stack([c_r - c_0, c_c - c_0, c_0], axis=-1) / variance[..., None]
    known = np.where(np.isnan(layout.parts), np.nan, 1.0)
    fourth = np.stack([v_r - v_0, v_c - v_0, v_0, kurtosis, kurtosis - 3 * (v_r + v_c - v_0)], axis=-1)
    fourth = fourth / variance[..., None] ** 2
    third = (skewness / variance**1.5)[..., None]
    return np.concatenate([means, known * fourth[..., :3], third, fourth[..., 3:]], axis=-1)


def _of_products(rank: int | None) -> Float[np.ndarray, "traits"]:
    """Traits of products A B of matrices of independent Gaussian entries with an inner size of `rank`.

    An entry has kurtosis 6/r, two of a row or of a column covariance 2/r of the squares.
    """
    unit = 1 / rank if rank else 0.0
    return unit * np.array([0.0, 0.0, 0.0, 2.0, 2.0, 0.0, 0.0, 6.0, -6.0])


def _null_error(kurtosis: float, members: int, layout: _Layout) -> Float[np.ndarray, "traits"]:
    """Standard errors for independent entries: of means over so many pairs, of squares with their kurtosis."""
    count = members * layout.entries
    pairs = count * np.array(layout.sharing) / 2
    squared = 1 / np.where(pairs > 0, pairs, np.nan)  # products of different pairs are uncorrelated
    means = np.sqrt(squared + np.array([1, 1, 0]) * np.nan_to_num(squared[2]))
    # Of entries with two values only, whose squares are all the same, nothing is left but the squares of means.
    of_squares = 2 + kurtosis if 2 + kurtosis > TWO_VALUED else 0.0
    of_scales = (3 * of_squares) ** 2 * np.nansum(np.square(layout.parts) * squared)
    entries = np.sqrt([6 / count, 24 / count, 24 / count + of_scales])
    return np.concatenate([layout.parts * means, np.hypot(of_squares * means, 2 * np.sqrt(3) * means**2), entries])


def _members_alike(
    invariants: Float[np.ndarray, "N graphs"], cumulants: Float[np.ndarray, "keys"], symmetry: Symmetry
) -> dict[str, float]:
    """P of equal means, and of equal scales, of all members; NaN of a single one."""
    members, layout = len(invariants), _layout(symmetry)
    mean, variance, c_r, c_c, c_0, _, kurtosis, v_r, v_c, v_0 = cumulants
    first, second = (_entry_means(invariants, power, symmetry) for power in (1, 2))
    squares = second - 2 * mean * first + mean**2
    of_squares = [v + 2 * c**2 for v, c in zip((kurtosis, v_r, v_c, v_0), (variance, c_r, c_c, c_0), strict=True)]
    within = {
        "member means": (first, _within((variance, c_r, c_c, c_0), layout)),
        "member scales": (squares, _within(of_squares, layout)),
    }
    # The spread is itself known to twice its square over so many degrees of freedom, as that of independent entries.
    null = np.nan_to_num(_null_error(0.0, members, layout)[:2] / layout.parts[:2])
    freedom = 2 / (2 / (members * layout.entries) + np.sum((layout.sharing[:2] * null) ** 2))
    found = {}
    for name, (values, spread) in within.items():
        squared = np.sum((values - values.mean()) ** 2) * layout.entries
        known = members > 1 and spread > 0
        found[name] = float(fdtrc(members - 1, freedom, squared / spread / (members - 1))) if known else np.nan
    return found


def _entry_means(invariants: Float[np.ndarray, "N graphs"], power: int, symmetry: Symmetry) -> Float[np.ndarray, "N"]:
    """Of each member the mean of a power of its entries, in symmetric ones of those off the diagonal."""
    names, (rows, columns) = [symmetry.key(graph) for graph in symmetry.every], symmetry.shapes[0]

    def sums(key: str) -> Float[np.ndarray, "N"]:
        return invariants[:, names.index(",".join([key] * power))] if key in names else np.zeros(len(invariants))

    if symmetry.tensors.separate:
        return sums("0-0") / (rows * columns)
    return (sums("0-1") - sums("0-0")) / (rows * (rows - 1))


def _within(covariances: Sequence[float], layout: _Layout) -> float:
    """The mean over the entries of a member varies by this over their number, if nothing is common to all of them.

    Args:
        covariances: of an entry with itself, with those of its row, of its column, and with others.
        layout: of the entries.
    """
    itself, row, column, other = covariances
    of_rows, of_columns, _ = layout.sharing
    return itself - other + of_rows * (row - other) + of_columns * (column - other)
