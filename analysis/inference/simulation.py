"""Block moments of Gaussian ensembles, drawn from their exact laws without the matrices."""

import numpy as np
from jaxtyping import Float

from analysis.symmetry import Symmetry
from analysis.symmetry.blocks import pack_symmetric


def standard_moments(
    generator: np.random.Generator, shape: tuple[int, ...], symmetry: Symmetry
) -> Float[np.ndarray, "*shape moments"]:
    """Block moments of members with standard normal block coordinates.

    x is standard normal; d h h^T / d of a block of c copies and dimension d is Wishart(c, d) / d; all independent.
    """
    trivial, *others = symmetry.blocks
    parts = [generator.standard_normal((*shape, trivial.slots))]
    for block in others:
        drawn = wishart(generator, block.slots, block.dimension, shape) / max(block.dimension, 1)
        parts.append(pack_symmetric(drawn) * _present(block.slots, block.copies))
    return np.concatenate(parts, axis=-1)


def standard_fits(
    generator: np.random.Generator, members: int, replicates: int, symmetry: Symmetry
) -> Float[np.ndarray, "replicates parameters"]:
    """Plug-in parameters of ensembles of N members with standard normal block coordinates.

    The means are N(0, 1/N); N S_0 ~ Wishart(c_0, N-1), N d S_b ~ Wishart(c_b, N d) on the other blocks; all
    independent.
    """
    trivial, *others = symmetry.blocks
    means = generator.standard_normal((replicates, trivial.slots)) / np.sqrt(members) * symmetry.mean_unit
    parts = [means, pack_symmetric(wishart(generator, trivial.slots, members - 1, (replicates,))) / members]
    for block in others:
        freedom = members * block.dimension
        drawn = wishart(generator, block.slots, freedom, (replicates,)) / max(freedom, 1)
        parts.append(pack_symmetric(drawn) * _present(block.slots, block.copies))
    return np.concatenate(parts, axis=-1)


def wishart(
    generator: np.random.Generator, size: int, freedom: int, shape: tuple[int, ...]
) -> Float[np.ndarray, "*shape size size"]:
    """L L^T with chi variables of decreasing degrees of freedom on the diagonal of L and normal ones below.

    Fewer degrees of freedom than rows leave the last columns empty, and the matrix singular as it should be.

    Source: Bartlett, Proc. R. Soc. Edinb. 53 (1933), 260.
    """
    root = np.tril(generator.standard_normal((*shape, size, size)), -1)
    for column in range(size):
        root[..., column, column] = np.sqrt(generator.chisquare(max(freedom - column, 1), shape))
    root[..., max(freedom, 0) :] = 0
    return root @ np.swapaxes(root, -1, -2)


def _present(slots: int, copies: int) -> Float[np.ndarray, "entries"]:
    """1 for the entries of copies that there are, 0 for those of absent ones."""
    there = (np.arange(slots) < copies).astype(float)
    return pack_symmetric(np.outer(there, there))
