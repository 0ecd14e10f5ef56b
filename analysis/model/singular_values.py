"""Singular values of stacks of matrices, and how large their eigenvalues are."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

LARGEST = 128
"""Rows of square matrices up to which there is a spectral radius: it takes six times as long as singular values."""


class SpectralValues(NamedTuple):
    """Of matrices m x n, in their units; NaN for matrices that are not finite."""

    singular: Float[np.ndarray, "*batch p"]
    """From the largest; p = min(m, n)."""
    radius: Float[np.ndarray, "*batch"]
    """Largest absolute value of an eigenvalue; NaN for matrices that are not square or are larger than `LARGEST`."""


def spectral_values(stack: Float[np.ndarray, "*batch m n"]) -> SpectralValues:
    """Singular values and spectral radius of every matrix, computed in float64."""
    finite = np.asarray(np.isfinite(stack).all(axis=(-2, -1)))
    matrices = np.where(finite[..., None, None], stack, 0).astype(np.float64)
    singular = np.where(finite[..., None], singular_values(matrices), np.nan)
    return SpectralValues(singular, np.where(finite, spectral_radii(matrices), np.nan))


def singular_values(stack: Float[np.ndarray, "*batch m n"]) -> Float[np.ndarray, "*batch p"]:
    """sqrt(lambda), from the largest, lambda the eigenvalues of M M^T or of M^T M, whichever is smaller.

    Up to 20 times as fast as a decomposition of M. The error is 1e-16 of the largest singular value sigma_1, times
    sigma_1 / sigma, and at most 1e-7 of sigma_1.
    """
    transposed = np.swapaxes(stack, -2, -1)
    return of_gram(stack @ transposed if stack.shape[-2] <= stack.shape[-1] else transposed @ stack)


def of_gram(gram: Float[np.ndarray, "*batch p p"]) -> Float[np.ndarray, "*batch p"]:
    """Singular values, from the largest, of matrices of which M M^T or M^T M is known."""
    return np.sqrt(np.maximum(np.linalg.eigvalsh(gram)[..., ::-1], 0))


def spectral_radii(stack: Float[np.ndarray, "*batch m n"]) -> Float[np.ndarray, "*batch"]:
    """Largest absolute value of an eigenvalue; NaN where `SpectralValues` says so."""
    rows, columns = stack.shape[-2:]
    if rows != columns or rows > LARGEST:
        return np.full(stack.shape[:-2], np.nan)
    return np.max(np.abs(np.linalg.eigvals(stack)), axis=-1)
