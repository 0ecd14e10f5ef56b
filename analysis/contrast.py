"""Whether two ensembles follow the same law: the distance between their models, and differences of their means."""

from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import stdtr

from analysis.inference.multiplicity import LEVEL, benjamini_hochberg
from analysis.inference.resampling import Resampling, bootstrap
from analysis.model.fitting import read_ensemble
from analysis.model.likelihood import kullback_leibler
from analysis.model.plugin import parameters_from_moments, replicated_parameters
from analysis.model.wasserstein import wasserstein_squared_parts
from analysis.statistics import REPLICATES, SEED, largest
from analysis.symmetry import Symmetry, default_symmetry
from analysis.symmetry.base import chosen_members, finite_members

ROUNDING = 1e-12
"""Distance, as a fraction of the root mean square norm of the matrices, that counts as none."""


class Ensemble(NamedTuple):
    """What is known of the members of one ensemble, all finite."""

    invariants: Float[np.ndarray, "N graphs"]
    """Those that the symmetry fits and predicts."""
    block_moments: Float[np.ndarray, "N moments"]


class Difference(NamedTuple):
    """Second minus first mean of some quantities; NaN where there are too few members or no spread to measure by."""

    value: Float[np.ndarray, "*quantities"]
    se: Float[np.ndarray, "*quantities"]
    effect: Float[np.ndarray, "*quantities"]
    """The difference in standard deviations over members, sqrt((s_1^2 + s_2^2)/2)."""
    z: Float[np.ndarray, "*quantities"]
    p: Float[np.ndarray, "*quantities"]
    """Two-sided, from Student's distribution; too small for skewed quantities of ensembles of very unequal size."""


