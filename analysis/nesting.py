"""Tests along the nesting of the family: which symmetric model do the data accept?

Likelihood ratios assume Gaussian matrices. Trained ensembles are only approximately so, and under another law the
variances of squares, and with them the null law of the ratio, are different: the Wald tests, which use the members' own
covariance, hold for any law with four moments and decide.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from analysis.family import MODELS, FamilyFit, parameter_counts, weighted_span, weights
from analysis.wald import pseudo_values, wald_of_means

FULL = MODELS[-1]
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
    """By the F law: valid for any law of the entries, for many members."""
    effect: Float[np.ndarray, "*batch pairs"]
    """sqrt(T^2 / N): distance from the smaller model in units of the spread of members, whatever their number."""
    status: Shaped[np.ndarray, "*batch pairs"]
    """Of the Wald test: "ok", or cause and remedy in one line."""


@cache
def nested_pairs() -> tuple[tuple[str, str], ...]:
    """All pairs (smaller, larger) of models of the family of which the larger contains the smaller: 21 pairs."""
    # Inclusion is the same at every D from 4 on, and below where blocks are absent.
    projectors = {name: _projector(name, 4) for name in MODELS}
    return tuple(
        (small, large)
        for large in MODELS
        for small in MODELS
        if small != large and np.allclose(projectors[large] @ projectors[small], projectors[small])
    )


def nested_tests(moments: ArrayLike, fitted: FamilyFit, dim: int) -> NestedTests:
    """Likelihood-ratio and Wald tests of every pair of nested models, from the `block_moments` [..., N, 10] of members.

    The contrasts of a pair span the orthogonal complement of the smaller model in the larger one; they are evaluated at
    the unbiased f1..f13, with the covariance of the members' pseudo-values.

    Args:
        moments: block moments of the members.
        fitted: `fit_family` of the same moments.
        dim: D.

    Source: Wilks, Ann. Math. Statist. 9 (1938), 60; Hotelling, Ann. Math. Statist. 2 (1931), 360.
    """
    pairs = nested_pairs()
    small, large = ([MODELS.index(pair[side]) for pair in pairs] for side in (0, 1))
    dof = (fitted.parameters[large] - fitted.parameters[small]).astype(int)
    # Rounding can make the ratio of two equally good fits negative.
    ratio = np.maximum(2 * (fitted.loglik[..., large] - fitted.loglik[..., small]), 0.0)
    values = pseudo_values(np.asarray(moments, dtype=np.float64))
    tests = [wald_of_means(_contrast_values(values, contrasts(*pair, dim))) for pair in pairs]
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
def contrasts(smaller: str, larger: str, dim: int) -> Float[np.ndarray, "k 13"]:
    """Combinations of f1..f13 that vanish, within the larger model, exactly on the smaller one, one a row."""
    values, vectors = np.linalg.eigh(_projector(larger, dim) - _projector(smaller, dim))
    return vectors[:, values > 0.5].T * np.sqrt(weights(dim))


def accepted(tests: NestedTests, dim: int, level: float = 0.05) -> Shaped[np.ndarray, "*batch"]:
    """Name of the smallest model that the data accept: the Wald test within the full model has p >= level.

    Smallest is fewest parameters, and the larger p among equals; the full model is always accepted. If one of the
    tests is not available, the answer is "undetermined". A true model is missed with probability `level` in every call:
    over many epochs and layers some rejections are expected.
    """
    within = [(k, small) for k, (small, large) in enumerate(nested_pairs()) if large == FULL]
    p = np.stack([tests.wald_p[..., k] for k, _ in within] + [np.ones(tests.wald_p.shape[:-1])], axis=-1)
    names = np.array([small for _, small in within] + [FULL])
    counts = dict(zip(MODELS, parameter_counts(dim), strict=True))
    size = np.array([counts[name] for name in names])
    # Fewest parameters first; p, which is at most 1, only separates equals.
    choice = np.argmin(np.where(p >= level, size - p / 2, np.inf), axis=-1)
    return np.where(np.any(np.isnan(p), axis=-1), UNDETERMINED, names[choice])


def _contrast_values(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The contrasts of every member; those that cancel up to rounding, as of symmetric matrices, are 0, not noise."""
    total = values @ rows.T
    return np.where(np.abs(total) <= ROUNDING * (np.abs(values) @ np.abs(rows).T), 0.0, total)


@cache
def _projector(name: str, dim: int) -> np.ndarray:
    """The orthogonal projector on a model, in coordinates weighted by the root of `weights`."""
    span = weighted_span(name, dim)
    return span @ np.linalg.pinv(span)
