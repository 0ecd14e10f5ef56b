"""W2 of the five-parameter model to independent entries, and what an unchanged ensemble shows of it by chance."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float

from analysis.null_distance import NullDistance
from analysis.rectangular.family import nearest_iid
from analysis.rectangular.likelihood import wasserstein_squared_parts
from analysis.rectangular.representation import Shape, dimensions


def reference(f: Float[np.ndarray, "*batch 5"], shape: Shape, variance: float | None) -> Float[np.ndarray, "*#batch 5"]:
    """Centred independent entries of the given variance; for None, the independent entries nearest to each model."""
    if variance is None:
        return nearest_iid(f, shape)
    return np.broadcast_to(np.array([0.0, *[variance] * 4]), f.shape)


def distance(
    f: Float[np.ndarray, "*batch 5"], shape: Shape, variance: float | None = None
) -> Float[np.ndarray, "*batch"]:
    """W2 (not squared) of models to their `reference`."""
    return np.asarray(np.sqrt(np.sum(wasserstein_squared_parts(f, reference(f, shape, variance), shape), axis=-1)))


def null_distance(shape: Shape, members: int, variance: float, *, nearest: bool = False) -> NullDistance:
    """W2 between the fit to N matrices of independent entries and their law's own model, by simulation.

    Entries are taken for Gaussian: uniform ones of the same variance show one about 5 % smaller.

    Args:
        shape: of the matrices.
        members: N.
        variance: of the entries.
        nearest: distance to the independent entries nearest to each fit instead, for an unknown initial law.

    Raises:
        ValueError: if there is no member.
    """
    if members < 1:
        raise ValueError(f"null distance of {members} members: give at least 1")
    distances = np.sqrt(variance) * _unit_distances(shape, members, nearest)
    return NullDistance(float(np.mean(distances)), float(np.quantile(distances, 0.95)))


@lru_cache(maxsize=64)
def _unit_distances(
    shape: Shape, members: int, nearest: bool, replicates: int = 1000
) -> Float[np.ndarray, "replicates"]:
    """Distances of fits to standard normal entries, drawn from the exact law of the fits.

    mean ~ N(0, 1/(N mn)); N v0 ~ chi^2(N-1) and N n_b v_b ~ chi^2(N n_b) on the other blocks; all independent.
    """
    rng = np.random.default_rng(0)
    mean = rng.standard_normal(replicates) / np.sqrt(members * np.prod(shape))
    freedom = members * np.array(dimensions(shape)) - np.array([1, 0, 0, 0])
    squares = np.where(freedom > 0, rng.chisquare(np.maximum(freedom, 1), (replicates, 4)), 0.0)
    f = np.concatenate([mean[:, None], squares / (members * np.maximum(dimensions(shape), 1))], axis=1)
    return distance(f, shape, None if nearest else 1.0)
