"""Affine maps that act on each block: whitening, optimal transport between laws, and controls made with it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from analysis.model.covariance import aligned_root, inverse_root, symmetric_root
from analysis.model.fitting import fit
from analysis.model.gaussian import Gaussian, check_same_symmetry, on_copies
from analysis.symmetry import Data, Symmetry
from analysis.symmetry.base import Coordinates

REACHED = 1e-9
"""Relative error of the transported covariance above which the source does not reach the target."""


@dataclass(frozen=True, eq=False)
class BlockMap:
    """The map x -> end + A_0 (x - start) on the trivial block, and the linear maps A_b on the copies of the others.

    Attributes:
        symmetry: which blocks there are.
        start: what is mapped to `end` on the trivial block.
        end: the image of `start`.
        matrices: A_0, A_1, ...
    """

    symmetry: Symmetry
    start: Float[np.ndarray, "copies"]
    end: Float[np.ndarray, "copies"]
    matrices: tuple[Float[np.ndarray, "_ _"], ...]

    def __call__(self, data: Any) -> Data:
        """The image of each member of a stack [N, m, n].

        Raises:
            ValueError: if the matrices are not of the shape of the symmetry.
        """
        return self.symmetry.compose(self.on_blocks(self.symmetry.project(self.symmetry.read(data))))

    def on_blocks(self, coordinates: Coordinates) -> Coordinates:
        """The block coordinates of the image."""
        x, *others = coordinates
        trivial, *matrices = self.matrices
        moved = (on_copies(matrix, part) for matrix, part in zip(matrices, others, strict=True))
        return (self.end + on_copies(trivial, x - self.start), *moved)


def whitening(model: Gaussian) -> BlockMap:
    """The map S^-1/2 (M - mean), block by block, which turns the law into independent standard normal coordinates.

    On a singular block it is the pseudo-inverse: directions without variance are mapped to 0.
    """
    inverses = tuple(map(inverse_root, model.covariances))
    return BlockMap(model.symmetry, model.mean, np.zeros_like(model.mean), inverses)


def optimal_map(p: Gaussian, q: Gaussian) -> BlockMap:
    """The optimal transport from p to q for the squared Euclidean cost, whose mean cost is W2^2.

    On each block A = S^-1/2 (S^1/2 T S^1/2)^1/2 S^-1/2, symmetric and non-negative, with A S A = T.

    Raises:
        ValueError: if the laws are of different symmetries or sizes, or a block of q varies in a direction in which p
            does not.

    Source: Olkin and Pukelsheim, Linear Algebra Appl. 48 (1982), 257.
    """
    check_same_symmetry(p, q)
    matrices = []
    for block, source, target in zip(p.symmetry.blocks, p.covariances, q.covariances, strict=True):
        matrix = aligned_root(target, symmetric_root(source)) @ inverse_root(source)
        error = np.max(np.abs(matrix @ source @ matrix.T - target))
        if block.dimension and error > REACHED * np.max(np.abs(target)):
            raise ValueError(
                f"block {block.name} of the first model lacks directions of the second: no optimal map; "
                "take interpolate, or a first model fitted to more members"
            )
        matrices.append((matrix + matrix.T) / 2)
    return BlockMap(p.symmetry, p.mean, q.mean, tuple(matrices))


def matched_control(model: Gaussian, members: int, key: Any) -> Data:
    """Gaussian members whose own fit is the model exactly, not only in expectation; the JAX key is consumed.

    A sample is transported from its fit to the model, so that its mean linear and quadratic invariants are those of the
    model and whatever else differs from the ensemble the model was fitted to is not Gaussian.

    Raises:
        ValueError: if there are too few members for their own fit to be regular, or a block is indefinite.
    """
    least = model.symmetry.blocks[0].copies + 1
    if members < least:
        raise ValueError(f"control of {members} members: give at least {least}, so that their covariance is regular")
    sample = model.sample(key, members)
    return optimal_map(fit(sample, model.symmetry).model, model)(sample)
