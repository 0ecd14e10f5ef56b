"""The permutation representation of D x D matrices: V_D (x) V_D = 2 V_0 + 3 V_H + V_2 + V_3, in O(D^2)."""

from math import sqrt
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

Array = np.ndarray | jax.Array


class Dimensions(NamedTuple):
    """Dimensions of V_0, V_H, V_2 and V_3; they count D^2 with multiplicities 2, 3, 1, 1."""

    trivial: int
    standard: int
    v2: int
    v3: int


class Blocks(NamedTuple):
    """A matrix in orthonormal block coordinates: |M|^2 = |x|^2 + |h|^2 + |symmetric|^2 + |antisymmetric|^2."""

    x: Float[Array, "*batch 2"]
    """Along J / D and (I - J/D) / sqrt(D-1)."""
    h: Float[Array, "*batch 3 D"]
    """Vectors of sum zero in the three copies of V_H: column sums, row sums, remainder of the diagonal."""
    symmetric: Float[Array, "*batch D D"]
    """The V_2 part: symmetric, zero row sums, zero diagonal."""
    antisymmetric: Float[Array, "*batch D D"]
    """The V_3 part: antisymmetric, zero row sums."""


def dimensions(dim: int) -> Dimensions:
    """Dimensions 1, D-1, D(D-3)/2, (D-1)(D-2)/2 of the irreducible blocks; V_2 vanishes for D < 4, V_3 for D < 3."""
    return Dimensions(1, dim - 1, max(dim * (dim - 3) // 2, 0), (dim - 1) * (dim - 2) // 2)


def project(stack: Float[Array, "*batch D D"]) -> Blocks:
    """Block coordinates of each matrix, with means subtracted before anything is squared.

    x_1 = sum M / D, x_2 = (tr M - sum M / D) / sqrt(D-1), and with c, r, d the centred column sums, row sums and
    diagonal: h_1 = c / sqrt(D), h_2 = r / sqrt(D), h_3 = sqrt(D/(D-2)) (d - (c + r)/D). V_2 and V_3 are the symmetric
    and antisymmetric parts of what remains. At D = 2 the third copy of V_H is absent and its coordinates are zero.

    Works on NumPy arrays, JAX arrays and tracers alike, in the precision of its argument.
    """
    xp = stack.__array_namespace__()
    dim = stack.shape[-1]
    mean = xp.mean(stack, axis=(-2, -1))
    centred = stack - mean[..., None, None]
    columns, rows, diagonal = xp.mean(centred, axis=-2), xp.mean(centred, axis=-1), xp.linalg.diagonal(centred)
    trace = xp.mean(diagonal, axis=-1)
    x = xp.stack([dim * mean, dim / sqrt(dim - 1) * trace], axis=-1)
    h = xp.stack(
        [
            sqrt(dim) * columns,
            sqrt(dim) * rows,
            _third_copy(dim) * (diagonal - trace[..., None] - columns - rows),
        ],
        axis=-2,
    )
    residual = stack - _compose_low(x, h)
    transposed = xp.matrix_transpose(residual)
    return Blocks(x, h, (residual + transposed) / 2, (residual - transposed) / 2)


def compose(blocks: Blocks) -> Float[Array, "*batch D D"]:
    """The matrix with the given block coordinates: the inverse of `project`."""
    return _compose_low(blocks.x, blocks.h) + blocks.symmetric + blocks.antisymmetric


def block_moments(stack: Float[Array, "*batch D D"]) -> Float[Array, "*batch 10"]:
    """Sufficient statistics of the model, one row a matrix.

    x_1, x_2; the entries 11, 12, 13, 22, 23, 33 of h h^T / (D-1); |V_2 part|^2 / n_2; |V_3 part|^2 / n_3.
    The maximum-likelihood parameters are functions of their mean and of the second moments of x. The entries of
    absent blocks (D < 4) are zero. Works inside `jax.jit`, in the precision of its argument.
    """
    xp = stack.__array_namespace__()
    _, standard, v2, v3 = dimensions(stack.shape[-1])
    x, h, symmetric, antisymmetric = project(stack)
    products = [xp.sum(h[..., a, :] * h[..., b, :], axis=-1) / standard for a in range(3) for b in range(a, 3)]
    squares = [
        xp.sum(part**2, axis=(-2, -1)) * (1 / size if size else 0.0)
        for part, size in ((symmetric, v2), (antisymmetric, v3))
    ]
    return xp.concat([x, xp.stack([*products, *squares], axis=-1)], axis=-1)


def _compose_low(x: Array, h: Array) -> Array:
    """The V_0 and V_H part of a matrix."""
    xp = x.__array_namespace__()
    dim = h.shape[-1]
    remainder = h[..., 2, :] * _third_copy(dim)
    ramp = x[..., 1] / sqrt(dim - 1)
    columns = h[..., 0, :] / sqrt(dim) - remainder / dim
    rows = h[..., 1, :] / sqrt(dim) - remainder / dim
    constant = (x[..., 0] - ramp) / dim
    full = constant[..., None, None] + columns[..., None, :] + rows[..., :, None]
    # A mask instead of `+ eye`: ranks stay equal, as strict JAX asks.
    on_diagonal = xp.broadcast_to(xp.eye(dim, dtype=bool), full.shape)
    return xp.where(on_diagonal, full + (ramp[..., None] + remainder)[..., None, :], full)


def _third_copy(dim: int) -> float:
    """Normalisation sqrt(D/(D-2)) of diag(h) - (1 h^T + h 1^T)/D, which vanishes identically at D = 2."""
    return sqrt(dim / (dim - 2)) if dim > 2 else 0.0
