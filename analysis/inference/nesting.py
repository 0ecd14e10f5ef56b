"""Tests along the nesting of the family: which symmetric model do the data accept?

Likelihood ratios assume Gaussian matrices. Trained ensembles are only approximately so, and under another law the
variances of squares, and with them the null law of the ratio, are different: the Wald tests, which use the members' own
covariance, hold for any law with four moments and decide.
"""

from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped
from numpy.typing import ArrayLike
from scipy.special import chdtrc, fdtrc

from analysis.inference.multiplicity import LEVEL
from analysis.inference.simulation import standard_moments
from analysis.inference.wald import Wald, wald_of_means
from analysis.model.family import FamilyFit, parameter_counts, weighted_span
from analysis.model.plugin import pseudo_values
from analysis.model.status import OK
from analysis.symmetry import Symmetry

UNDETERMINED = "undetermined"
ROUNDING = 1e-13
"""A contrast below this fraction of its terms is a rounding error."""


class NestedTests(NamedTuple):
    """Tests of every smaller model of `nested_pairs` within the larger; NaN where not available."""

    dof: Int[np.ndarray, "pairs"]
    """Number of parameters that the smaller model lacks."""
    ratio: Float[np.ndarray, "*batch pairs"]
    """Likelihood-ratio statistic 2 (log L_larger - log L_smaller)."""
    ratio_p: Float[np.ndarray, "*batch pairs"]
    """By chi^2 with `dof` degrees of freedom: valid for Gaussian matrices."""
    wald: Float[np.ndarray, "*batch pairs"]
    """Hotelling's T^2 of the contrasts that vanish in the smaller model."""
    wald_p: Float[np.ndarray, "*batch pairs"]
    """By the F law; within the full model by the law of T^2 for Gaussian members, which holds for few of them, too."""
    effect: Float[np.ndarray, "*batch pairs"]
    """sqrt(max((T^2 - dof) / N, 0)): distance from the smaller model in the spread of members, whatever N."""
    status: Shaped[np.ndarray, "*batch pairs"]
    """Of the Wald test: "ok", or cause and remedy in one line."""


@cache
def nested_pairs(symmetry: Symmetry) -> tuple[tuple[str, str], ...]:
    """All pairs (smaller, larger) of models of the family of which the larger contains the smaller."""
    names = list(symmetry.family)
    projectors = {name: _projector(name, symmetry) for name in names}
    return tuple(
        (small, large)
        for k, large in enumerate(names)
        for small in names[:k]
        if np.allclose(projectors[large] @ projectors[small], projectors[small])
    )


def nested_tests(moments: ArrayLike, fitted: FamilyFit, symmetry: Symmetry) -> NestedTests:
    """Likelihood-ratio and Wald tests of every pair of nested models, from the `block_moments` [..., N, _] of members.

    The contrasts of a pair span the orthogonal complement of the smaller model in the larger one; they are evaluated at
    the unbiased parameters, with the covariance of the members' pseudo-values.

    Args:
        moments: block moments of the members.
        fitted: `fit_family` of the same moments.
        symmetry: of the family.

    Source: Wilks, Ann. Math. Statist. 9 (1938), 60; Hotelling, Ann. Math. Statist. 2 (1931), 360.
    """
    pairs, names = nested_pairs(symmetry), list(symmetry.family)
    inner, outer = ([names.index(pair[side]) for pair in pairs] for side in (0, 1))
    dof = (fitted.parameters[outer] - fitted.parameters[inner]).astype(int)
    # Rounding can make the ratio of two equally good fits negative.
    ratio = np.maximum(2 * (fitted.loglik[..., outer] - fitted.loglik[..., inner]), 0.0)
    values = pseudo_values(np.asarray(moments, dtype=np.float64), symmetry)
    tests = [_within(values, small, large, symmetry) for small, large in pairs]
    return NestedTests(
        dof,
        ratio,
        chdtrc(dof, ratio),
        *(
            np.stack([getattr(test, name) for test in tests], axis=-1)
            for name in ("statistic", "p", "effect", "status")
        ),
    )


@cache
def contrasts(smaller: str, larger: str, symmetry: Symmetry) -> Float[np.ndarray, "k parameters"]:
    """Combinations of parameters that vanish, within the larger model, exactly on the smaller one, one a row."""
    values, vectors = np.linalg.eigh(_projector(larger, symmetry) - _projector(smaller, symmetry))
    return vectors[:, values > 0.5].T * np.sqrt(symmetry.weights)


SAMPLES, SEED = 999, 0
"""Simulated ensembles behind the null law of T^2."""
MOST_MEMBERS = 10_000
"""Members of a simulated ensemble; the law of T^2 differs from its limit by the reciprocal of their number."""
CHUNK_MEMBERS = 1 << 14
"""Simulated members treated at once."""


def wald_within(
    moments: Float[np.ndarray, "*batch N moments"], model: str, symmetry: Symmetry, larger: str | None = None
) -> Wald:
    """Joint test of a model within a larger one, by default the full one, from the `block_moments` of N members.

    For "bipartite" within the paper's 13 parameters it is that of f2 = f4 = f7 = f8 = f10 = 0 and f5 = f11 = f12 = f13,
    which tells simultaneous from separate permutations; a law that is not invariant at all may still satisfy them.
    """
    return _within(pseudo_values(moments, symmetry), model, larger or symmetry.full, symmetry)


