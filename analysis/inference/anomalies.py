"""Members that do not fit among the others: how far each is from the law, how rare that is, and why.

The distance is Mahalanobis' in the space of block moments, each turned into a score that is standard normal under the
law; beside it stands the largest score over the shapes of a matrix, which block moments do not see. Everything is taken
against the other members. Where half of the members and more scatter wider than the law says, their own scatter counts
instead: an odd member is one among these. Members that are found leave the reference, so that they hide no others.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import gammaincc

from analysis.inference.cumulants import centred_invariants
from analysis.inference.member_scores import block_scores, settled
from analysis.inference.member_shape import largest_score, member_cumulants, shape_scores, simulated_largest
from analysis.inference.multiplicity import LEVEL, benjamini_hochberg
from analysis.inference.tails import power_tail
from analysis.model.fitting import finite_ensemble
from analysis.model.plugin import parameters_from_moments
from analysis.model.status import OK, joined
from analysis.symmetry import Symmetry, default_symmetry
from analysis.symmetry.single import SingleMatrix

FEWEST = 3
"""Members below which it can't be said which of them is the odd one."""
ROUNDS = 10
"""How often the reference is renewed at most."""


class Anomalies(NamedTuple):
    """Of each member of an ensemble how odd it is; NaN for those left out, and where `status` says so."""

    symmetry: Symmetry
    distance: Float[np.ndarray, "N"]
    """Mahalanobis distance in block moments: its square is chi^2 under the law."""
    freedom: int
    """Degrees of freedom of the square: the block moments that are known."""
    shape: Float[np.ndarray, "N"]
    """Largest score over the cumulants of the member's own entries."""
    p: Float[np.ndarray, "N"]
    """Of the rarer of the two, doubled as they are two. Exact for block moments of Gaussian members."""
    q: Float[np.ndarray, "N"]
    """Adjusted for the false-discovery rate among members."""
    scores: Float[np.ndarray, "N coordinates"]
    """What each coordinate contributes, in standard deviations, in the order of `names`."""
    spread: Float[np.ndarray, "moments"]
    """How much wider than the law says the members scatter, at least 1; what scores are divided by."""
    status: str
    """"ok", or cause and remedy in one line."""

    @property
    def names(self) -> tuple[str, ...]:
        """The coordinates: block moments, then cumulants."""
        return (*self.symmetry.moment_names, *self.symmetry.pattern_names)

    @property
    def found(self) -> Int[np.ndarray, "found"]:
        """Positions of the members with q below 5 %, the oddest first."""
        return self.ranking[self.q[self.ranking] < LEVEL]

    @property
    def ranking(self) -> Int[np.ndarray, "known"]:
        """Positions of the members, the oddest first; those left out are left out."""
        rarer = np.where(np.isnan(self.distance), 0.0, self.distance)
        order = np.lexsort((-rarer, self.p))
        return order[~np.isnan(self.p[order])]

    @property
    def oddest(self) -> tuple[str, ...]:
        """Of each member the coordinate with the largest score; "" where none is known."""
        size = np.where(np.isnan(self.scores), -1.0, np.abs(self.scores))
        return tuple(self.names[k] if size[i, k] >= 0 else "" for i, k in enumerate(np.argmax(size, axis=1)))


def anomalies(data: Any, symmetry: Symmetry | None = None, seed: int = 0) -> Anomalies:
    """The members of an ensemble [N, m, n] that do not fit among the others.

    Args:
        data: the matrices; members with a non-finite entry are left out.
        symmetry: by default simultaneous permutations for square matrices, separate ones for others.
        seed: of the simulated members.

    Raises:
        ValueError: if the data are not matrices of the shape of the symmetry, or no member is finite.
    """
    symmetry = symmetry or default_symmetry(data)
    kept, finite = finite_ensemble(data, symmetry)
    block_moments = np.full((len(finite), len(symmetry.moment_names)), np.nan)
    block_moments[finite] = symmetry.block_moments(kept)
    every = None
    if symmetry.every:
        every = np.full((len(finite), len(symmetry.every)), np.nan)
        every[finite] = centred_invariants(kept, block_moments[finite], symmetry.every, symmetry)
    return rank_members(block_moments, symmetry, every, seed)


