"""Laws and ensembles of chains of layers that the tests share."""

import numpy as np

from analysis import Chain, Gaussian


def random_model(sizes: tuple[int, ...], seed: int) -> Gaussian:
    rng = np.random.default_rng(seed)
    symmetry = Chain(sizes)
    covariances = []
    for block in symmetry.blocks:
        half = rng.standard_normal((block.copies, block.copies + 2)) * (block.dimension > 0)
        covariances.append(half @ half.T / 3)
    return Gaussian(symmetry, rng.standard_normal(symmetry.layers), tuple(covariances))


def drawn(sizes: tuple[int, ...], seed: int, members: int = 30) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    return tuple(rng.standard_normal((members, *shape)) ** 2 for shape in Chain(sizes).shapes)
