"""The vector f1..f13 and the blocks it stands for, over any leading axes."""

from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from analysis.representation import dimensions

NAMES = tuple(f"f{k}" for k in range(1, 14))
"""f1, f2: means on V_0; f3..f5: covariance 11, 12, 22 on V_0; f6..f11: covariance 11, 12, 13, 22, 23, 33 on V_H;
f12, f13: variances on V_2 and V_3."""


class Block(NamedTuple):
    """One covariance of the model, repeated on every dimension of its irreducible representation."""

    name: str
    multiplicity: int
    covariance: Float[np.ndarray, "*batch m m"]


class Parts(NamedTuple):
    """A distance or divergence split over the mean and the four blocks; `sum(parts)` is the whole."""

    mean: Float[np.ndarray, "*batch"]
    v0: Float[np.ndarray, "*batch"]
    vh: Float[np.ndarray, "*batch"]
    v2: Float[np.ndarray, "*batch"]
    v3: Float[np.ndarray, "*batch"]


def unpack_symmetric(entries: Float[np.ndarray, "*batch n"]) -> Float[np.ndarray, "*batch m m"]:
    """The symmetric matrix whose upper triangle, row by row, is given."""
    return entries[..., _position({1: 1, 3: 2, 6: 3}[entries.shape[-1]])]


def pack_symmetric(matrix: Float[np.ndarray, "*batch m m"]) -> Float[np.ndarray, "*batch n"]:
    """The upper triangle of a matrix, row by row: the inverse of `unpack_symmetric`."""
    return matrix[(..., *_upper(matrix.shape[-1]))]


@cache
def _upper(size: int) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]:
    """Rows and columns of the upper triangle; to find them takes longer than to use them."""
    rows, columns = np.triu_indices(size)
    return rows, columns


@cache
def _position(size: int) -> Int[np.ndarray, "m m"]:
    """For each entry of a symmetric matrix, its place in the upper triangle."""
    position = np.zeros((size, size), dtype=int)
    rows, columns = _upper(size)
    position[rows, columns] = position[columns, rows] = np.arange(len(rows))
    return position


def covariance_blocks(f: Float[np.ndarray, "*batch 13"], dim: int) -> tuple[Block, Block, Block, Block]:
    """The covariance as four blocks (V_0, V_H, V_2, V_3), which add in every log-determinant, trace and distance.

    Each is a 2 x 2, 3 x 3, 1 x 1, 1 x 1 matrix; at D = 2 only two copies of V_H exist, and blocks absent at
    D < 4 have multiplicity 0.
    """
    sizes = dimensions(dim)
    copies = 3 if dim > 2 else 2
    return (
        Block("V_0", sizes.trivial, unpack_symmetric(f[..., 2:5])),
        Block("V_H", sizes.standard, unpack_symmetric(f[..., 5:11])[..., :copies, :copies]),
        Block("V_2", sizes.v2, f[..., 11, None, None]),
        Block("V_3", sizes.v3, f[..., 12, None, None]),
    )


def singular(covariance: Float[np.ndarray, "*batch m m"]) -> Bool[np.ndarray, "*batch"]:
    """Whether a covariance is singular or indefinite: smallest eigenvalue <= 1e-14 times the largest, or <= 0."""
    values = np.linalg.eigvalsh(covariance)
    return np.asarray((values[..., 0] <= 1e-14 * values[..., -1]) | (values[..., 0] <= 0))


def symmetric_root(covariance: Float[np.ndarray, "*batch m m"]) -> Float[np.ndarray, "*batch m m"]:
    """Square root V sqrt(max(l, 0)) V^T of a symmetrised covariance with eigenvalues l, orthonormal eigenvectors V."""
    values, vectors = np.linalg.eigh((covariance + np.swapaxes(covariance, -1, -2)) / 2)
    return (vectors * np.sqrt(np.maximum(values, 0))[..., None, :]) @ np.swapaxes(vectors, -1, -2)