def rank_members(
    block_moments: Float[np.ndarray, "N moments"],
    symmetry: Symmetry,
    every: Float[np.ndarray, "N graphs"] | None = None,
    seed: int = 0,
) -> Anomalies:
    """The members that do not fit, by what was recorded of them.

    Args:
        block_moments: of all members; those with a non-finite one are left out.
        symmetry: the permutations.
        every: invariants of `symmetry.every`, for the shapes of the members; without them block moments alone count.
        seed: of the simulated members.
    """
    given = [block_moments]
    if every is not None and every.shape[1] == len(symmetry.every):
        given.append(every)
    else:
        every = None
    known = np.all([np.isfinite(values).all(axis=1) for values in given], axis=0)
    if known.sum() < FEWEST:
        return _unknown(symmetry, len(known), f"{known.sum()} members: which one is odd needs at least {FEWEST}")
    moments = block_moments[known]
    judged, ordinary = _without_the_odd(lambda reference: _by_blocks(moments, symmetry, reference), len(moments))
    causes = [OK if judged.freedom == len(symmetry.moment_names) else _missing(judged, symmetry)]
    if every is not None and symmetry.patterns and isinstance(symmetry, SingleMatrix):
        cumulants = member_cumulants(every[known], symmetry)
        fit = parameters_from_moments(moments[ordinary], symmetry)
        fit[: symmetry.blocks[0].slots] = 0.0  # cumulants do not depend on the mean, but lose digits by it
        null = simulated_largest(tuple(fit.tolist()), len(moments), symmetry, seed)
        judged, _ = _without_the_odd(
            lambda reference: _with_shape(_by_blocks(moments, symmetry, reference), cumulants, reference, null),
            len(moments),
        )
    else:
        causes.append("invariants of all graphs of degree 1 to 4 are not given: shapes are not compared")
    return _placed(judged, known)._replace(status=joined(causes))


def _without_the_odd(
    judge: Callable[[Bool[np.ndarray, "N"]], Anomalies], members: int
) -> tuple[Anomalies, Bool[np.ndarray, "N"]]:
    """The judgement against a reference that holds none of the members found, and the reference.

    It holds at least half of all, the least odd ones: one member far off may make all others odd at first.
    """
    reference, fewest = np.ones(members, dtype=bool), max(FEWEST, -(-members // 2))
    for _ in range(ROUNDS):
        judged = judge(reference)
        others = ~(judged.q < LEVEL)
        others[np.argsort(-judged.p, kind="stable")[:fewest]] = True
        if np.array_equal(others, reference):
            break
        reference = others
    return judged, reference


def _by_blocks(
    moments: Float[np.ndarray, "N moments"], symmetry: Symmetry, reference: Bool[np.ndarray, "N"]
) -> Anomalies:
    """The distances in block moments, and their p-values."""
    scores, spread = settled(block_scores(moments, symmetry, reference))
    known = np.isfinite(scores).all(axis=0)
    squared, freedom = np.sum(scores[:, known] ** 2, axis=1), int(known.sum())
    p = gammaincc(freedom / 2, squared / 2) if freedom else np.full(len(moments), np.nan)
    unknown = np.full((len(moments), len(symmetry.patterns)), np.nan)
    return Anomalies(
        symmetry=symmetry,
        distance=np.sqrt(squared),
        freedom=freedom,
        shape=np.full(len(moments), np.nan),
        p=p,
        q=benjamini_hochberg(p),
        scores=np.concatenate([scores, unknown], axis=1),
        spread=spread,
        status=OK,
    )


def _with_shape(
    judged: Anomalies,
    cumulants: Float[np.ndarray, "N patterns"],
    reference: Bool[np.ndarray, "N"],
    null: Float[np.ndarray, "draws"],
) -> Anomalies:
    """The same with the shapes of the members; the rarer of two counts double."""
    scores = shape_scores(cumulants, reference)
    largest = largest_score(scores)
    p = np.minimum(2 * np.fmin(judged.p, power_tail(largest, null)), 1.0)
    together = np.concatenate([judged.scores[:, : len(judged.spread)], scores], axis=1)
    return judged._replace(shape=largest, p=p, q=benjamini_hochberg(p), scores=together)


def _missing(judged: Anomalies, symmetry: Symmetry) -> str:
    missing = [name for name, value in zip(symmetry.moment_names, judged.spread, strict=True) if np.isnan(value)]
    return f"block moments {', '.join(missing)} do not vary, or are too few: add members, or use larger matrices"


def _unknown(symmetry: Symmetry, members: int, status: str) -> Anomalies:
    coordinates = len(symmetry.moment_names) + len(symmetry.patterns)
    distance, shape, p, q = np.full((4, members), np.nan)
    scores, spread = np.full((members, coordinates), np.nan), np.full(len(symmetry.moment_names), np.nan)
    return Anomalies(symmetry, distance, 0, shape, p, q, scores, spread, status)


def _placed(judged: Anomalies, known: Bool[np.ndarray, "N"]) -> Anomalies:
    """The judgement of the members known, with NaN for the others."""
    placed = _unknown(judged.symmetry, len(known), judged.status)
    for name in ("distance", "shape", "p", "q", "scores"):
        getattr(placed, name)[known] = getattr(judged, name)
    return placed._replace(freedom=judged.freedom, spread=judged.spread)
