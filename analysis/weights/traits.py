"""How an ensemble departs from independent entries of one law, in the numbers that people ask for.

All are graph cumulants of degree 2 to 4 under separate permutations of rows and columns, in units of the variance. Let
c be the covariance of two entries, and v their joint cumulant with each taken twice, which is the covariance of their
squares less 2 c^2: c_r and v_r of entries that share a row, c_c and v_c a column, c_0 and v_0 neither, which is what
members as a whole have in common. Then c_r - c_0 is the part of the variance that is that of row means, v_r - v_0 the
variance of row variances relative to their mean, and 3 (v_r + v_c - v_0) the excess kurtosis of Gaussian entries whose
scales differ so much between members, rows and columns. What remains of the kurtosis are heavy tails.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import chdtrc, stdtr

from analysis.inference.leaving_out import error_of, left_out, pseudo_values
from analysis.model.cumulants import cumulant_table, evaluate_cumulants
from analysis.model.hermite import HIGHEST
from analysis.symmetry import Symmetry

TWO_VALUED = 1e-9
"""Kurtosis of squares up to which they do not vary."""
FEWEST = 3
"""Members from which on their own spread is the error."""
KEYS = (
    *("0-0", "0-0,0-0", "0-0,0-1", "0-0,1-0", "0-0,1-1", "0-0,0-0,0-0", "0-0,0-0,0-0,0-0"),
    *("0-0,0-0,0-1,0-1", "0-0,0-0,1-0,1-0", "0-0,0-0,1-1,1-1"),
)
"""Mean and variance; c_r, c_c, c_0; skewness and kurtosis; v_r, v_c, v_0."""
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


def unknown_traits() -> Traits:
    """Those of matrices whose rows and columns are not permuted apart."""
    unknown = np.full(len(NAMES), np.nan)
    return Traits(unknown, np.zeros(len(NAMES)), unknown, unknown)


def traits(
    invariants: Float[np.ndarray, "N graphs"],
    block_moments: Float[np.ndarray, "N moments"],
    symmetry: Symmetry,
    rank: int | None = None,
) -> Traits:
    """The traits of N finite members under separate permutations.

    Means and scales of rows, columns and entries are normal with the variance that independent entries of the observed
    kurtosis give them; those of N members are compared by chi^2 with N - 1 degrees of freedom, each with the variance
    that its rows and columns leave it.

    Args:
        invariants: of `symmetry.every`, of the members less one constant.
        block_moments: of the members.
        symmetry: that of separate permutations.
        rank: of members that are products of two thin matrices, which are compared with products of independent ones.
    """
    members, (shape,) = len(invariants), symmetry.shapes
    cumulants = _cumulants(invariants.mean(axis=0), symmetry)
    value, expected = _traits(cumulants), _of_products(rank)
    null = _null_error(float(value[NAMES.index("kurtosis")]), members, shape)
    p = _two_sided(_over(value - expected, null), np.inf)
    if members < FEWEST:
        return Traits(value, expected, null, _with_members(p, invariants, cumulants, symmetry))
    without = _traits(_cumulants(left_out(invariants, block_moments, symmetry).means, symmetry))
    se, unbiased = error_of(without), pseudo_values(value, without).mean(axis=0)
    over_members = _two_sided(_over(unbiased - expected, se), len(without) - 1)
    at = NAMES.index("skewness")
    p[at] = max(p[at], over_members[at])
    p = over_members if rank else p
    return Traits(value, expected, se, _with_members(p, invariants, cumulants, symmetry))


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
    return [names.index(key) for key in KEYS]


def _traits(cumulants: Float[np.ndarray, "*batch keys"]) -> Float[np.ndarray, "*batch traits"]:
    _, variance, c_r, c_c, c_0, skewness, kurtosis, v_r, v_c, v_0 = np.moveaxis(cumulants, -1, 0)
    variance = np.where(variance > 0, variance, np.nan)
    means = np.stack([c_r - c_0, c_c - c_0, c_0], axis=-1) / variance[..., None]
    fourth = np.stack([v_r - v_0, v_c - v_0, v_0, kurtosis, kurtosis - 3 * (v_r + v_c - v_0)], axis=-1)
    fourth = fourth / variance[..., None] ** 2
    third = (skewness / variance**1.5)[..., None]
    return np.concatenate([means, fourth[..., :3], third, fourth[..., 3:]], axis=-1)


def _of_products(rank: int | None) -> Float[np.ndarray, "traits"]:
    """Traits of products A B of matrices of independent Gaussian entries with an inner size of `rank`.

    An entry has kurtosis 6/r, two of a row or of a column covariance 2/r of the squares.
    """
    unit = 1 / rank if rank else 0.0
    return unit * np.array([0.0, 0.0, 0.0, 2.0, 2.0, 0.0, 0.0, 6.0, -6.0])


def _null_error(kurtosis: float, members: int, shape: tuple[int, int]) -> Float[np.ndarray, "traits"]:
    """Standard errors for independent entries: of means over so many pairs, of squares with their kurtosis."""
    rows, columns = shape
    pairs = members * rows * columns * np.array([columns - 1, rows - 1, (rows - 1) * (columns - 1)]) / 2
    means = 1 / np.sqrt(np.where(pairs > 0, pairs, np.nan))
    entries = np.sqrt(np.array([6, 24, 24]) / (members * rows * columns))
    # Of entries with two values only, whose squares are all the same, nothing is left but rounding.
    return np.concatenate([means, (2 + kurtosis if 2 + kurtosis > TWO_VALUED else 0.0) * means, entries])


def _members_alike(
    invariants: Float[np.ndarray, "N graphs"], cumulants: Float[np.ndarray, "keys"], symmetry: Symmetry
) -> dict[str, float]:
    """P of equal means, and of equal scales, of all members; NaN of a single one."""
    members, (rows, columns) = len(invariants), symmetry.shapes[0]
    mean, variance, c_r, c_c, c_0, _, kurtosis, v_r, v_c, v_0 = cumulants
    names = [symmetry.key(graph) for graph in symmetry.every]
    first, second = (invariants[:, names.index(key)] / (rows * columns) for key in ("0-0", "0-0,0-0"))
    squares = second - 2 * mean * first + mean**2
    of_squares = [v + 2 * c**2 for v, c in zip((kurtosis, v_r, v_c, v_0), (variance, c_r, c_c, c_0), strict=True)]
    within = {
        "member means": (first, _within((variance, c_r, c_c, c_0), rows, columns)),
        "member scales": (squares, _within(of_squares, rows, columns)),
    }
    found = {}
    for name, (values, spread) in within.items():
        squared = np.sum((values - values.mean()) ** 2) * rows * columns
        known = members > 1 and spread > 0
        found[name] = float(chdtrc(members - 1, squared / spread)) if known else np.nan
    return found


def _within(covariances: Sequence[float], rows: int, columns: int) -> float:
    """The mean over the entries of a member varies by this over their number, if nothing is common to all of them.

    Args:
        covariances: of an entry with itself, with those of its row, of its column, and with others.
        rows: m.
        columns: n.
    """
    itself, row, column, other = covariances
    return itself - other + (columns - 1) * (row - other) + (rows - 1) * (column - other)
