"""Randomisation tests: is the law of a matrix unchanged when its rows, its columns or both are permuted?"""

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from analysis.inference.multiplicity import LEVEL
from analysis.model.status import OK

ROUNDING = 1e-9
"""Relative differences of unevenness below this are ties."""


class Permutations(StrEnum):
    """Groups of permutations under which the law of a matrix may be invariant, the largest first."""

    INDEPENDENT = "rows and columns independently"
    SIMULTANEOUS = "rows and columns simultaneously"
    COLUMNS = "columns"
    ROWS = "rows"


class Invariance(NamedTuple):
    """A randomisation test of one symmetry; its numbers are NaN where `status` is not "ok"."""

    p: float
    """(1 + permuted ensembles at least as uneven) / (1 + permuted ensembles)."""
    effect_mean: float
    """Root mean square, over positions, of mean entry less its orbit's mean, in standard deviations of an entry;
    what permuted ensembles show is subtracted from the square."""
    effect_square: float
    """The same for the mean squared entry, in variances of an entry."""
    status: str


def invariance_test(
    stack: Float[np.ndarray, "N m n"], group: Permutations, permutations: int = 199, seed: int = 0
) -> Invariance:
    """Test that the law of an m x n matrix is invariant under a group of permutations.

    Every member is permuted independently, which changes nothing in law if the hypothesis is true: p is exact, whatever
    the law and the number of members. The unevenness of an ensemble is the mean over positions of (mean over members -
    mean over the position's orbit)^2, of the entries and of their squares, each standardised over all ensembles
    compared; the larger counts. It sees positions of different mean or variance, not correlations that differ alone.

    Raises:
        ValueError: if simultaneous permutations are asked of a matrix that is not square.

    Source: Hemerik and Goeman, TEST 27 (2018), 811, theorem 1.
    """
    members, m, n = stack.shape
    if group is Permutations.SIMULTANEOUS and m != n:
        raise ValueError(f"matrices of {m} x {n}: only square ones permute simultaneously; test rows and columns")
    status = _status(stack)
    if status != OK:
        return Invariance(np.nan, np.nan, np.nan, status)
    centred = stack - np.mean(stack)
    entries = (centred / np.std(centred)).reshape(members * m * n)
    features = np.stack([entries, entries**2], axis=-1)
    means = np.empty((1 + permutations, m * n, 2))
    means[0] = _means(features, members)
    for k, (rows, columns) in enumerate(zip(*_permutations(group, members, m, n, permutations, seed), strict=True)):
        means[1 + k] = _means(features.take(_positions(rows, columns), axis=0), members)
    uneven = _unevenness(means, _orbits(group, m, n))
    spread = np.std(uneven, axis=0)
    varies = spread > ROUNDING * np.mean(uneven, axis=0)
    combined = np.max((uneven - np.mean(uneven, axis=0)) / np.where(varies, spread, np.inf), axis=1)
    p = np.mean(combined >= combined[0] - ROUNDING)
    effects = np.sqrt(np.maximum(uneven[0] - np.mean(uneven[1:], axis=0), 0.0))
    return Invariance(float(p), float(effects[0]), float(effects[1]), status)


def accepted_permutations(
    p: Mapping[Permutations, float], identities: float, level: float = LEVEL
) -> Permutations | None:
    """The largest symmetry that the data accept, or None; one that could not be tested (p = NaN) is not accepted.

    Args:
        p: p-value of `invariance_test`, or one adjusted for the number of tests, of each symmetry tested.
        identities: p-value of the Wald test of the five-parameter model, which the independent symmetry must pass too
            (Bonferroni: 2 min p).
        level: p-values of at least this accept.
    """
    largest = Permutations.INDEPENDENT
    joint = {largest: 2 * np.minimum(p[largest], identities)} if largest in p else {}
    values = {**p, **joint}
    return next((group for group in Permutations if values.get(group, np.nan) >= level), None)


@lru_cache(maxsize=len(Permutations))
def _permutations(
    group: Permutations, members: int, m: int, n: int, permutations: int, seed: int
) -> tuple[Int[np.ndarray, "permutations N m"], Int[np.ndarray, "permutations N n"]]:
    """Where each row and each column of every permuted member is taken from; ensembles of one size share the draws."""
    rng = np.random.default_rng(seed)
    rows, columns = (np.tile(np.arange(size), (permutations, members, 1)) for size in (m, n))
    for k in range(permutations):
        if group is not Permutations.COLUMNS:
            rng.permuted(rows[k], axis=1, out=rows[k])
        if group not in (Permutations.ROWS, Permutations.SIMULTANEOUS):
            rng.permuted(columns[k], axis=1, out=columns[k])
    return rows, rows if group is Permutations.SIMULTANEOUS else columns


def _positions(rows: Int[np.ndarray, "N m"], columns: Int[np.ndarray, "N n"]) -> Int[np.ndarray, "positions"]:
    """The flat position that each entry of the permuted ensemble is taken from."""
    (members, m), n = rows.shape, columns.shape[1]
    starts = n * (rows + m * np.arange(members)[:, None])
    return (starts[:, :, None] + columns[:, None, :]).ravel()


def _means(features: Float[np.ndarray, "all 2"], members: int) -> Float[np.ndarray, "positions 2"]:
    """Means over members, one after the other: for every position the same sum whatever is beside it."""
    return np.mean(features.reshape(members, -1, 2), axis=0)


def _orbits(group: Permutations, m: int, n: int) -> Int[np.ndarray, "positions"]:
    """A number for each flat position, equal for positions that the group carries into each other."""
    row, column = np.divmod(np.arange(m * n), n)
    return {
        Permutations.INDEPENDENT: np.zeros(m * n, dtype=int),
        Permutations.SIMULTANEOUS: (row == column).astype(int),
        Permutations.COLUMNS: row,
        Permutations.ROWS: column,
    }[group]


def _unevenness(
    means: Float[np.ndarray, "ensembles positions 2"], orbits: Int[np.ndarray, "positions"]
) -> Float[np.ndarray, "ensembles 2"]:
    """Mean squared deviation of the mean entry, and of the mean squared entry, from the mean over the orbit."""
    sizes = np.bincount(orbits)
    bins = orbits + len(sizes) * np.arange(len(means))[:, None]
    uneven = []
    for mean in np.moveaxis(means, -1, 0):
        totals = np.bincount(bins.ravel(), weights=mean.ravel()).reshape(len(means), len(sizes))
        uneven.append(np.mean((mean - np.take(totals / sizes, orbits, axis=1)) ** 2, axis=1))
    return np.stack(uneven, axis=1)


def _status(stack: np.ndarray) -> str:
    if not np.all(np.isfinite(stack)):
        return "entries are not finite: exclude diverged members"
    if len(stack) < 2:
        return f"{len(stack)} members: positions cannot be told from chance; use at least 2"
    if np.ptp(stack) == 0:
        return "all entries are equal: nothing to permute; look for an ensemble that varies"
    return OK