@dataclass(frozen=True, repr=False)
class Contrast:
    """How far two ensembles are apart; NaN where one of them has no member."""

    symmetry: Symmetry
    """Under which they are compared."""
    members: tuple[int, int]
    """Members of each that were compared, all of them finite."""
    w2: float
    """2-Wasserstein distance (not squared) between the two fitted models."""
    w2_se: float
    """Its standard error, by bootstrap over members."""
    w2_null: float
    """Its mean when members are assigned to the two ensembles at random."""
    w2_p: float
    """Share of random assignments with a distance at least as large: an exact test that both ensembles follow one law,
    and of pairs that the two of each are exchangeable."""
    w2_squared_parts: Float[np.ndarray, "parts"]
    """Its square split over the mean and the blocks."""
    kl: float
    """Kullback-Leibler divergence of the second model from the first, KL(second || first), in nats; infinite where a
    block of one has no variance, as the trivial one of a single member."""
    kl_se: float
    """Its standard error, by bootstrap over members."""
    kl_null: float
    """Its mean when members are assigned to the two ensembles at random."""
    invariants: Difference
    """Of the mean invariants, in the order of `names`."""
    q: Float[np.ndarray, "graphs"]
    """Their p-values adjusted for the false-discovery rate."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the invariants."""
        return self.symmetry.observed_names

    def __repr__(self) -> str:
        name = self.names[int(largest(self.invariants.effect))]
        count = int(np.sum(self.q < LEVEL))
        return (
            f"Contrast({self.symmetry}, {self.members[0]} and {self.members[1]} members: W2 = {self.w2:.4g} +- "
            f"{self.w2_se:.2g} ({self.w2_null:.4g} by chance, p = {self.w2_p:.3g}), {count} of {len(self.names)} mean "
            f"invariants differ, {name} the most)"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


def contrast(a: Any, b: Any, symmetry: Symmetry | None = None, *, paired: bool = False) -> Contrast:
    """Compare two ensembles of matrices [N, m, n] and [M, m, n].

    Args:
        a: one ensemble; members with a non-finite entry are left out.
        b: the other.
        symmetry: by default simultaneous permutations for square matrices, separate ones for others.
        paired: member i of one and member i of the other share their randomness, as in runs of the same seed; a pair
            of which one is not finite is then left out.

    Raises:
        ValueError: if the matrices differ in shape, there is no finite member, or ensembles of unequal size are to be
            paired.
    """
    symmetry = symmetry or default_symmetry(a)
    both = [read_ensemble(data, symmetry) for data in (a, b)]
    finite = [finite_members(data) for data in both]
    if paired and len(finite[0]) == len(finite[1]):
        finite = [finite[0] & finite[1]] * 2
    kept = [chosen_members(data, chosen) for data, chosen in zip(both, finite, strict=True)]
    if not all(chosen.any() for chosen in finite):
        raise ValueError("an ensemble without a finite member: nothing to compare; look for divergence in training")
    first, second = (
        Ensemble(symmetry.evaluate(symmetry.observed, data), np.asarray(symmetry.block_moments(data))) for data in kept
    )
    return contrast_ensembles(first, second, symmetry, paired=paired)


def contrast_ensembles(first: Ensemble, second: Ensemble, symmetry: Symmetry, *, paired: bool = False) -> Contrast:
    """Compare two ensembles whose invariants and block moments are known.

    Args:
        first: one ensemble.
        second: the other.
        symmetry: of both.
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
    ours = replicated_parameters(first.block_moments, draws[0].weights, symmetry)
    theirs = replicated_parameters(second.block_moments, draws[1].weights, symmetry)
    everyone = np.concatenate([first.block_moments, second.block_moments])
    assigned = _assignments(sizes, paired, REPLICATES, SEED)
    one, other = (replicated_parameters(everyone, weights, symmetry) for weights in assigned)
    null = _distances(one, other, symmetry)
    f, g = (parameters_from_moments(ensemble.block_moments, symmetry) for ensemble in (first, second))
    w2 = float(_distances(f, g, symmetry))
    as_large = null >= w2 * (1 - 1e-9)  # an assignment that is the given one differs in rounding
    invariants = mean_difference(first.invariants, second.invariants, paired=paired)
    return Contrast(
        symmetry=symmetry,
        members=sizes,
        w2=w2,
        w2_se=float(_smaller(draws).error(_distances(ours, theirs, symmetry))),
        w2_null=float(null.mean()),
        w2_p=float((1 + np.sum(as_large)) / (1 + len(null))),
        w2_squared_parts=wasserstein_squared_parts(f, g, symmetry),
        kl=float(kullback_leibler(g, f, symmetry)),
        kl_se=_error(draws, kullback_leibler(theirs, ours, symmetry)),
        kl_null=_mean(kullback_leibler(other, one, symmetry)),
        invariants=invariants,
        q=benjamini_hochberg(invariants.p),
    )


def no_contrast(symmetry: Symmetry, members: tuple[int, int]) -> Contrast:
    """What is known of two ensembles of which one has no member: nothing."""
    graphs, parts = len(symmetry.observed), len(symmetry.part_names)
    unknown = Difference._make([np.full(graphs, np.nan)] * len(Difference._fields))
    nan = float("nan")
    distances = dict.fromkeys(("w2", "w2_se", "w2_null", "w2_p", "kl", "kl_se", "kl_null"), nan)
    return Contrast(
        symmetry=symmetry,
        members=members,
        w2_squared_parts=np.full(parts, nan),
        invariants=unknown,
        q=np.full(graphs, nan),
        **distances,
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
    f: Float[np.ndarray, "*replicates parameters"], g: Float[np.ndarray, "*replicates parameters"], symmetry: Symmetry
) -> Float[np.ndarray, "*replicates"]:
    """W2 between laws, 0 where it is a rounding error of their size: equal ensembles are to be at no distance."""
    distance, size = (
        np.sqrt(np.sum(wasserstein_squared_parts(f, other, symmetry), axis=-1)) for other in (g, np.zeros_like(g))
    )
    return np.where(distance <= ROUNDING * size, 0.0, distance)


def _error(draws: tuple[Resampling, Resampling], values: Float[np.ndarray, "replicates"]) -> float:
    """The standard error of a divergence; NaN where it is infinite in some replicates, as in those of a few members."""
    return float(_smaller(draws).error(values)) if np.isfinite(values).all() else float("nan")


def _mean(values: Float[np.ndarray, "replicates"]) -> float:
    """The mean of a divergence; NaN where it is infinite in some replicates."""
    return float(values.mean()) if np.isfinite(values).all() else float("nan")


def _smaller(draws: tuple[Resampling, Resampling]) -> Resampling:
    """The resampling of the smaller ensemble, whose correction for its size is the larger."""
    return min(draws, key=lambda draw: draw.weights.shape[1])


def _variance(values: Float[np.ndarray, "N *quantities"]) -> Float[np.ndarray, "*quantities"]:
    """The unbiased variance over members; NaN for a single one."""
    return np.asarray(values.var(axis=0, ddof=1)) if len(values) > 1 else np.full(values.shape[1:], np.nan)
