"""m x n matrices under separate permutations of rows and columns, S_m x S_n: five parameters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from math import sqrt
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from analysis.symmetry.base import Coordinates, Shape
from analysis.symmetry.blocks import Block
from analysis.symmetry.single import SingleMatrix
from analysis.symmetry.tensors import Number, Tensors, on_both_sides, projectors
from invariants import BIPARTITE, Graph, bipartite_key, enumerate_bipartite, is_bipartite

PARAMETERS = ("mean", "v0", "vC", "vR", "vE")
"""Mean of an entry; variances along J, along differences of columns, of rows, and along the rest."""


@dataclass(frozen=True)
class Separate(SingleMatrix):
    """S_m on rows and S_n on columns: V_m (x) V_n = 1 + H_n + H_m + H_m (x) H_n, the two-way random-effects model.

    Raises:
        ValueError: if a size is not a whole number above 0.
    """

    rows: int
    columns: int
    name: ClassVar[str] = "separate"
    full: ClassVar[str] = "bipartite"

    def __post_init__(self) -> None:
        for side, size in (("rows", self.rows), ("columns", self.columns)):
            if not isinstance(size, int | np.integer) or size < 1:
                raise ValueError(f"matrices with {size!r} {side}: give a whole number, at least 1")
            object.__setattr__(self, side, int(size))

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """One matrix."""
        return ((self.rows, self.columns),)

    @property
    def mean_unit(self) -> float:
        """The parameter is the mean of an entry, 1/sqrt(mn) of that along the unit vector J/sqrt(mn)."""
        return self.tensors.mean_unit

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Dimensions 1, n-1, m-1, (m-1)(n-1), one copy each."""
        m, n = self.rows, self.columns
        return (
            Block("V_0", 1, 1, 1),
            Block("H_n", 1, n - 1, 1),
            Block("H_m", 1, m - 1, 1),
            Block("H_m (x) H_n", 1, (m - 1) * (n - 1), 1),
        )

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """mean, v0, vC, vR, vE."""
        return PARAMETERS

    @property
    def moment_names(self) -> tuple[str, ...]:
        """The coordinate x, and the squares of the other blocks."""
        return ("x", "columns", "rows", "rest")

    def project(self, data: Float[Any, "*batch m n"]) -> Coordinates:
        """Orthonormal coordinates of the blocks: [1], [1, n], [1, m], [1, m, n].

        x = sum M / sqrt(mn); with centred column means c and row means r, sqrt(m) c and sqrt(n) r; and the rest is what
        remains: the two-way layout of the analysis of variance.
        """
        xp = data.__array_namespace__()
        m, n = self.rows, self.columns
        mean = xp.mean(data, axis=(-2, -1))
        centred = data - mean[..., None, None]
        columns, rows = xp.mean(centred, axis=-2), xp.mean(centred, axis=-1)
        rest = centred - columns[..., None, :] - rows[..., :, None]
        x = (sqrt(m * n) * mean)[..., None]
        return x, (sqrt(m) * columns)[..., None, :], (sqrt(n) * rows)[..., None, :], rest[..., None, :, :]

    def compose(self, coordinates: Coordinates) -> Float[Any, "*batch m n"]:
        """The matrix with the given block coordinates: the inverse of `project`."""
        x, columns, rows, rest = coordinates
        m, n = self.rows, self.columns
        low = columns[..., 0, None, :] / sqrt(m) + rows[..., 0, :, None] / sqrt(n)
        return rest[..., 0, :, :] + low + x[..., 0, None, None] / sqrt(m * n)

    def graphs(self, degree: int) -> tuple[Graph, ...]:
        """Bipartite multigraphs between rows and columns: 1, 4, 10, 33 of degree 1 to 4."""
        return enumerate_bipartite(degree)

    @property
    def fitted(self) -> tuple[Graph, ...]:
        """The 5 of degree 1 and 2."""
        return BIPARTITE[:5]

    @property
    def predicted(self) -> tuple[Graph, ...]:
        """The 43 of degree 3 and 4."""
        return BIPARTITE[5:]

    def key(self, graph: Graph) -> str:
        """The edges row-column, rows and columns numbered apart.

        Raises:
            ValueError: if a node of the graph is both a row and a column.
        """
        return bipartite_key(graph)

    def check(self, graph: Graph) -> None:
        """Refuse a graph that is not an invariant under this symmetry.

        Raises:
            ValueError: if a node of the graph is both a row and a column.
        """
        super().check(graph)
        if not is_bipartite(graph):
            raise ValueError(f"graph {graph} is not bipartite: every node must be only a row or only a column")

    def evaluate(self, graphs: tuple[Graph, ...], data: Float[Any, "*batch m n"]) -> Float[np.ndarray, "*batch graphs"]:
        """Invariants of every matrix."""
        return super().evaluate(self.oriented(graphs), np.swapaxes(data, -1, -2) if self.wide else data)

    @property
    def wide(self) -> bool:
        """Whether invariants are those of the transposes, whose one matrix product is then the smaller."""
        return self.rows < self.columns

    def oriented(self, graphs: tuple[Graph, ...]) -> tuple[Graph, ...]:
        """The graphs, of wide matrices those that have the same values on the transposes."""
        return _transposed(graphs) if self.wide else graphs

    def tensors_at(self, rows: Number, columns: Number, root: Callable[[Number], Any] = sqrt) -> Tensors:
        """Products of J/m or I - J/m on rows and J/n or I - J/n on columns are the projectors on the blocks."""
        m, n = rows, columns
        (flat_rows, centred_rows), (flat_columns, centred_columns) = projectors(m), projectors(n)
        pairs = (
            *((flat_rows, flat_columns), (flat_rows, centred_columns)),
            *((centred_rows, flat_columns), (centred_rows, centred_columns)),
        )
        return Tensors(
            means=({Graph(((0, 1),)): Fraction(1) / (m * n)},),
            mean_radicals=(root(m * n),),
            covariances=tuple(on_both_sides(*pair) for pair in pairs),
            radicals=(1.0,) * 4,
            separate=True,
            mean_unit=1 / root(m * n),
        )

    @cached_property
    def family(self) -> Mapping[str, tuple[Float[np.ndarray, "5"], ...]]:
        """Independent entries of one variance, without and with a mean; the full model."""
        mean, identity = np.eye(5)[0], np.array([0.0, 1.0, 1.0, 1.0, 1.0])
        return {"iid_zero_mean": (identity,), "iid": (mean, identity), "bipartite": tuple(np.eye(5))}


@cache
def _transposed(graphs: tuple[Graph, ...]) -> tuple[Graph, ...]:
    """Once for all matrices of all sizes: every graph has to be put in canonical form again."""
    return tuple(graph.transpose for graph in graphs)
