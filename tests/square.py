"""Short forms for tests of square matrices under simultaneous permutations."""

import numpy as np

from analysis import PIGMM, Simultaneous
from analysis.symmetry import Law


def block_moments(stack):
    """The block moments of D x D matrices."""
    return Simultaneous(stack.shape[-1]).block_moments(stack)


def pigmm(dim: int, mean, trivial, standard, v2: float, v3: float) -> PIGMM:
    """The model with these blocks; entries of absent copies are ignored."""
    symmetry = Simultaneous(dim)
    copies = symmetry.blocks[1].copies
    blocks = (trivial, np.asarray(standard)[:copies, :copies], [[v2]], [[v3]])
    return PIGMM(symmetry, *Law(np.asarray(mean, float), tuple(np.asarray(block, float) for block in blocks)))
