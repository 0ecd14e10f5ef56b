"""Which members of an ensemble are alike: nearest neighbours by their invariants, and pairs nearer than chance makes.

A member is the vector of its scores in the block moments, which stand for its linear and quadratic invariants: under
the law they are independent and standard normal, so that every invariant counts as much as it tells. Matrices that
differ by a permutation only are at distance 0.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree
from scipy.special import gammainc

from analysis.inference.member_scores import block_scores, settled
from analysis.inference.multiplicity import benjamini_hochberg
from analysis.inference.simulation import standard_moments
from analysis.model.fitting import read_ensemble
from analysis.model.status import OK
from analysis.symmetry import Symmetry, default_symmetry
from analysis.symmetry.base import chosen_members, finite_members

FEWEST = 4
"""Members from which on pairs are compared: of fewer the others of a pair do not show a law."""
NEIGHBOURS = 5
SIMULATED = 200
"""Members up to which distances by chance are simulated; of more they follow their limit."""
PAIRS = 4000
"""Pairs that are simulated."""
OUTER = 0.1
"""Share of the pairs that p is made to agree with; nearer ones are rarer by the limit law."""


class Similarity(NamedTuple):
    """Neighbours of each member, from the nearest; -1 and NaN for those left out."""

    neighbours: Int[np.ndarray, "N k"]
    """Their positions."""
    distance: Float[np.ndarray, "N k"]
    """Euclidean distance of the scores, in standard deviations of a member."""
    cosine: Float[np.ndarray, "N k"]
    """Cosine of the angle between the scores: 1 where both differ from the mean in the same way."""
    p: Float[np.ndarray, "N k"]
    """Probability of so small a distance between two members of the law, for a pair chosen beforehand."""
    q: Float[np.ndarray, "N k"]
    """Adjusted for the false-discovery rate among all pairs of members."""
    status: str

    def pairs(self, level: float = 0.05) -> list[tuple[int, int]]:
        """The pairs with q below a level, most alike first, each once."""
        first, rank = np.nonzero(self.q < level)
        order = np.argsort(self.p[first, rank], kind="stable")
        found = (sorted((int(first[k]), int(self.neighbours[first[k], rank[k]]))) for k in order)
        return list(dict.fromkeys((a, b) for a, b in found))


def similarity(data: Any, symmetry: Symmetry | None = None) -> Similarity:
    """The nearest neighbours of each member of an ensemble [N, m, n].

    Args:
        data: the matrices; members with a non-finite entry are left out.
        symmetry: by default simultaneous permutations for square matrices, separate ones for others.

    Raises:
        ValueError: if the data are not matrices of the shape of the symmetry.
    """
    symmetry = symmetry or default_symmetry(data)
    data = read_ensemble(data, symmetry)
    finite = finite_members(data)
    block_moments = np.full((len(finite), len(symmetry.moment_names)), np.nan)
    block_moments[finite] = symmetry.block_moments(chosen_members(data, finite))
    return similar_members(block_moments, symmetry)


def similar_members(block_moments: Float[np.ndarray, "N moments"], symmetry: Symmetry) -> Similarity:
    """The nearest neighbours by what was recorded of the members; those with a non-finite moment are left out.

    Scores of two members are correlated by -1/(N-1), being taken against each other, so (N-1) / (2N) times the squared
    distance is nearly chi^2; up to `SIMULATED` members p is scaled so as to be right at 10 %. Only the nearest
    neighbours are looked at, which is where the smallest p-values are; the others count as tests that fail.

    Source: feature vectors as in Barnes, Ramgoolam and Stephanou, Physica A 651 (2024), 130015.
    """
    known = np.flatnonzero(np.isfinite(block_moments).all(axis=1))
    if len(known) < FEWEST:
        return _unknown(len(block_moments), f"{len(known)} members: pairs are compared from {FEWEST} on")
    scores = settled(block_scores(block_moments[known], symmetry)).scores
    used = np.asarray(np.isfinite(scores).all(axis=0))
    scores = scores[:, used]
    members, freedom = scores.shape
    if not freedom:
        return _unknown(len(block_moments), "members do not vary: all are alike")
    count = min(NEIGHBOURS, members - 1)
    distance, nearest = _without_itself(*map(np.asarray, KDTree(scores).query(scores, k=count + 1)))
    norms = np.linalg.norm(scores, axis=1)
    cosine = np.einsum("nc,nkc->nk", scores, scores[nearest]) / (norms[:, None] * norms[nearest])
    p = _by_chance(distance, freedom, members)
    if members <= SIMULATED:
        level = np.quantile(_by_chance(_simulated(symmetry, members, tuple(used.tolist())), freedom, members), OUTER)
        p = np.minimum(p * OUTER / level, 1.0)
    found = _unknown(len(block_moments), OK, count)
    columns = (known[nearest], distance, cosine, p, _among_pairs(p, nearest))
    for values, column in zip((found.neighbours, found.distance, found.cosine, found.p, found.q), columns, strict=True):
        values[known] = column
    return found


def _by_chance(distance: Float[np.ndarray, "*batch"], freedom: int, members: int) -> Float[np.ndarray, "*batch"]:
    return np.asarray(gammainc(freedom / 2, distance**2 * (members - 1) / (4 * members)))


@lru_cache(maxsize=32)
def _simulated(symmetry: Symmetry, members: int, used: tuple[bool, ...]) -> Float[np.ndarray, "pairs"]:
    """Distances of one member to the next in Gaussian ensembles, whatever their parameters, by the scores used."""
    drawn = standard_moments(np.random.default_rng(0), (-(-PAIRS // members), members), symmetry)
    scores = np.stack([settled(block_scores(moments, symmetry)).scores[:, used] for moments in drawn])
    return np.linalg.norm(scores - np.roll(scores, 1, axis=1), axis=-1).ravel()


def _without_itself(
    distance: Float[np.ndarray, "N more"], nearest: Int[np.ndarray, "N more"]
) -> tuple[Float[np.ndarray, "N k"], Int[np.ndarray, "N k"]]:
    """Neighbours other than the member, which need not come first among equals, or at all among many of them."""
    other = nearest != np.arange(len(nearest))[:, None]
    other[other.all(axis=1), -1] = False
    shape = (len(nearest), nearest.shape[1] - 1)
    return distance[other].reshape(shape), nearest[other].reshape(shape)


def _among_pairs(p: Float[np.ndarray, "N k"], nearest: Int[np.ndarray, "N k"]) -> Float[np.ndarray, "N k"]:
    """Benjamini and Hochberg's adjusted p-values, N (N - 1) / 2 pairs having been compared."""
    members = len(p)
    ends = np.sort(np.stack([np.broadcast_to(np.arange(members)[:, None], p.shape), nearest], axis=-1), axis=-1)
    pair = ends[..., 0] * members + ends[..., 1]
    _, first, number = np.unique(pair, return_index=True, return_inverse=True)
    q = benjamini_hochberg(p.ravel()[first], made=members * (members - 1) // 2)
    return q[number.reshape(p.shape)]


def _unknown(members: int, status: str, count: int = NEIGHBOURS) -> Similarity:
    distance, cosine, p, q = np.full((4, members, count), np.nan)
    return Similarity(np.full((members, count), -1), distance, cosine, p, q, status)
