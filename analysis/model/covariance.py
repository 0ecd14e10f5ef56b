"""Roots and singularity of the small covariance matrices of the blocks, over any leading axes."""

import numpy as np
from jaxtyping import Bool, Float

SINGULAR = 1e-14
"""Eigenvalues below this fraction of the largest count as no variance."""


def singular(covariance: Float[np.ndarray, "*batch m m"]) -> Bool[np.ndarray, "*batch"]:
    """Whether a covariance is singular or indefinite: smallest eigenvalue <= 1e-14 times the largest, or <= 0."""
    values = np.linalg.eigvalsh(covariance)
    return np.asarray((values[..., 0] <= SINGULAR * values[..., -1]) | (values[..., 0] <= 0))


def or_identity(covariance: Float[np.ndarray, "*batch m m"]) -> Float[np.ndarray, "*batch m m"]:
    """The covariance, replaced by the identity where it is singular and the caller puts something else."""
    return np.where(singular(covariance)[..., None, None], np.eye(covariance.shape[-1]), covariance)


def symmetric_root(covariance: Float[np.ndarray, "*batch m m"]) -> Float[np.ndarray, "*batch m m"]:
    """Square root V sqrt(max(l, 0)) V^T of a symmetrised covariance with eigenvalues l, orthonormal eigenvectors V."""
    values, vectors = np.linalg.eigh((covariance + np.swapaxes(covariance, -1, -2)) / 2)
    return (vectors * np.sqrt(np.maximum(values, 0))[..., None, :]) @ np.swapaxes(vectors, -1, -2)


def inverse_root(covariance: Float[np.ndarray, "*batch m m"]) -> Float[np.ndarray, "*batch m m"]:
    """Pseudo-inverse of the square root; directions without variance are mapped to 0."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > SINGULAR * values[..., -1:]
    inverse = np.where(kept, 1 / np.sqrt(np.where(kept, values, 1.0)), 0.0)
    return (vectors * inverse[..., None, :]) @ np.swapaxes(vectors, -1, -2)


def aligned_root(
    b: Float[np.ndarray, "*#batch m m"], root: Float[np.ndarray, "*#batch m m"]
) -> Float[np.ndarray, "*batch m m"]:
    """The root B^1/2 U of a covariance, U orthogonal, that is nearest to a given matrix R of the same size.

    U = W V^T, from the singular value decomposition R^T B^1/2 = V s W^T. For R = A^1/2 the line from R to B^1/2 U is
    the geodesic from A to B.
    """
    root_b = symmetric_root(b)
    left, _, right = np.linalg.svd(np.swapaxes(root, -1, -2) @ root_b)
    return np.asarray(root_b @ np.swapaxes(left @ right, -1, -2))
