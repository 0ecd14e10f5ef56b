"""Whether two ensembles follow the same law: the distance between their models, and differences of their means."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import stdtr

from analysis.fitting import parameters_from_moments
from analysis.resampling import Resampling, bootstrap
from analysis.trajectories import REPLICATES, SEED
from analysis.uncertainty import replicated_parameters
from analysis.wasserstein import wasserstein_squared_parts

ROUNDING = 1e-12
"""Distance, as a fraction of the root mean square norm of the matrices, that counts as none."""


class Ensemble(NamedTuple):
    """What is known of the members of one ensemble of D x D matrices, all finite."""

    invariants: Float[np.ndarray, "N graphs"]
    block_moments: Float[np.ndarray, "N 10"]


class Difference(NamedTuple):
    """Second minus first mean of some quantities; NaN where there are too few members or no spread to measure by."""

    value: Float[np.ndarray, "*quantities"]
    se: Float[np.ndarray, "*quantities"]
    effect: Float[np.ndarray, "*quantities"]
    """The difference in standard deviations over members, sqrt((s_1^2 + s_2^2)/2)."""
    z: Float[np.ndarray, "*quantities"]
    p: Float[np.ndarray, "*quantities"]
    """Two-sided, from Student's distribution; too small for skewed quantities of ensembles of very unequal size."""


class Contrast(NamedTuple):
    """How far two ensembles are apart."""

    w2: float
    """2-Wasserstein distance (not squared) between the two fitted models."""
    w2_se: float
    """Its standard error, by bootstrap over members."""
    w2_null: float
    """Its mean when members are assigned to the two ensembles at random."""
    w2_p: float
    """Share of random assignments with a distance at least as large: an exact test that both ensembles follow one law,
    and of pairs that the two of each are exchangeable."""
    w2_squared_parts: Float[np.ndarray, "5"]
    invariants: Difference


def contrast(first: Ensemble, second: Ensemble, dim: int, *, paired: bool = False) -> Contrast:
    """Compare two ensembles of D x D matrices.

    Args:
        first: one ensemble.
        second: the other.
        dim: D.
        paired: member i of one and member i of the other share their randomness, as in runs of the same seed. Pairs are
            then resampled together, and only the two of a pair trade places; without this the errors would be too
            large.

    Raises:
        ValueError: there is no member, or ensembles of unequal size are to be paired.
    """
    sizes = len(first.invariants), len(second.invariants)
    if 0 in sizes or (paired and sizes[0] != sizes[1]):
        raise ValueError(f"ensembles of {sizes[0]} and {sizes[1]} members: give some, and equally many to pair them")
    draws = bootstrap(sizes[0], REPLICATES, SEED), bootstrap(sizes[1], REPLICATES, SEED if paired else SEED + 1)
    resampled = _distances(
        replicated_parameters(first.block_moments, draws[0].weights),
        replicated_parameters(second.block_moments, draws[1].weights),
        dim,
    )
    everyone = np.concatenate([first.block_moments, second.block_moments])
    one, other = _assignments(sizes, paired, REPLICATES, SEED)
    null = _distances(replicated_parameters(everyone, one), replicated_parameters(everyone, other), dim)
    f, g = (parameters_from_moments(ensemble.block_moments, dim) for ensemble in (first, second))
    w2 = float(_distances(f, g, dim))
    as_large = null >= w2 * (1 - 1e-9)  # an assignment that is the given one differs in rounding
    return Contrast(
        w2=w2,
        w2_se=float(_smaller(draws).error(resampled)),
        w2_null=float(null.mean()),
        w2_p=float((1 + np.sum(as_large)) / (1 + len(null))),
        w2_squared_parts=np.array(wasserstein_squared_parts(f, g, dim)),
        invariants=mean_difference(first.invariants, second.invariants, paired=paired),
    )


def mean_difference(
    first: Float[np.ndarray, "N *quantities"], second: Float[np.ndarray, "M *quantities"], *, paired: bool
) -> Difference:
    """Difference d of two means with its standard error: s(x_2 - x_1)/sqrt(N) in pairs, else sqrt(s_1^2/N + s_2^2/M).

    The degrees of freedom of z = d/se are N - 1 in pairs, else se^4 / (s_1^4/(N^2 (N-1)) + s_2^4/(M^2 (M-1))).

    Source: Welch, Biometrika 34 (1947), 28.
    """
    value = second.mean(axis=0) - first.mean(axis=0)
    samples = [second - first] if paired else [first, second]
    shares = [_variance(sample) / len(sample) for sample in samples]
    squared_error = np.sum(shares, axis=0)
    curvature = sum(share**2 / max(len(sample) - 1, 1) for share, sample in zip(shares, samples, strict=True))
    freedom = np.divide(squared_error**2, curvature, out=np.ones_like(curvature), where=curvature > 0)
    se, spread = np.sqrt(squared_error), np.sqrt((_variance(first) + _variance(second)) / 2)
    z = np.divide(value, se, out=np.where((value == 0) & (se == 0), 0.0, np.nan), where=se > 0)
    effect = np.divide(value, spread, out=np.where((value == 0) & (spread == 0), 0.0, np.nan), where=spread > 0)
    return Difference(value, se, effect, z, 2 * stdtr(freedom, -np.abs(z)))


@lru_cache(maxsize=2)
def _assignments(
    sizes: tuple[int, int], paired: bool, replicates: int, seed: int
) -> tuple[Float[np.ndarray, "replicates N"], Float[np.ndarray, "replicates N"]]:
    """Weights of all members in the means of either ensemble when they are assigned at random, or trade places."""
    rng = np.random.default_rng(seed)
    if paired:
        stay = rng.integers(0, 2, (replicates, sizes[0]))
        in_first = np.concatenate([stay, 1 - stay], axis=1)
    else:
        in_first = rng.permuted(np.tile(np.repeat([1, 0], sizes), (replicates, 1)), axis=1)
    return in_first / sizes[0], (1 - in_first) / sizes[1]


def _distances(
    f: Float[np.ndarray, "*replicates 13"], g: Float[np.ndarray, "*replicates 13"], dim: int
) -> Float[np.ndarray, "*replicates"]:
    """W2 between models, 0 where it is a rounding error of their size: equal ensembles are to be at no distance."""
    distance, size = (np.sqrt(sum(wasserstein_squared_parts(f, other, dim))) for other in (g, np.zeros(13)))
    return np.where(distance <= ROUNDING * size, 0.0, distance)


def _smaller(draws: tuple[Resampling, Resampling]) -> Resampling:
    """The resampling of the smaller ensemble, whose correction for its size is the larger."""
    return min(draws, key=lambda draw: draw.weights.shape[1])


def _variance(values: Float[np.ndarray, "N *quantities"]) -> Float[np.ndarray, "*quantities"]:
    """The unbiased variance over members; NaN for a single one."""
    return np.asarray(values.var(axis=0, ddof=1)) if len(values) > 1 else np.full(values.shape[1:], np.nan)
