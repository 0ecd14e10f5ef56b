"""Ensembles of a law with exactly the observed fit: the exact null law of everything that is tested.

The fitted parameters are a complete sufficient statistic of the law. Given them the law of the members contains no
parameter: it is that of standard normal members, whitened and recoloured block by block to the observed fit. Statistics
of such draws are exchangeable with the observed one under the model, whatever the number of members.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from analysis.model.covariance import inverse_root, symmetric_root
from analysis.symmetry import Data, Symmetry
from analysis.symmetry.base import Coordinates, matrices_of
from invariants import Graph

ENTRIES = 1 << 18
"""Matrix entries treated at once: a few megabytes, which stay in the cache of a processor."""
CHUNK_ENTRIES = 1 << 17
"""Entries whose invariants are evaluated at once, always the same number of members so that it compiles once."""


def conditional_ensembles(
    parameters: Float[np.ndarray, "parameters"], members: int, symmetry: Symmetry, samples: int, seed: int = 0
) -> Iterator[Data]:
    """Chunks [n, N, rows, columns] of ensembles whose plug-in fit is exactly that of the parameters; `samples` in all.

    Directions in which a draw does not vary, as of fewer members than copies, stay at the mean.
    """
    generator = np.random.default_rng([seed, members, symmetry.size])
    step = max(1, ENTRIES // (members * symmetry.size))
    for start in range(0, samples, step):
        count = min(step, samples - start)
        normal = symmetry.standard_normal(generator, count * members)
        coordinates = tuple(
            part.reshape(count, members, *part.shape[1:]) for part in map(np.asarray, symmetry.project(normal))
        )
        yield symmetry.compose(_recoloured(coordinates, parameters, symmetry))


def evaluated(graphs: tuple[Graph, ...], data: Data, symmetry: Symmetry) -> Float[np.ndarray, "*batch graphs"]:
    """Invariants of any number of members [*batch, rows, columns], in stacks of one size."""
    stacks, size = matrices_of(data), max(1, CHUNK_ENTRIES // symmetry.size)
    flat = tuple(stack.reshape(-1, *stack.shape[-2:]) for stack in stacks)
    count, values = len(flat[0]), []
    for start in range(0, count, size):
        parts = (stack[start : start + size] for stack in flat)
        filled = tuple(np.concatenate([part, np.zeros((size - len(part), *part.shape[1:]))]) for part in parts)
        values.append(symmetry.evaluate(graphs, filled if isinstance(data, tuple) else filled[0])[: count - start])
    return np.concatenate(values).reshape(*stacks[0].shape[:-2], len(graphs))


def _recoloured(
    coordinates: Coordinates, parameters: Float[np.ndarray, "parameters"], symmetry: Symmetry
) -> Coordinates:
    """The coordinates with the mean and covariances of each ensemble replaced by those of the law."""
    law = symmetry.unpack(parameters)
    recoloured = []
    for number, (block, covariance, part) in enumerate(zip(symmetry.blocks, law.covariances, coordinates, strict=True)):
        draws, members = part.shape[:2]
        present = part[:, :, : block.copies].reshape(draws, members, block.copies, -1)
        if number == 0:
            present = present - present.mean(axis=1, keepdims=True)
        flat = present.swapaxes(1, 2).reshape(draws, block.copies, -1)
        sample = flat @ flat.swapaxes(1, 2) / (members * max(block.dimension, 1))
        root = symmetric_root(covariance) @ inverse_root(sample)
        new = np.zeros_like(part)
        new[:, :, : block.copies] = (root[:, None] @ present).reshape(part[:, :, : block.copies].shape)
        recoloured.append(new + law.mean if number == 0 else new)
    return tuple(recoloured)
