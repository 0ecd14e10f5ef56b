"""Affine maps that act on each block: whitening, optimal transport between models, and controls made with it."""

from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Float, Key, UInt32
from numpy.typing import ArrayLike

from analysis.fitting import fit
from analysis.parameters import symmetric_root
from analysis.pigmm import PIGMM, check_same_size
from analysis.representation import Blocks, compose, project
from analysis.wasserstein import aligned_root

SINGULAR = 1e-14
"""Eigenvalues below this fraction of the largest count as no variance."""
REACHED = 1e-9
"""Relative error of the transported covariance above which the source does not reach the target."""


@dataclass(frozen=True, eq=False)
class BlockMap:
    """An affine map of D x D matrices that commutes with simultaneous permutations of rows and columns.

    On block coordinates x -> end + trivial (x - start), (h_1, h_2, h_3) -> standard (h_1, h_2, h_3), and the V_2 and
    V_3 parts times v2 and v3; O(D^2) for each matrix.
    """

    dim: int
    start: Float[np.ndarray, "2"]
    end: Float[np.ndarray, "2"]
    trivial: Float[np.ndarray, "2 2"]
    standard: Float[np.ndarray, "3 3"]
    v2: float
    v3: float

    def __call__(self, stack: ArrayLike) -> Float[np.ndarray, "*batch D D"]:
        """The image of each matrix.

        Raises:
            ValueError: if the matrices are not D x D.
        """
        stack = np.asarray(stack, dtype=np.float64)
        if stack.shape[-2:] != (self.dim, self.dim):
            raise ValueError(f"matrices of shape {stack.shape}: give a stack [..., {self.dim}, {self.dim}]")
        return np.asarray(compose(self.on_blocks(project(stack))))

    def on_blocks(self, blocks: Blocks) -> Blocks:
        """The block coordinates of the image."""
        return Blocks(
            self.end + (blocks.x - self.start) @ self.trivial.T,
            self.standard @ blocks.h,
            self.v2 * blocks.symmetric,
            self.v3 * blocks.antisymmetric,
        )


def full_blocks(model: PIGMM) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Covariance on V_0, V_H, V_2, V_3 as 2 x 2, 3 x 3, 1 x 1, 1 x 1 matrices; a copy absent at D = 2 has entries 0."""
    trivial, standard, v2, v3 = (block.covariance for block in model.blocks)
    return trivial, np.pad(standard, (0, 3 - len(standard))), v2, v3


def whitening(model: PIGMM) -> BlockMap:
    """The map S^-1/2 (M - mean), block by block, which turns the model into independent standard normal entries.

    On a singular block it is the pseudo-inverse: directions without variance are mapped to 0.
    """
    inverses = [_inverse_root(block) for block in full_blocks(model)]
    return _block_map(model.dim, model.mean, np.zeros(2), inverses)


def optimal_map(p: PIGMM, q: PIGMM) -> BlockMap:
    """The optimal transport from p to q for the squared Euclidean cost, whose mean cost is W2^2.

    On each block A = S^-1/2 (S^1/2 T S^1/2)^1/2 S^-1/2, symmetric and non-negative, with A S A = T.

    Raises:
        ValueError: if the models are of different size, or a block of q varies in a direction in which p does not.

    Source: Olkin and Pukelsheim, Linear Algebra Appl. 48 (1982), 257.
    """
    check_same_size(p, q)
    matrices = []
    for block, source, target in zip(p.blocks, full_blocks(p), full_blocks(q), strict=True):
        matrix = aligned_root(target, symmetric_root(source)) @ _inverse_root(source)
        error = np.max(np.abs(matrix @ source @ matrix.T - target))
        if block.multiplicity and error > REACHED * np.max(np.abs(target)):
            raise ValueError(
                f"block {block.name} of the first model lacks directions of the second: no optimal map; "
                "take interpolate, or a first model fitted to more members"
            )
        matrices.append((matrix + matrix.T) / 2)
    return _block_map(p.dim, p.mean, q.mean, matrices)


def matched_control(
    model: PIGMM, members: int, key: Key[jax.Array, ""] | UInt32[jax.Array, "2"]
) -> Float[np.ndarray, "members D D"]:
    """Gaussian matrices whose own fit is the model exactly, not only in expectation; the key is consumed.

    A sample is transported from its fit to the model, so that its mean I1..I13 are those of the model and whatever else
    differs from the ensemble the model was fitted to is not Gaussian.

    Raises:
        ValueError: if there are fewer than 3 members (the sample's own fit is then singular), or a block is indefinite.
    """
    if members < 3:
        raise ValueError(f"control of {members} members: give at least 3, so that their own covariance is regular")
    sample = model.sample(key, members)
    return optimal_map(fit(sample).model, model)(sample)


def _inverse_root(covariance: np.ndarray) -> np.ndarray:
    """Pseudo-inverse of the square root; directions without variance are mapped to 0."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > max(SINGULAR * values[-1], 0.0)
    return (vectors * np.where(kept, 1 / np.sqrt(np.where(kept, values, 1.0)), 0.0)) @ vectors.T


def _block_map(dim: int, start: np.ndarray, end: np.ndarray, matrices: list[np.ndarray]) -> BlockMap:
    trivial, standard, v2, v3 = matrices
    return BlockMap(dim, start, end, trivial, standard, v2.item(), v3.item())
