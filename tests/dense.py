"""Slow, obvious references for the model: explicit bases of the blocks, and the dense D^2-dimensional Gaussian."""

import numpy as np
from scipy.linalg import null_space

from analysis import PIGMM, Gaussian
from invariants import Graph
from tests.square import pigmm


def standard_copies(dim: int) -> np.ndarray:
    """Orthonormal matrices [3, D-1, D, D] of the three copies of V_H, on one common basis of vectors of sum zero."""
    one = np.ones(dim)
    copies = []
    for h in null_space(one[None, :]).T:
        columns, rows = np.outer(one, h) / np.sqrt(dim), np.outer(h, one) / np.sqrt(dim)
        rest = np.diag(h) - np.sum(np.diag(h) * columns) * columns - np.sum(np.diag(h) * rows) * rows
        copies.append([columns, rows, rest / np.linalg.norm(rest)])
    return np.swapaxes(np.array(copies), 0, 1)


def block_bases(dim: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Orthonormal bases as rows of length D^2: V_0 [2, D^2], V_H [3, D-1, D^2], V_2 [n2, D^2], V_3 [n3, D^2]."""
    ones, eye = np.ones((dim, dim)), np.eye(dim)
    trivial = np.array([ones / dim, (eye - ones / dim) / np.sqrt(dim - 1)]).reshape(2, -1)
    standard = standard_copies(dim).reshape(3, dim - 1, -1)
    rest = null_space(np.concatenate([trivial, standard.reshape(-1, dim**2)])).T.reshape(-1, dim, dim)
    parts = []
    for sign in (1, -1):
        part = (rest + sign * np.swapaxes(rest, 1, 2)).reshape(len(rest), -1) / 2
        _, values, vectors = np.linalg.svd(part)
        parts.append(vectors[: np.sum(values > 1e-9)])
    return trivial, standard, parts[0], parts[1]


def dense(model: Gaussian) -> tuple[np.ndarray, np.ndarray]:
    """Mean [D^2] and covariance [D^2, D^2] of the flattened matrix."""
    trivial, standard, v2, v3 = block_bases(model.symmetry.shapes[0][0])
    covariance = (
        trivial.T @ model.covariances[0] @ trivial
        + np.einsum("akm,ab,bkn->mn", standard, model.covariances[1], standard)
        + model.covariances[2].item() * v2.T @ v2
        + model.covariances[3].item() * v3.T @ v3
    )
    return model.mean @ trivial, covariance


def log_density(vectors: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Log-density of vectors [N, n] under a Gaussian, by its textbook formula."""
    centred = vectors - mean
    squares = np.sum(centred @ np.linalg.inv(covariance) * centred, axis=1)
    return -(squares + np.linalg.slogdet(2 * np.pi * covariance)[1]) / 2


def dense_expectation(model: Gaussian, graph: Graph) -> float:
    """E[I_G] by Isserlis' theorem on the dense Gaussian, for every assignment of indices to nodes."""
    (dim, _), mean, covariance = model.symmetry.shapes[0], *dense(model)
    total = 0.0
    for indices in np.ndindex(*[dim] * graph.nodes):
        entries = [indices[a] * dim + indices[b] for a, b in graph.edges]
        total += _isserlis(mean, covariance, entries)
    return total


def _isserlis(mean: np.ndarray, covariance: np.ndarray, entries: list[int]) -> float:
    if not entries:
        return 1.0
    first, rest = entries[0], entries[1:]
    paired = sum(
        covariance[first, other] * _isserlis(mean, covariance, rest[:k] + rest[k + 1 :]) for k, other in enumerate(rest)
    )
    return mean[first] * _isserlis(mean, covariance, rest) + paired


def random_model(dim: int, seed: int) -> PIGMM:
    """A generic model with well-conditioned blocks."""
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((2, 4)), rng.standard_normal((3, 6))
    v2, v3 = rng.uniform(0.5, 2.0, 2)
    return pigmm(dim, rng.standard_normal(2), a @ a.T / 4, b @ b.T / 6, v2, v3)