def _within(values: Float[np.ndarray, "*batch N parameters"], model: str, larger: str, symmetry: Symmetry) -> Wald:
    """The same from the pseudo-values of the members."""
    result, members = _wald(values, model, larger, symmetry), values.shape[-2]
    if larger != symmetry.full or not np.any(result.status == OK):
        return result
    null = _null_statistics(min(members, MOST_MEMBERS), symmetry)[model]
    return result._replace(p=_rank(np.asarray(result.statistic), null, result.estimate.shape[-1], members))


def _wald(values: np.ndarray, model: str, larger: str, symmetry: Symmetry) -> Wald:
    return wald_of_means(_contrast_values(values, contrasts(model, larger, symmetry)))


@lru_cache(maxsize=64)
def _null_statistics(members: int, symmetry: Symmetry) -> dict[str, Float[np.ndarray, "samples"]]:
    """Sorted T^2 of every smaller model within the full one, for standard normal members.

    Exact for the law of separate permutations, whose T^2 is unchanged by the scalings that carry any such Gaussian law
    into standard normal entries; close for the other models. F is exact for Gaussian contributions of the members, but
    those of variances on the trivial block are chi^2: with few members T^2 is too large for it.
    """
    generator = np.random.default_rng(SEED)
    at_once = max(1, CHUNK_MEMBERS // members)
    found: dict[str, list[np.ndarray]] = {name: [] for name in symmetry.family if name != symmetry.full}
    for start in range(0, SAMPLES, at_once):
        drawn = standard_moments(generator, (min(at_once, SAMPLES - start), members), symmetry)
        values = pseudo_values(drawn, symmetry)
        for name, statistics in found.items():
            statistics.append(_wald(values, name, symmetry.full, symmetry).statistic)
    return {name: np.sort(np.concatenate(statistics)) for name, statistics in found.items()}


def _rank(statistic: np.ndarray, null: np.ndarray, k: int, members: int) -> Float[np.ndarray, "*batch"]:
    """(1 + draws at least as large) / (1 + draws); beyond the largest tenth the F law orders what is rarer.

    There log p = log p_tenth + a (log F - log F_tenth), with a by maximum likelihood from the draws beyond.
    """
    draws = len(null)
    tenth = np.asarray(null[int(0.9 * draws)])
    outer = null[null > tenth]
    slope = 1 / np.mean(_log_f(tenth, k, members) - _log_f(outer, k, members))
    ranked = (1 + draws - np.searchsorted(null, statistic, side="left")) / (1 + draws)
    tail = np.exp(slope * np.minimum(_log_f(statistic, k, members) - _log_f(tenth, k, members), 0.0))
    p = np.where(statistic <= tenth, ranked, (1 + len(outer)) / (1 + draws) * tail)
    return np.asarray(np.where(np.isnan(statistic), np.nan, p))


def _log_f(statistic: np.ndarray, k: int, members: int) -> np.ndarray:
    """Logarithm of the F law's p-value of T^2."""
    p = fdtrc(k, members - k, np.asarray(statistic) * (members - k) / (k * (members - 1)))
    return np.asarray(np.log(np.maximum(p, np.finfo(float).tiny)))


def within_full(symmetry: Symmetry) -> dict[str, int]:
    """Of each smaller model the position of its test within the full one."""
    return {small: k for k, (small, large) in enumerate(nested_pairs(symmetry)) if large == symmetry.full}


def accepted(tests: NestedTests, symmetry: Symmetry, level: float = LEVEL) -> Shaped[np.ndarray, "*batch"]:
    """Name of the smallest model that the data accept, together with all models between it and the full one.

    A model is accepted if its Wald test within the full model has p >= level; one inside a rejected model cannot be
    true. Smallest is fewest parameters, and the larger p among equals; the full model is always accepted. If one of the
    tests is not available, the answer is "undetermined". A true model is missed with probability `level`, and up to
    about twice that where several models contain it: over many epochs and layers some rejections are expected.
    """
    position, pairs = within_full(symmetry), nested_pairs(symmetry)
    names = [*position, symmetry.full]
    p = np.stack([*(tests.wald_p[..., k] for k in position.values()), np.ones(tests.wald_p.shape[:-1])], axis=-1)
    passed = p >= level
    between = np.array([[large == small or (small, large) in pairs for large in names] for small in names])
    stands = np.all(passed[..., None, :] | ~between, axis=-1)
    counts = dict(zip(symmetry.family, parameter_counts(symmetry), strict=True))
    size = np.array([counts[name] for name in names])
    # Fewest parameters first; p, which is at most 1, only separates equals.
    choice = np.argmin(np.where(stands, size - p / 2, np.inf), axis=-1)
    return np.where(np.any(np.isnan(p), axis=-1), UNDETERMINED, np.array(names)[choice])


def _contrast_values(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The contrasts of every member; those that cancel up to rounding, as of symmetric matrices, are 0, not noise."""
    total = values @ rows.T
    return np.where(np.abs(total) <= ROUNDING * (np.abs(values) @ np.abs(rows).T), 0.0, total)


@cache
def _projector(name: str, symmetry: Symmetry) -> np.ndarray:
    """The orthogonal projector on a model, in coordinates weighted by the root of `weights`."""
    span = weighted_span(name, symmetry)
    return span @ np.linalg.pinv(span)
