"""The Wasserstein geometry of models: geodesics, barycentres, and the length of the path that training takes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from analysis.model.covariance import aligned_root, symmetric_root
from analysis.model.gaussian import Gaussian, check_same_symmetry, model_of
from analysis.model.wasserstein import wasserstein_squared_parts
from analysis.symmetry import Symmetry

STEPS = 1000
"""Fixed-point steps after which a barycentre counts as not converging."""


class Path(NamedTuple):
    """How far a sequence of models travels in the 2-Wasserstein distance, and how far it gets."""

    steps: Float[np.ndarray, "*batch S"]
    """W2 between neighbours. Noise of the fits lengthens every step, so the length grows with their number."""
    length: Float[np.ndarray, "*batch"]
    """Sum of the steps."""
    net: Float[np.ndarray, "*batch"]
    """W2 between first and last; at most the length."""
    squared_steps: Float[np.ndarray, "*batch S parts"]
    """Squared steps split over the mean and the blocks."""
    squared_net: Float[np.ndarray, "*batch parts"]
    """Squared net displacement split likewise."""


def path(f: Float[np.ndarray, "*batch E parameters"], symmetry: Symmetry) -> Path:
    """Length sum_e W2(f_e, f_e+1) and net displacement W2(f_first, f_last) of laws given by parameters at E epochs."""
    steps = wasserstein_squared_parts(f[..., :-1, :], f[..., 1:, :], symmetry)
    net = wasserstein_squared_parts(f[..., 0, :], f[..., -1, :], symmetry)
    distances = np.sqrt(np.sum(steps, axis=-1))
    return Path(distances, np.sum(distances, axis=-1), np.sqrt(np.sum(net, axis=-1)), steps, net)


def interpolate(p: Gaussian, q: Gaussian, t: float) -> Gaussian:
    """The model at fraction t of the geodesic from p to q, at constant speed: W2(p, model) = t W2(p, q).

    Means move linearly; a block is R R^T with R = (1-t) S^1/2 + t T^1/2 U, the root of T being the one nearest to that
    of S. Singular blocks are included.

    Raises:
        ValueError: if the models are of different symmetries or sizes, or t is outside [0, 1].

    Source: McCann, Adv. Math. 128 (1997), 153.
    """
    check_same_symmetry(p, q)
    if not 0 <= t <= 1:
        raise ValueError(f"fraction {t} of a geodesic: give 0 <= t <= 1")
    return _average([p, q], np.array([1 - t, t]), p)


def barycentre(models: Sequence[Gaussian], weights: ArrayLike | None = None, tolerance: float = 1e-12) -> Gaussian:
    """The model that minimises sum_i w_i W2^2(model, model_i), with equal weights unless given.

    The mean is the mean of means. Each block is the limit of S -> R R^T, R = sum_i w_i T_i^1/2 U_i with the roots
    nearest to S^1/2, starting at the mean of the blocks and ending when the parameters change by less than `tolerance`
    of the largest.

    Raises:
        ValueError: if there is no model, symmetries or sizes differ, the weights are not non-negative numbers, one a
            model and not all 0, or the iteration does not end.

    Source: Alvarez-Esteban, del Barrio, Cuesta-Albertos and Matran, J. Math. Anal. Appl. 441 (2016), 744.
    """
    if not models:
        raise ValueError("barycentre of no models: give at least one")
    check_same_symmetry(*models)
    w = np.ones(len(models)) if weights is None else np.asarray(weights, dtype=np.float64)
    if w.shape != (len(models),) or not np.all(np.isfinite(w) & (w >= 0)) or not np.any(w):
        raise ValueError(f"weights {w.tolist()}: give {len(models)} non-negative numbers, not all 0")
    w = w / np.sum(w)
    current = model_of(models[0].symmetry, w @ np.array([model.parameters for model in models]))
    for _ in range(STEPS):
        following = _average(models, w, current)
        change = np.max(np.abs(following.parameters - current.parameters))
        current = following
        if change <= tolerance * np.max(np.abs(current.parameters)):
            return current
    raise ValueError(f"barycentre not within {tolerance} after {STEPS} steps: give a larger tolerance")


def _average(models: Sequence[Gaussian], weights: np.ndarray, at: Gaussian) -> Gaussian:
    """The average of models in the tangent space at one of them: of the means, and of the roots nearest to its own."""
    means = np.einsum("i,ij->j", weights, np.array([model.mean for model in models]))
    covariances = []
    for here, *blocks in zip(at.covariances, *(model.covariances for model in models), strict=True):
        roots = aligned_root(np.array(blocks), symmetric_root(here))
        root = np.einsum("i,ijk->jk", weights, roots)
        square = root @ root.T
        covariances.append((square + square.T) / 2)
    return replace(at, mean=means, covariances=tuple(covariances))
