"""Isotypic blocks: what a Gaussian law with a permutation symmetry is made of."""

from dataclasses import dataclass
from functools import cache
from math import isqrt
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True)
class Block:
    """An irreducible representation with all its copies.

    Attributes:
        name: as in the papers, such as "V_H".
        copies: how often it occurs.
        dimension: of one copy; 0 where the matrices are too small to have it.
        slots: copies that the parameter vector has room for: more than `copies` only in the smallest matrices.
    """

    name: str
    copies: int
    dimension: int
    slots: int

    @property
    def entries(self) -> int:
        """Entries of its covariance in the parameter vector: an upper triangle."""
        return self.slots * (self.slots + 1) // 2


class Law(NamedTuple):
    """An invariant Gaussian law, or many: the mean on the trivial block, and a covariance of the copies for each block.

    The covariance of a block repeats along each of its dimensions.
    """

    mean: Float[np.ndarray, "*batch K"]
    covariances: tuple[Float[np.ndarray, "*batch _ _"], ...]


def unpack_symmetric(entries: Float[np.ndarray, "*batch n"]) -> Float[np.ndarray, "*batch m m"]:
    """The symmetric matrix whose upper triangle, row by row, is given."""
    return entries[..., _position((isqrt(8 * entries.shape[-1] + 1) - 1) // 2)]


def pack_symmetric(matrix: Float[np.ndarray, "*batch m m"]) -> Float[np.ndarray, "*batch n"]:
    """The upper triangle of a matrix, row by row: the inverse of `unpack_symmetric`."""
    return matrix[(..., *upper_triangle(matrix.shape[-1]))]


@cache
def upper_triangle(size: int) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]:
    """Rows and columns of the upper triangle; to find them takes longer than to use them."""
    rows, columns = np.triu_indices(size)
    return rows, columns


@cache
def _position(size: int) -> Int[np.ndarray, "m m"]:
    """For each entry of a symmetric matrix, its place in the upper triangle."""
    position = np.zeros((size, size), dtype=int)
    rows, columns = upper_triangle(size)
    position[rows, columns] = position[columns, rows] = np.arange(len(rows))
    return position
