"""Pairs of matrices, such as the same layer before and after fine-tuning: what differs within pairs.

What the two of a pair have in common cancels, so that differences far smaller than the scatter of the members are
found. If the two are exchangeable, each difference is as likely with the opposite sign: all choices of signs, or many
random ones, make an exact test at every number of pairs, whatever the law.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int8

from analysis.inference.multiplicity import benjamini_hochberg
from analysis.model.fitting import read_ensemble
from analysis.model.status import OK
from analysis.symmetry import Symmetry, default_symmetry
from analysis.symmetry.base import chosen_members, finite_members
from analysis.symmetry.blocks import upper_triangle

FLIPS = 1 << 13
"""Choices of signs at most: all of them up to 14 pairs."""
SIGNS = 1 << 22
"""Signs that are multiplied at once: some megabytes."""
FEWEST = 6
"""Pairs from which on p can be below 5 %: it is at least 2 / 2^N."""
ROUNDING = 1e-9
"""Sums that differ by less than this part are ties."""


class Paired(NamedTuple):
    """Second less first, over N pairs; NaN where a quantity is not known in a pair, or differs in none."""

    names: tuple[str, ...]
    """Coordinates of the trivial block; "log" and the name of a mean square of a block; invariants."""
    value: Float[np.ndarray, "quantities"]
    """Mean difference; of a logarithm the log of the ratio."""
    se: Float[np.ndarray, "quantities"]
    effect: Float[np.ndarray, "quantities"]
    """Mean difference over the standard deviation of the differences."""
    p: Float[np.ndarray, "quantities"]
    """Two-sided, by the signs of the differences."""
    q: Float[np.ndarray, "quantities"]
    """Adjusted for the false-discovery rate."""
    any_p: float
    """That nothing differs, by the largest standardised difference."""
    pairs: int
    status: str


def paired(a: Any, b: Any, symmetry: Symmetry | None = None) -> Paired:
    """What differs between members a_i and b_i of two ensembles [N, m, n].

    Args:
        a: one of each pair, in order.
        b: the other; pairs of which one is not finite are left out.
        symmetry: by default simultaneous permutations for square matrices, separate ones for others.

    Raises:
        ValueError: if the matrices differ in shape or number, or no pair is finite.
    """
    symmetry = symmetry or default_symmetry(a)
    both = [read_ensemble(data, symmetry) for data in (a, b)]
    finite = [finite_members(data) for data in both]
    if len(finite[0]) != len(finite[1]) or not np.any(finite[0] & finite[1]):
        raise ValueError(
            f"ensembles of {len(finite[0])} and {len(finite[1])} members: give equally many, of which a pair is finite"
        )
    kept = [chosen_members(data, finite[0] & finite[1]) for data in both]
    moments = [np.asarray(symmetry.block_moments(data)) for data in kept]
    invariants = [symmetry.evaluate_observed(data) for data in kept]
    return paired_members((moments[0], moments[1]), (invariants[0], invariants[1]), symmetry)


def paired_members(
    block_moments: tuple[Float[np.ndarray, "N moments"], Float[np.ndarray, "N moments"]],
    invariants: tuple[Float[np.ndarray, "N graphs"], Float[np.ndarray, "N graphs"]],
    symmetry: Symmetry,
) -> Paired:
    """What differs within pairs of which block moments and observed invariants are known, all finite.

    Source: Fisher, The Design of Experiments (1935), section 21; for the largest of many Westfall and Young,
    Resampling-Based Multiple Testing (1993).
    """
    names, first = quantities(block_moments[0], symmetry)
    _, second = quantities(block_moments[1], symmetry)
    differences = np.concatenate([second - first, invariants[1] - invariants[0]], axis=1)
    pairs = len(differences)
    value, root = differences.mean(axis=0), np.sqrt(np.sum(differences**2, axis=0))
    std = differences.std(axis=0, ddof=1) if pairs > 1 else np.full_like(value, np.nan)
    scaled = np.divide(differences, root, out=np.full_like(differences, np.nan), where=root > 0)
    signs = _signs(pairs)
    blocks = np.array_split(signs, max(1, signs.size // SIGNS))
    sums = np.abs(np.concatenate([block.astype(np.float64) @ scaled for block in blocks]))  # the first is the observed
    p = np.where(np.isnan(sums[0]), np.nan, np.mean(sums >= sums[0] * (1 - ROUNDING), axis=0))
    few = f"{pairs} pairs: no p can be below {2.0 ** (1 - pairs):.2g}; use at least {FEWEST}"
    largest = np.max(np.where(np.isnan(sums), 0.0, sums), axis=1)
    return Paired(
        names=(*names, *symmetry.observed_names),
        value=value,
        se=std / np.sqrt(pairs),
        effect=np.divide(value, std, out=np.full_like(value, np.nan), where=std > 0),
        p=p,
        q=benjamini_hochberg(p),
        any_p=float(np.mean(largest >= largest[0] * (1 - ROUNDING))),
        pairs=pairs,
        status=OK if pairs >= FEWEST else few,
    )


def quantities(
    block_moments: Float[np.ndarray, "N moments"], symmetry: Symmetry
) -> tuple[tuple[str, ...], Float[np.ndarray, "N quantities"]]:
    """Of each member the coordinates of the trivial block, and the logarithms of the mean squares of the others."""
    trivial, *others = symmetry.blocks
    columns, start = list(range(trivial.slots)), trivial.slots
    for block in others:
        rows, places = upper_triangle(block.slots)
        columns += [start + int(k) for k in np.flatnonzero((rows == places) & (rows < block.copies))]
        start += block.entries
    values = block_moments[:, columns].copy()
    squares = values[:, trivial.slots :]
    values[:, trivial.slots :] = np.log(squares, out=np.full_like(squares, np.nan), where=squares > 0)
    names = [symmetry.moment_names[k] for k in columns]
    return (*names[: trivial.slots], *(f"log {name}" for name in names[trivial.slots :])), values


@lru_cache(maxsize=8)
def _signs(pairs: int) -> Int8[np.ndarray, "flips N"]:
    """Signs of the differences, the observed ones first; one of them stays, as all reversed give the same |sum|."""
    if 1 << (pairs - 1) <= FLIPS:
        numbers = np.arange(1 << (pairs - 1))[:, None]
        signs = (1 - 2 * (numbers >> np.arange(pairs) & 1)).astype(np.int8)
    else:
        signs = 1 - 2 * np.random.default_rng(0).integers(0, 2, (FLIPS, pairs), dtype=np.int8)
        signs[0] = 1
    signs.flags.writeable = False
    return signs
