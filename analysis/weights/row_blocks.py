"""Invariants, block moments and singular values of matrices of any size, from sums over blocks of rows, each read once.

Every connected bipartite graph of degree up to 4 is a sum of products of few vectors: sums r_k of the k-th powers of
the entries of each row, c_k of each column, M^T r_1, M^T r_2, M^T r_1^2, (M * M)^T r_1; and of the Gram matrix M^T M.
So a matrix is never copied as a whole, and no program is compiled for its shape.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.model.singular_values import of_gram
from analysis.symmetry import Separate
from invariants import Graph

BLOCK = 2**19
"""Entries treated at once."""


class Sums(NamedTuple):
    """Of each of k matrices m x n of at least as many rows as columns."""

    rows: Float[np.ndarray, "4 k m"]
    """Sums of the powers 1 to 4 of the entries of each row."""
    columns: Float[np.ndarray, "4 k n"]
    carried: Float[np.ndarray, "4 k n"]
    """M^T r_1, M^T r_2, M^T r_1^2 and (M * M)^T r_1."""
    gram: Float[np.ndarray, "k n n"]
    """M^T M."""


Value = Callable[[Sums], Float[np.ndarray, "k"]]


def _product(*vectors: Float[np.ndarray, "k _"]) -> Float[np.ndarray, "k"]:
    return np.prod(np.broadcast_arrays(*vectors), axis=0).sum(axis=-1)


CONNECTED: dict[str, Value] = {
    "0-0": lambda s: _product(s.rows[0]),
    "0-0,0-0": lambda s: _product(s.rows[1]),
    "0-0,0-1": lambda s: _product(s.rows[0], s.rows[0]),
    "0-0,1-0": lambda s: _product(s.columns[0], s.columns[0]),
    "0-0,0-0,0-0": lambda s: _product(s.rows[2]),
    "0-0,0-0,0-1": lambda s: _product(s.rows[1], s.rows[0]),
    "0-0,0-0,1-0": lambda s: _product(s.columns[1], s.columns[0]),
    "0-0,0-1,0-2": lambda s: _product(*[s.rows[0]] * 3),
    "0-0,0-1,1-0": lambda s: _product(s.carried[0], s.columns[0]),
    "0-0,1-0,2-0": lambda s: _product(*[s.columns[0]] * 3),
    "0-0,0-0,0-0,0-0": lambda s: _product(s.rows[3]),
    "0-0,0-0,0-0,0-1": lambda s: _product(s.rows[2], s.rows[0]),
    "0-0,0-0,0-0,1-0": lambda s: _product(s.columns[2], s.columns[0]),
    "0-0,0-0,0-1,0-1": lambda s: _product(s.rows[1], s.rows[1]),
    "0-0,0-0,0-1,0-2": lambda s: _product(s.rows[1], s.rows[0], s.rows[0]),
    "0-0,0-0,0-1,1-0": lambda s: _product(s.carried[3], s.columns[0]),
    "0-0,0-0,0-1,1-1": lambda s: _product(s.carried[1], s.columns[0]),
    "0-0,0-0,1-0,1-0": lambda s: _product(s.columns[1], s.columns[1]),
    "0-0,0-0,1-0,1-1": lambda s: _product(s.carried[0], s.columns[1]),
    "0-0,0-0,1-0,2-0": lambda s: _product(s.columns[1], s.columns[0], s.columns[0]),
    "0-0,0-1,0-2,0-3": lambda s: _product(*[s.rows[0]] * 4),
    "0-0,0-1,0-2,1-0": lambda s: _product(s.carried[2], s.columns[0]),
    "0-0,0-1,1-0,1-1": lambda s: np.einsum("kij,kij->k", s.gram, s.gram),
    "0-0,0-1,1-0,1-2": lambda s: _product(s.carried[0], s.carried[0]),
    "0-0,0-1,1-0,2-0": lambda s: _product(s.carried[0], s.columns[0], s.columns[0]),
    "0-0,0-1,1-0,2-1": lambda s: np.einsum("ki,kij,kj->k", s.columns[0], s.gram, s.columns[0], optimize=True),
    "0-0,1-0,2-0,3-0": lambda s: _product(*[s.columns[0]] * 4),
}
"""The invariant of each connected graph, by its key."""


def sums_of(stack: np.ndarray, shift: float = 0.0) -> Sums:
    """The sums of real matrices [k, m, n] of any type less one constant, transposed where they are wide."""
    if stack.shape[1] < stack.shape[2]:
        stack = np.swapaxes(stack, 1, 2)
    count, rows, columns = stack.shape
    found = Sums(
        rows=np.zeros((4, count, rows)),
        columns=np.zeros((4, count, columns)),
        carried=np.zeros((4, count, columns)),
        gram=np.zeros((count, columns, columns)),
    )
    step = max(1, BLOCK // (count * columns))
    for start in range(0, rows, step):
        at = slice(start, start + step)
        _add(found, at, np.asarray(stack[:, at], np.float64) - shift)
    return found


def _add(sums: Sums, at: slice, block: Float[np.ndarray, "k rows n"]) -> None:
    square = block * block
    for power, values in enumerate((block, square, square * block, square * square)):
        sums.rows[power][:, at] = values.sum(axis=2)
        sums.columns[power][:] += values.sum(axis=1)
    first, second = sums.rows[0][:, at], sums.rows[1][:, at]
    for carried, values, weights in zip(
        sums.carried, (block, block, block, square), (first, second, first * first, first), strict=True
    ):
        carried += (weights[:, None] @ values)[:, 0]
    sums.gram[:] += np.swapaxes(block, 1, 2) @ block


def invariants_of(sums: Sums, symmetry: Separate) -> Float[np.ndarray, "k every"]:
    """Invariants of `symmetry.every`."""
    values = {key: value(sums) for key, value in CONNECTED.items()}
    columns = [np.prod([values[key] for key in keys], axis=0) for keys in _components(symmetry)]
    return np.stack(columns, axis=-1)


@cache
def _components(symmetry: Separate) -> tuple[tuple[str, ...], ...]:
    """Of each graph the keys of its connected components, whose invariants are multiplied."""
    return tuple(
        tuple(symmetry.key(Graph(part.edges)) for part in graph.components)
        for graph in symmetry.oriented(symmetry.every)
    )


def block_moments_of(sums: Sums, shift: float, symmetry: Separate) -> Float[np.ndarray, "k moments"]:
    """`symmetry.block_moments` of the matrices with the constant added again, which these were less of."""
    m, n = sums.rows.shape[-1], sums.columns.shape[-1]
    mean = sums.rows[0].sum(axis=-1) / (m * n)
    of_columns = m * np.sum((sums.columns[0] / m - mean[:, None]) ** 2, axis=-1)
    of_rows = n * np.sum((sums.rows[0] / n - mean[:, None]) ** 2, axis=-1)
    rest = np.maximum(sums.rows[1].sum(axis=-1) - m * n * mean**2 - of_columns - of_rows, 0.0)
    squares = [of_rows, of_columns, rest] if symmetry.wide else [of_columns, of_rows, rest]
    dimensions = [max(block.dimension, 1) for block in symmetry.blocks[1:]]
    x = np.sqrt(m * n) * (mean + shift)
    return np.stack([x, *(part / size for part, size in zip(squares, dimensions, strict=True))], axis=-1)


def singular_values(sums: Sums) -> Float[np.ndarray, "k p"]:
    """Singular values from the largest, to 1e-8 of it, by the eigenvalues of the Gram matrix; NaN if not finite."""
    values = np.full(sums.columns.shape[1:], np.nan)
    for k, gram in enumerate(sums.gram):
        if np.isfinite(gram).all():
            values[k] = of_gram(gram)
    return values
