"""Permutation symmetries of ensembles of matrices, one file each; nothing else knows their names."""

from analysis.symmetry.base import Data, Symmetry
from analysis.symmetry.blocks import Block, Law
from analysis.symmetry.chain import Chain
from analysis.symmetry.choice import default_symmetry, named_symmetry, recognised_symmetry
from analysis.symmetry.separate import Separate
from analysis.symmetry.simultaneous import Simultaneous
from analysis.symmetry.symmetric import Symmetric

__all__ = [
    "Block",
    "Chain",
    "Data",
    "Law",
    "Separate",
    "Simultaneous",
    "Symmetric",
    "Symmetry",
    "default_symmetry",
    "named_symmetry",
    "recognised_symmetry",
]
