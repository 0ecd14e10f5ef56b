"""Sums over rows and columns of what each entry of one matrix adds, a block of rows at a time: no copy of the whole.

The layout is that of `two_way`: rows and columns apart, or the nodes of a symmetric matrix, whose diagonal counts as 0.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

from analysis.symmetry import Symmetry

BLOCK = 1 << 19
"""Entries treated at once: some megabytes."""

Block = Float[np.ndarray, "rows n"]


class EntrySums(NamedTuple):
    """Sums of one number an entry."""

    rows: Float[np.ndarray, "m"]
    columns: Float[np.ndarray, "n"]
    squares: float
    """Sum of the squares of all of them."""

    @property
    def total(self) -> float:
        """Sum of all of them."""
        return float(self.rows.sum())


def entry_count(layout: Symmetry) -> int:
    """How many entries count."""
    rows, columns = layout.shapes[0]
    return rows * columns if layout.tensors.separate else rows * (rows - 1)


def entry_sums(
    matrix: Shaped[np.ndarray, "m n"],
    layout: Symmetry,
    functions: Sequence[Callable[[Block, slice], Block]],
) -> list[EntrySums]:
    """The sums of some functions of the entries, each given a block of rows and which rows these are."""
    m, n = matrix.shape
    found = [(np.zeros(m), np.zeros(n), np.zeros(1)) for _ in functions]
    for at, block in row_blocks(matrix):
        for function, (rows, columns, squares) in zip(functions, found, strict=True):
            values = counted(function(block, at), at, layout)
            rows[at] = values.sum(axis=1)
            columns += values.sum(axis=0)
            squares += np.vdot(values, values)
    return [EntrySums(rows, columns, float(squares[0])) for rows, columns, squares in found]


def row_blocks(matrix: Shaped[np.ndarray, "m n"]) -> Iterator[tuple[slice, Block]]:
    """Blocks of rows in float64, and which rows they are."""
    step = max(1, BLOCK // matrix.shape[1])
    for start in range(0, len(matrix), step):
        at = slice(start, start + step)
        yield at, np.asarray(matrix[at], dtype=np.float64)


def counted(values: Block, at: slice, layout: Symmetry) -> Block:
    """The values of some rows, with 0 on the diagonal of a symmetric matrix."""
    if layout.tensors.separate:
        return values
    nodes = np.arange(values.shape[1])
    return np.where(nodes[at, None] == nodes, 0.0, values)


def moments_of(sums: EntrySums, layout: Symmetry) -> Float[np.ndarray, "moments"]:
    """`layout.block_moments` of the matrix of these numbers."""
    m, n = layout.shapes[0]
    count = entry_count(layout)
    mean = sums.total / count
    if layout.tensors.separate:
        squares = {
            "rows": n * np.sum((sums.rows / n - mean) ** 2),
            "columns": m * np.sum((sums.columns / m - mean) ** 2),
        }
    else:
        squares = {"h11": 2 / max(n - 2, 1) * np.sum((sums.rows - (n - 1) * mean) ** 2)}
    parts = [squares[name] for name in layout.moment_names[1:-1]]
    parts.append(max(sums.squares - count * mean**2 - sum(parts), 0.0))
    dimensions = [max(block.dimension, 1) for block in layout.blocks[1:]]
    return np.array([np.sqrt(count) * mean, *(part / d for part, d in zip(parts, dimensions, strict=True))])


def effects_of(sums: EntrySums, layout: Symmetry) -> tuple[Float[np.ndarray, "m"], Float[np.ndarray, "n"]]:
    """What rows and what columns add to an entry by least squares: it is their sum, and what remains.

    With S the sum of all, R_i/n - S/(mn) and C_j/m; of symmetric matrices (R_i - S/D) / (D - 2) + S / (2D(D-1)).
    """
    m, n = layout.shapes[0]
    if layout.tensors.separate:
        return sums.rows / n - sums.total / (m * n), sums.columns / m
    half = sums.total / (2 * entry_count(layout))
    node = (sums.rows - sums.total / n) / max(n - 2, 1) + half
    return node, node
