"""The 2-Wasserstein distance that an ensemble of given size shows by chance, before anything has happened to it."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.inference.simulation import standard_fits
from analysis.model.entry_law import EntryLaw
from analysis.model.family import nearest_iid
from analysis.model.gaussian import Gaussian, model_of
from analysis.model.plugin import parameters_from_moments
from analysis.model.wasserstein import wasserstein_squared_parts
from analysis.symmetry import Symmetry

REPLICATES = 2000
"""Simulated ensembles behind the level of chance; a tenth of them where matrices have to be drawn."""
DRAWN_ENTRIES = 5e7
"""Uniform entries that are drawn at most; beyond, Gaussian ones of the same variance stand in."""
CHUNK_ENTRIES = 1 << 20
"""Entries drawn at once: some megabytes, which stay in the cache through all passes of the projection."""


class NullDistance(NamedTuple):
    """What W2 (not squared) is worth when the law of the ensemble is the reference itself."""

    mean: float
    upper: float
    """95 % quantile: a distance above it is significant at the 5 % level."""


def null_distance(
    law: EntryLaw,
    symmetry: Symmetry,
    members: int,
    *,
    nearest: bool = False,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> NullDistance:
    """W2 between the fit to N matrices of independent entries and their law's own i.i.d. Gaussian, by simulation.

    Gaussian entries are simulated exactly at any size, through the normal and Wishart laws of the fitted blocks. For
    uniform entries the matrices themselves are drawn, up to `DRAWN_ENTRIES`, for a tenth of the replicates. Larger
    ones, and other laws, are taken for Gaussian: only the spread of the fourth moment differs, by -1.2 for uniform
    entries, which is 4 % in W2.

    Args:
        law: law of the initial entries.
        symmetry: of the fits.
        members: N.
        nearest: distance to the i.i.d. law nearest to each fit instead, for ensembles of unknown initial law.
        replicates: simulated ensembles.
        seed: of the simulation.

    Raises:
        ValueError: if there is no member.
    """
    if members < 1:
        raise ValueError(f"null distance of {members} members: give at least 1")
    drawn = _is_uniform(law) and replicates // 10 * members * symmetry.size <= DRAWN_ENTRIES
    distances = _unit_distances(drawn, symmetry, members, nearest, replicates, seed)
    std = float(law.cumulant(2)) ** 0.5
    return NullDistance(std * float(np.mean(distances)), std * float(np.quantile(distances, 0.95)))


def squared_distance_to(
    reference: Gaussian | None, f: Float[np.ndarray, "*batch parameters"], symmetry: Symmetry
) -> Float[np.ndarray, "*batch"]:
    """W2^2 of laws to one reference, or for None to the nearest i.i.d. law of each."""
    other = nearest_iid(f, symmetry) if reference is None else reference.parameters
    return np.asarray(np.sum(wasserstein_squared_parts(f, other, symmetry), axis=-1))


@lru_cache(maxsize=64)
def _unit_distances(
    drawn: bool, symmetry: Symmetry, members: int, nearest: bool, replicates: int, seed: int
) -> Float[np.ndarray, "replicates"]:
    """Distances of simulated fits for entries of mean 0 and variance 1, with which they scale."""
    if drawn:
        # Ensembles lose members one by one; all sizes below a power of two share their draws.
        pool = _uniform_moments(symmetry, 1 << (members - 1).bit_length(), replicates // 10, seed)
        f = parameters_from_moments(pool[:, :members], symmetry)
    else:
        f = standard_fits(np.random.default_rng(seed), members, replicates, symmetry)
    reference = None if nearest else model_of(symmetry, symmetry.isotropic(0.0, 1.0))
    return np.asarray(np.sqrt(squared_distance_to(reference, f, symmetry)))


@lru_cache(maxsize=4)
def _uniform_moments(
    symmetry: Symmetry, members: int, replicates: int, seed: int
) -> Float[np.ndarray, "replicates members moments"]:
    """Block moments of matrices with entries uniform on [-sqrt(3), sqrt(3)], in chunks."""
    generator = np.random.default_rng(seed)
    moments = np.empty((replicates * members, len(symmetry.moment_names)))
    step = max(1, CHUNK_ENTRIES // symmetry.size)
    for start in range(0, len(moments), step):
        rows = moments[start : start + step]
        drawn = (generator.uniform(-(3**0.5), 3**0.5, (len(rows), *shape)) for shape in symmetry.shapes)
        rows[:] = symmetry.block_moments(symmetry.assembled(*drawn))
    return moments.reshape(replicates, members, -1)


def _is_uniform(law: EntryLaw) -> bool:
    """Whether the standardised cumulants are those of a uniform law around 0."""
    variance, uniform = law.cumulant(2), EntryLaw.uniform(1)
    return variance > 0 and all(
        law.cumulant(k) * uniform.cumulant(2) ** (k // 2) == uniform.cumulant(k) * variance ** (k // 2) * (k % 2 == 0)
        for k in (1, 3, 4, 6)
    )
