"""Plug-in parameters, which are the maximum-likelihood ones: from block moments, replicates of them, or invariants."""

from collections import defaultdict
from fractions import Fraction
from functools import cache

import numpy as np
from jaxtyping import Float

from analysis.symmetry import Symmetry
from analysis.symmetry.blocks import pack_symmetric
from analysis.symmetry.tensors import Expansion
from invariants import Graph

ROUNDING = 1e-14
"""A block whose trace is below this fraction of E|M|^2 is a rounding error of matrices that do not vary: set to 0.
It is squared where means are subtracted before anything is squared."""


def parameters_from_moments(
    moments: Float[np.ndarray, "*batch N moments"], symmetry: Symmetry
) -> Float[np.ndarray, "*batch parameters"]:
    """Plug-in parameters of ensembles given by their `block_moments`.

    Mean <x> and covariance <(x - <x>)(x - <x>)^T>, divided by N, on the trivial block; the mean moments of the others.
    """
    copies = symmetry.blocks[0].slots
    mean = np.mean(moments, axis=-2)
    centred = moments[..., :copies] - mean[..., None, :copies]
    covariance = np.swapaxes(centred, -1, -2) @ centred / moments.shape[-2]
    x = mean[..., :copies] * symmetry.mean_unit
    f = np.concatenate([x, pack_symmetric(covariance), mean[..., copies:]], axis=-1)
    return _without_rounding(f, symmetry, ROUNDING**2)


def replicated_parameters(
    moments: Float[np.ndarray, "N moments"], weights: Float[np.ndarray, "replicates N"], symmetry: Symmetry
) -> Float[np.ndarray, "replicates parameters"]:
    """Plug-in parameters of all replicates at once: covariance <x x^T> - <x> <x>^T, with x centred on its mean."""
    copies = symmetry.blocks[0].slots
    centre = np.mean(moments, axis=0)
    centred = moments - centre
    features = np.concatenate([centred, products(centred[:, :copies])], axis=1)
    shifts, squares = np.split(weights @ features, [moments.shape[1]], axis=1)
    covariance, replicated = squares - products(shifts[:, :copies]), centre + shifts
    x = replicated[:, :copies] * symmetry.mean_unit
    return np.concatenate([x, covariance, replicated[:, copies:]], axis=1)


def parameters_from_invariants(
    means: Float[np.ndarray, "*batch fitted"], symmetry: Symmetry
) -> Float[np.ndarray, "*batch parameters"]:
    """Plug-in parameters from the mean invariants of `symmetry.fitted`.

    The second moment along a tensor T is s = <T, M M> / <T, T>, and <T, M M> is the combination of quadratic invariants
    that the tensor expands into; the parameter is s, less the product of means on the trivial block.
    """
    linear, quadratic = _expansions(symmetry)
    first = len(symmetry.graphs(1))
    x = means[..., :first] @ linear.T
    second = means[..., first:] @ quadratic.T
    second[..., : symmetry.blocks[0].entries] -= products(x)
    f = np.concatenate([x * symmetry.mean_unit, second], axis=-1)
    return _without_rounding(f, symmetry, ROUNDING)


def pseudo_values(
    moments: Float[np.ndarray, "*batch N moments"], symmetry: Symmetry
) -> Float[np.ndarray, "*batch N parameters"]:
    """Jackknife pseudo-values of the unbiased parameters, from the `block_moments` of N members.

    Their mean is the unbiased estimate exactly, and their covariance over N is the covariance of the estimate. For the
    sample covariance s of x on the trivial block they are (N (x - <x>)(x - <x>)^T - s) / (N - 2); all others are the
    block moments themselves. With fewer than 3 members those on the trivial block are NaN.

    Source: Miller, Biometrika 61 (1974), 1.
    """
    members, block = moments.shape[-2], symmetry.blocks[0]
    x = moments[..., : block.slots]
    if members < 3:
        spread = np.full((*moments.shape[:-1], block.entries), np.nan)
    else:
        spread = products(x - np.mean(x, axis=-2, keepdims=True))
        sample = np.sum(spread, axis=-2, keepdims=True) / (members - 1)
        spread = (members * spread - sample) / (members - 2)
    return np.concatenate([x * symmetry.mean_unit, spread, moments[..., block.slots :]], axis=-1)


def products(x: Float[np.ndarray, "*batch copies"]) -> Float[np.ndarray, "*batch entries"]:
    """x_a x_b for all a <= b."""
    return pack_symmetric(x[..., :, None] * x[..., None, :])


@cache
def _expansions(symmetry: Symmetry) -> tuple[np.ndarray, np.ndarray]:
    """What linear and quadratic invariants contribute to the coordinates of the trivial block and to second moments."""
    first = len(symmetry.graphs(1))
    tensors, norms = symmetry.tensors, symmetry.weights[symmetry.blocks[0].slots :]
    linear = [
        _row(symmetry, tensor, symmetry.fitted[:first], radical)
        for tensor, radical in zip(tensors.means, tensors.mean_radicals, strict=True)
    ]
    quadratic = [
        _row(symmetry, tensor, symmetry.fitted[first:], radical / norm if norm else 0.0)
        for tensor, radical, norm in zip(tensors.covariances, tensors.radicals, norms, strict=True)
    ]
    return np.array(linear), np.array(quadratic)


def _row(symmetry: Symmetry, tensor: Expansion, graphs: tuple[Graph, ...], factor: float) -> np.ndarray:
    """Coefficients of the invariants in a tensor contracted with the matrix, times a factor."""
    total: dict[Graph, Fraction] = defaultdict(Fraction)
    for graph, coefficient in tensor.items():
        total[symmetry.canonical(graph)] += coefficient
    return factor * np.array([float(total[graph]) for graph in graphs])


def _without_rounding(f: np.ndarray, symmetry: Symmetry, fraction: float) -> np.ndarray:
    """Drop blocks that are rounding errors of constant matrices, among them variances below 0."""
    law = symmetry.unpack(f)
    sizes = [np.trace(covariance, axis1=-2, axis2=-1) for covariance in law.covariances]
    square = np.sum(law.mean**2, axis=-1) + sum(
        block.dimension * size for block, size in zip(symmetry.blocks, sizes, strict=True)
    )
    small = np.stack([size <= fraction * square for size in sizes], axis=-1)
    entries = [block.entries for block in symmetry.blocks]
    copies = symmetry.blocks[0].slots
    kept = np.where(np.repeat(small, entries, axis=-1), 0.0, f[..., copies:])
    return np.concatenate([f[..., :copies], kept], axis=-1)
