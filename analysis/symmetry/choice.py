"""Which symmetry an ensemble is analysed under: the one asked for, or the one that its shape suggests."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Shaped

from analysis.symmetry.base import Symmetry
from analysis.symmetry.chain import chain_of
from analysis.symmetry.separate import Separate
from analysis.symmetry.simultaneous import Simultaneous
from analysis.symmetry.single import SingleMatrix
from analysis.symmetry.symmetric import Symmetric, has_zero_diagonal, is_symmetric, less_constant_diagonal

NAMES = (Simultaneous.name, Separate.name, Symmetric.name)
"""The symmetries that can be chosen by name."""
CORNER = 64
"""Rows and columns of a matrix that say most of the time that it is not symmetric."""
KINDS: dict[str, SingleMatrix] = {
    **{symmetry.name: symmetry for symmetry in (Simultaneous(4), Separate(2, 2), Symmetric(4))},
    "zero-diagonal": Symmetric(4, diagonal=False),
}
"""One symmetry of each kind, of the smallest size that has all blocks: what holds for all sizes is asked of these."""


def default_symmetry(data: Any) -> Symmetry:
    """Simultaneous permutations for square matrices, separate ones for others, those of a chain for a tuple.

    Raises:
        ValueError: if the data are not matrices of one shape [..., m, n], or a tuple of such that is no chain.
    """
    if isinstance(data, tuple):
        return chain_of(data)
    rows, columns = _shape(data)
    return Simultaneous(rows) if rows == columns else Separate(rows, columns)


def recognised_symmetry(data: Any) -> Symmetry:
    """As `default_symmetry`, but symmetric matrices are recognised as such, and so is a diagonal of zeros.

    Raises:
        ValueError: if the data are not matrices of one shape [..., m, n].
    """
    rows, columns = _shape(data)
    stack = np.asarray(data, dtype=np.float64).reshape(-1, rows, columns)
    finite = stack[np.isfinite(stack).all(axis=(1, 2))]
    if rows == columns and rows > 1 and len(finite) and np.ptp(finite) > 0 and is_symmetric(finite):
        return Symmetric(rows, diagonal=not has_zero_diagonal(finite))
    return default_symmetry(stack)


def named_symmetry(name: str, data: Any) -> Symmetry:
    """The symmetry of a name for matrices of this size; "auto" recognises it.

    Raises:
        ValueError: if the name is unknown, or the matrices are not square where they have to be.
    """
    if name == "auto":
        return recognised_symmetry(data)
    rows, columns = _shape(data)
    if name == Separate.name:
        return Separate(rows, columns)
    if name not in NAMES:
        raise ValueError(f"symmetry {name!r} is unknown: choose from auto, {', '.join(NAMES)}")
    if rows != columns:
        raise ValueError(f"matrices of {rows} x {columns} are not square: only the symmetry separate fits them")
    if name == Simultaneous.name:
        return Simultaneous(rows)
    stack = np.asarray(data, dtype=np.float64).reshape(-1, rows, columns)
    return Symmetric(rows, diagonal=not has_zero_diagonal(stack[np.isfinite(stack).all(axis=(1, 2))]))


def separate_of(symmetry: Symmetry) -> Separate:
    """Separate permutations of matrices of the same shape: the larger symmetry of independent rows and columns."""
    return Separate(*symmetry.shapes[0])


def single_with_symmetry(matrix: Any) -> tuple[Shaped[np.ndarray, "m n"], SingleMatrix]:
    """One matrix, and its symmetry: separate permutations, of square ones too, or those of nodes if it is symmetric.

    One matrix says little of its diagonal. Where that is one constant, as of correlations, 0 stands in its place.

    Raises:
        ValueError: if the data are not one matrix [m, n].
    """
    given = np.asarray(matrix)
    if given.ndim != 2:
        raise ValueError(f"data of shape {given.shape}: give one matrix [rows, columns]")
    rows, columns = given.shape
    if rows != columns or not is_symmetric(given[None, :CORNER, :CORNER].astype(np.float64)):
        return given, Separate(rows, columns)
    stack = less_constant_diagonal(given[None].astype(np.float64))
    recognised = recognised_symmetry(stack)
    return (stack[0], recognised) if isinstance(recognised, Symmetric) else (given, Separate(rows, columns))


def layout_of(symmetry: Symmetry) -> Separate | Symmetric:
    """The two-way layout of one matrix: rows and columns apart; of symmetric ones the nodes, without the diagonal."""
    return Symmetric(symmetry.dim, diagonal=False) if isinstance(symmetry, Symmetric) else separate_of(symmetry)


def _shape(data: Any) -> tuple[int, int]:
    """Rows and columns."""
    shape: Sequence[int] = np.shape(data)
    if len(shape) < 2:
        raise ValueError(f"data of shape {tuple(shape)}: give matrices as [members, rows, columns]")
    return int(shape[-2]), int(shape[-1])
