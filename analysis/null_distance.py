"""The 2-Wasserstein distance that an ensemble of given size shows by chance, before anything has happened to it."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.entry_law import EntryLaw
from analysis.fitting import parameters_from_moments
from analysis.initialisation import iid_model
from analysis.parameters import covariance_blocks, pack_symmetric
from analysis.pigmm import PIGMM
from analysis.representation import block_moments, dimensions
from analysis.wasserstein import wasserstein_squared_parts

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
    law: EntryLaw, dim: int, members: int, *, nearest: bool = False, replicates: int = 200, seed: int = 0
) -> NullDistance:
    """W2 between the fit to N matrices of independent entries and their law's own i.i.d. model, by simulation.

    Gaussian entries are simulated exactly at any size, through the normal and Wishart laws of the fitted blocks. For
    uniform entries the matrices themselves are drawn, up to `DRAWN_ENTRIES`. Larger ones, and other laws, are taken
    for Gaussian: only the spread of the fourth moment differs, by -1.2 for uniform entries, which is 4 % in W2.

    Args:
        law: law of the initial entries.
        dim: D.
        members: N.
        nearest: distance to the i.i.d. model nearest to each fit instead, for ensembles of unknown initial law.
        replicates: simulated ensembles.
        seed: of the simulation.

    Raises:
        ValueError: if there is no member.
    """
    if members < 1:
        raise ValueError(f"null distance of {members} members: give at least 1")
    drawn = _is_uniform(law) and replicates * members * dim**2 <= DRAWN_ENTRIES
    distances = _unit_distances(drawn, dim, members, nearest, replicates, seed)
    std = float(law.cumulant(2)) ** 0.5
    return NullDistance(std * float(np.mean(distances)), std * float(np.quantile(distances, 0.95)))


def distance_to(reference: PIGMM | None, f: Float[np.ndarray, "*batch 13"], dim: int) -> Float[np.ndarray, "*batch"]:
    """W2 of models to one reference, or for None to the nearest i.i.d. model of each."""
    other = nearest_iid(f, dim) if reference is None else reference.parameters
    return np.asarray(np.sqrt(sum(wasserstein_squared_parts(f, other, dim))))


def nearest_iid(f: Float[np.ndarray, "*batch 13"], dim: int) -> Float[np.ndarray, "*batch 13"]:
    """The i.i.d. Gaussian most likely for each model: mean f1/D, variance (f2^2 + sum_b n_b tr S_b)/D^2."""
    variance = f[..., 1] ** 2
    for block in covariance_blocks(f, dim):
        variance = variance + block.multiplicity * np.trace(block.covariance, axis1=-2, axis2=-1)
    unit = iid_model(0.0, 1.0, dim).parameters
    iid = unit * variance[..., None] / dim**2
    iid[..., 0] = f[..., 0]
    return iid


@lru_cache(maxsize=64)
def _unit_distances(
    drawn: bool, dim: int, members: int, nearest: bool, replicates: int, seed: int
) -> Float[np.ndarray, "replicates"]:
    """Distances of simulated fits for entries of mean 0 and variance 1, with which they scale."""
    if drawn:
        # Ensembles lose members one by one; all sizes below a power of two share their draws.
        pool = _uniform_moments(dim, 1 << (members - 1).bit_length(), replicates, seed)
        f = parameters_from_moments(pool[:, :members], dim)
    else:
        f = _gaussian_fits(dim, members, replicates, np.random.default_rng(seed))
    return distance_to(None if nearest else iid_model(0.0, 1.0, dim), f, dim)


@lru_cache(maxsize=4)
def _uniform_moments(dim: int, members: int, replicates: int, seed: int) -> Float[np.ndarray, "replicates members 10"]:
    """Block moments of matrices with entries uniform on [-sqrt(3), sqrt(3)], in chunks."""
    rng = np.random.default_rng(seed)
    moments = np.empty((replicates * members, 10))
    step = max(1, CHUNK_ENTRIES // dim**2)
    for start in range(0, len(moments), step):
        rows = moments[start : start + step]
        rows[:] = block_moments(rng.uniform(-(3**0.5), 3**0.5, (len(rows), dim, dim)))
    return moments.reshape(replicates, members, 10)


def _gaussian_fits(
    dim: int, members: int, replicates: int, rng: np.random.Generator
) -> Float[np.ndarray, "replicates 13"]:
    """Plug-in f1..f13 of ensembles of standard normal entries, drawn from their exact law.

    The means are N(0, 1/N); N S_0 ~ Wishart(N-1), N n_b S_b ~ Wishart(N n_b) on the other blocks; all independent.
    """
    _, standard, *scalars = dimensions(dim)
    means = rng.standard_normal((replicates, 2)) / np.sqrt(members)
    trivial = _wishart(2, members - 1, replicates, rng) / members
    hook = _wishart(3, members * standard, replicates, rng) / (members * standard)
    rest = [_wishart(1, members * n, replicates, rng)[:, 0] / (members * max(n, 1)) for n in scalars]
    return np.concatenate([means, pack_symmetric(trivial), pack_symmetric(hook), *rest], axis=1)


def _wishart(
    size: int, freedom: int, replicates: int, rng: np.random.Generator
) -> Float[np.ndarray, "replicates size size"]:
    """L L^T with chi variables of decreasing degrees of freedom on the diagonal of L and normal ones below.

    Fewer degrees of freedom than rows leave the last columns empty, and the matrix singular as it should be.

    Source: Bartlett, Proc. Royal Soc. Edinburgh 53 (1933), 260.
    """
    root = np.tril(rng.standard_normal((replicates, size, size)), -1)
    for column in range(size):
        root[:, column, column] = np.sqrt(rng.chisquare(max(freedom - column, 1), replicates))
    root[:, :, max(freedom, 0) :] = 0
    return root @ np.swapaxes(root, -1, -2)


def _is_uniform(law: EntryLaw) -> bool:
    """Whether the standardised cumulants are those of a uniform law around 0."""
    variance, uniform = law.cumulant(2), EntryLaw.uniform(1)
    return variance > 0 and all(
        law.cumulant(k) * uniform.cumulant(2) ** (k // 2) == uniform.cumulant(k) * variance ** (k // 2) * (k % 2 == 0)
        for k in (1, 3, 4, 6)
    )
