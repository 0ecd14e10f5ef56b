"""Rectangular m x n matrices under S_m x S_n: V_m (x) V_n = four irreducible blocks, each once, in O(mn)."""

from math import sqrt
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

Array = np.ndarray | jax.Array
Shape = tuple[int, int]


class Blocks(NamedTuple):
    """A matrix in orthonormal block coordinates: |M|^2 = x^2 + |columns|^2 + |rows|^2 + |rest|^2."""

    x: Float[Array, "*batch"]
    """Along J / sqrt(mn)."""
    columns: Float[Array, "*batch n"]
    """Vector of sum zero: how columns differ."""
    rows: Float[Array, "*batch m"]
    """Vector of sum zero: how rows differ."""
    rest: Float[Array, "*batch m n"]
    """Matrix of zero row and column sums: the interaction."""


def dimensions(shape: Shape) -> tuple[int, int, int, int]:
    """Dimensions 1, n-1, m-1, (m-1)(n-1) of the blocks, in the order of `Blocks`."""
    m, n = shape
    return 1, n - 1, m - 1, (m - 1) * (n - 1)


def project(stack: Float[Array, "*batch m n"]) -> Blocks:
    """Block coordinates of each matrix, with means subtracted before anything is squared.

    x = sum M / sqrt(mn); with centred column means c and row means r, columns = sqrt(m) c, rows = sqrt(n) r, and the
    rest is what remains: the two-way layout of the analysis of variance.

    Works on NumPy arrays, JAX arrays and tracers alike, in the precision of its argument.
    """
    xp = stack.__array_namespace__()
    m, n = stack.shape[-2:]
    mean = xp.mean(stack, axis=(-2, -1))
    centred = stack - mean[..., None, None]
    columns, rows = xp.mean(centred, axis=-2), xp.mean(centred, axis=-1)
    rest = centred - columns[..., None, :] - rows[..., :, None]
    return Blocks(sqrt(m * n) * mean, sqrt(m) * columns, sqrt(n) * rows, rest)


def compose(blocks: Blocks) -> Float[Array, "*batch m n"]:
    """The matrix with the given block coordinates: the inverse of `project`."""
    m, n = blocks.rest.shape[-2:]
    low = blocks.columns[..., None, :] / sqrt(m) + blocks.rows[..., :, None] / sqrt(n)
    return blocks.rest + low + blocks.x[..., None, None] / sqrt(m * n)


def block_moments(stack: Float[Array, "*batch m n"]) -> Float[Array, "*batch 4"]:
    """Sufficient statistics of the five-parameter model, one row a matrix.

    x, |columns|^2 / (n-1), |rows|^2 / (m-1), |rest|^2 / ((m-1)(n-1)); the entries of blocks absent at m = 1 or n = 1
    are zero. Works inside `jax.jit`, in the precision of its argument.
    """
    xp = stack.__array_namespace__()
    blocks = project(stack)
    _, columns, rows, rest = dimensions((stack.shape[-2], stack.shape[-1]))
    squares = [
        xp.sum(blocks.columns**2, axis=-1) * (1 / columns if columns else 0.0),
        xp.sum(blocks.rows**2, axis=-1) * (1 / rows if rows else 0.0),
        xp.sum(blocks.rest**2, axis=(-2, -1)) * (1 / rest if rest else 0.0),
    ]
    return xp.stack([blocks.x, *squares], axis=-1)
