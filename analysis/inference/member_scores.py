"""How each member differs from the others in its block moments: scores that are exactly standard normal under the law.

The mean and the covariances of the others stand for the law, so that a member does not hide in a fit of its own making.
Under any law of the model, at any number of members, Student's and Fisher's laws hold exactly one coordinate after the
other: the coordinates x of the trivial block, each given those before it; of another block the variance of each copy
given the copies before it, and how it regresses on them. A normal score is the normal quantile of the same rank.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import fdtr, fdtrc, ndtri, stdtr

from analysis.model.covariance import or_identity, singular
from analysis.model.plugin import parameters_from_moments
from analysis.symmetry import Symmetry
from analysis.symmetry.blocks import pack_symmetric, unpack_symmetric

SMALLEST = 1e-300
"""Tail probabilities below it have no digits: the score is then the root of the deviance, which is nearly the same."""
CHANCE = 3.8
"""Three standard deviations of the median of many standard normal scores, times the root of their number."""


class Others(NamedTuple):
    """Of each member the sum over the other members that make the reference, and how many these are."""

    total: Float[np.ndarray, "N *rest"]
    count: Float[np.ndarray, "N"]


def others(values: Float[np.ndarray, "N *rest"], reference: Bool[np.ndarray, "N"]) -> Others:
    """Sums before and after each member: to subtract one that is far larger than the others would lose these."""
    kept = values * reference.reshape(-1, *[1] * (values.ndim - 1))
    before, after = np.zeros_like(kept), np.zeros_like(kept)
    before[1:] = np.cumsum(kept[:-1], axis=0)
    after[:-1] = np.cumsum(kept[:0:-1], axis=0)[::-1]
    return Others(before + after, (reference.sum() - reference).astype(float))


def block_scores(
    block_moments: Float[np.ndarray, "N moments"], symmetry: Symmetry, reference: Bool[np.ndarray, "N"] | None = None
) -> Float[np.ndarray, "N moments"]:
    """Scores of each member against the others, in the order of `symmetry.moment_names`.

    Under the model they are independent for each member and standard normal, whatever the parameters; those of two
    members are correlated, by -1/(N-1). NaN where a block is absent or singular, has fewer dimensions than copies, or
    too few other members show it.

    Args:
        block_moments: of the members.
        symmetry: the permutations.
        reference: the members that the others are compared with; all by default.
    """
    reference = np.ones(len(block_moments), dtype=bool) if reference is None else reference
    if reference.sum() < 2:
        return np.full(block_moments.shape, np.nan)
    law = symmetry.unpack(parameters_from_moments(block_moments[reference], symmetry))
    trivial, *rest = symmetry.blocks
    entries = np.cumsum([trivial.slots, *(block.entries for block in rest)])[:-1]
    x, *squares = np.split(block_moments, entries, axis=1)
    scores = [np.full_like(x, np.nan) if singular(law.covariances[0]) else student_scores(x, reference)]
    for block, covariance, square in zip(rest, law.covariances[1:], squares, strict=True):
        scores.append(np.full_like(square, np.nan))
        if block.dimension >= block.copies and not singular(covariance):
            kept, size = unpack_symmetric(square)[:, : block.copies, : block.copies], block.slots
            found = np.full((len(kept), size, size), np.nan)
            found[:, : block.copies, : block.copies] = _wishart_scores(kept, block.dimension, reference)
            scores[-1] = pack_symmetric(found)
    return np.concatenate(scores, axis=1)


def student_scores(x: Float[np.ndarray, "N copies"], reference: Bool[np.ndarray, "N"]) -> Float[np.ndarray, "N copies"]:
    """Scores of a normal vector, each coordinate given those before it.

    With n others of mean <x> and centred products C = L L^T, and w = L^-1 (x - <x>), Student's law with n - j degrees
    of freedom holds of w_j sqrt(n - j) / sqrt(1 + 1/n + sum of w_k^2 over k < j).

    Source: Geisser, Predictive Inference (1993), chapter 9.
    """
    x = x - np.median(x[reference], axis=0)
    total, count = others(x, reference)
    squares = others(x[:, :, None] * x[:, None, :], reference).total
    n = count[:, None]
    mean = total / n
    products = squares - n[..., None] * mean[:, :, None] * mean[:, None, :]
    w = _solved(np.linalg.cholesky(or_identity(products)), x - mean)
    freedom = n - np.arange(1, x.shape[1] + 1)
    below = np.cumsum(w**2, axis=1) - w**2
    t = w * np.sqrt(np.maximum(freedom, 1) / (1 + 1 / n + below))
    known = (freedom > 0) & ~singular(products)[:, None]
    return np.where(known, _from_student(np.maximum(freedom, 1), t), np.nan)


def separate_scores(
    x: Float[np.ndarray, "N quantities"], reference: Bool[np.ndarray, "N"]
) -> Float[np.ndarray, "N quantities"]:
    """Scores of quantities that are each nearly normal, one by one: Student's law with n - 1 degrees of freedom.

    NaN where the others do not vary.
    """
    x = x - np.median(x[reference], axis=0)
    total, count = others(x, reference)
    n = count[:, None]
    mean = total / n
    products = np.maximum(others(x**2, reference).total - n * mean**2, 0.0)
    error = np.sqrt(products * (1 + 1 / n) / (n - 1))
    t = np.divide(x - mean, error, out=np.full_like(x, np.nan), where=error > 0)
    return _from_student(np.broadcast_to(n - 1, t.shape), t)


class Settled(NamedTuple):
    """Scores in units of the members' own scatter, where that is wider than the law's."""

    scores: Float[np.ndarray, "N *quantities"]
    spread: Float[np.ndarray, "*quantities"]
    """How much wider than the law says the members scatter, at least 1: by their median deviation from the median."""


def settled(scores: Float[np.ndarray, "N *quantities"]) -> Settled:
    """(score - shift) / spread, which leaves the scores of a true law as they are.

    A single member far off gives all others, in whose reference it is, the same large score: the median, less what it
    is by chance, is subtracted. Half of the members may be odd without effect. NaN where a score is.
    """
    median = np.median(scores, axis=0)
    shift = np.sign(median) * np.maximum(np.abs(median) - CHANCE / np.sqrt(len(scores)), 0.0)
    spread = np.maximum(np.median(np.abs(scores - median), axis=0) / ndtri(0.75), 1.0)
    return Settled((scores - shift) / spread, spread)


def _wishart_scores(
    moments: Float[np.ndarray, "N c c"], dimension: int, reference: Bool[np.ndarray, "N"]
) -> Float[np.ndarray, "N c c"]:
    """Scores of the covariance of one block, [a, b] for a < b that of the regression of copy b on copy a.

    Of a member d h h^T = A, of the others B, both Wishart with d and n d degrees of freedom. Copy b has residual
    squares alpha and beta after regression on the copies before it, whose mean squares have Fisher's ratio; and the
    coefficients differ by chol(A^-1 + B^-1) w on those copies, from the last to the first, where Student's law holds of
    w_k / sqrt((alpha + beta + sum of w_l^2 over l < k) / freedom).
    """
    own, beside = dimension * moments, others(dimension * moments, reference)
    roots = [np.linalg.cholesky(or_identity(matrix)) for matrix in (own, beside.total)]
    freedom = [np.full(len(own), float(dimension)), dimension * beside.count]
    scores = np.full(own.shape, np.nan)
    for b in range(own.shape[1]):
        alpha, beta = (root[:, b, b] ** 2 for root in roots)
        left = [degrees - b for degrees in freedom]
        ratio = alpha / beta * left[1] / left[0]
        scores[:, b, b] = _from_fisher(left[0], left[1], ratio)
        if b:
            inverses = [np.linalg.inv(root[:, :b, :b]) for root in roots]
            slopes = [
                np.einsum("nji,nj->ni", inverse, root[:, b, :b]) for inverse, root in zip(inverses, roots, strict=True)
            ]
            spread = np.sum([np.swapaxes(inverse, 1, 2) @ inverse for inverse in inverses], axis=0)
            backwards = slice(
                None, None, -1
            )  # of the last copy first: then the basis of the copies before is no matter
            step = (slopes[0] - slopes[1])[:, backwards]
            w = _solved(np.linalg.cholesky(spread[:, backwards, backwards]), step)
            degrees = np.sum(freedom, axis=0)[:, None] - 2 * b + np.arange(b)
            pooled = (alpha + beta)[:, None] + np.cumsum(w**2, axis=1) - w**2
            scores[:, :b, b] = _from_student(degrees, w * np.sqrt(degrees / pooled))[:, backwards]
    known = ~np.any([singular(own), singular(beside.total)], axis=0)
    return np.where(known[:, None, None], scores, np.nan)


def _solved(root: Float[np.ndarray, "N c c"], x: Float[np.ndarray, "N c"]) -> Float[np.ndarray, "N c"]:
    return np.linalg.solve(root, x[..., None])[..., 0]


def _from_student(freedom: Float[np.ndarray, "*batch"], t: Float[np.ndarray, "*batch"]) -> Float[np.ndarray, "*batch"]:
    """Deviance: freedom log(1 + t^2 / freedom)."""
    deviance = freedom * np.log1p(t**2 / freedom)
    return _normal(stdtr(freedom, t), stdtr(freedom, -t), deviance)


def _from_fisher(
    first: Float[np.ndarray, "*batch"], second: Float[np.ndarray, "*batch"], ratio: Float[np.ndarray, "*batch"]
) -> Float[np.ndarray, "*batch"]:
    """Deviance: (a + b) log((a F + b) / (a + b)) - a log F, with a and b degrees of freedom."""
    both = first + second
    deviance = both * np.log1p(first / both * (ratio - 1)) - first * np.log(ratio)
    return _normal(fdtr(first, second, ratio), fdtrc(first, second, ratio), deviance)


def _normal(
    below: Float[np.ndarray, "*batch"], above: Float[np.ndarray, "*batch"], deviance: Float[np.ndarray, "*batch"]
) -> Float[np.ndarray, "*batch"]:
    """The normal quantile of given tail probabilities, from the smaller one: the other has lost its digits."""
    smaller = np.minimum(below, above)
    size = np.where(smaller > SMALLEST, -ndtri(np.maximum(smaller, SMALLEST)), np.sqrt(np.maximum(deviance, 0.0)))
    return np.where(below < above, -size, size)
