"""Consecutive layers of one network under permutations of the units of every layer, S_h0 x ... x S_hK."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import sqrt
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from analysis.symmetry.base import Coordinates, Shape, Symmetry
from analysis.symmetry.blocks import Block, upper_triangle
from analysis.symmetry.chain_tensors import chain_tensors
from analysis.symmetry.tensors import Tensors
from invariants import ChainGraph, Graph, enumerate_chain

Matrices = tuple[Float[Any, "*batch _ _"], ...]
"""W_1, ..., W_K."""


@dataclass(frozen=True)
class Chain(Symmetry):
    """(W_1, ..., W_K), W_l of h_l x h_(l-1), under W_l -> P_l W_l P_(l-1)^T; for K = 1 that of `Separate`.

    W_l = x_l 1 1^T / sqrt(n_l) + r_l 1^T / sqrt(h_(l-1)) + 1 c_l^T / sqrt(h_l) + R_l, with n_l = h_l h_(l-1). The
    isotypic blocks are the trivial one, with a copy x_l for each matrix; H_l for each layer of units, with r_l and
    c_(l+1) of the same units; and H_l (x) H_(l-1) for each matrix. Parameters are the means and covariance S of x, the
    covariances T_l of (r_l, c_(l+1)), the variances E_l of R_l.

    Attributes:
        sizes: units h_0, ..., h_K of the layers.

    Raises:
        ValueError: if there are fewer than two sizes, or one is not a whole number above 0.
    """

    sizes: tuple[int, ...]
    name: ClassVar[str] = "chain"
    full: ClassVar[str] = "chain"

    def __post_init__(self) -> None:
        sizes = tuple(self.sizes)
        if len(sizes) < 2 or any(not isinstance(size, int | np.integer) or size < 1 for size in sizes):
            raise ValueError(f"layers of {sizes!r} units: give at least two whole numbers, each at least 1")
        object.__setattr__(self, "sizes", tuple(map(int, sizes)))

    @property
    def layers(self) -> int:
        """K."""
        return len(self.sizes) - 1

    @property
    def inner(self) -> tuple[int, ...]:
        """The layers of hidden units, that have matrices on both sides: 1, ..., K - 1."""
        return tuple(range(1, self.layers))

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """h_l x h_(l-1), l = 1..K."""
        return tuple((rows, columns) for columns, rows in pairwise(self.sizes))

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """K copies of dimension 1; of dimension h_l - 1 two inside and one at the ends; (h_l - 1)(h_(l-1) - 1)."""
        last = self.layers
        units = [1 if layer in (0, last) else 2 for layer in range(last + 1)]
        return (
            Block("V_0", last, 1, last),
            *(Block(f"H_{layer}", copies, self.sizes[layer] - 1, copies) for layer, copies in enumerate(units)),
            *(
                Block(f"H_{layer} (x) H_{layer - 1}", 1, (rows - 1) * (columns - 1), 1)
                for layer, (rows, columns) in enumerate(self.shapes, start=1)
            ),
        )

    @cached_property
    def parameter_names(self) -> tuple[str, ...]:
        """mu1..muK; S11, S12, .., SKK; T0cc; Tlrr, Tlrc, Tlcc inside; TKrr; E1..EK.

        In T, r stands for the row sums of W_l and c for the column sums of W_(l+1).
        """
        rows, columns = (index + 1 for index in upper_triangle(self.layers))
        return (
            *(f"mu{layer + 1}" for layer in range(self.layers)),
            *(f"S{a}{b}" for a, b in zip(rows, columns, strict=True)),
            *self._square_names,
        )

    @property
    def moment_names(self) -> tuple[str, ...]:
        """x1..xK, then squares and products of the other blocks, named as the parameters they average to."""
        return (*(f"x{layer + 1}" for layer in range(self.layers)), *self._square_names)

    @property
    def _square_names(self) -> tuple[str, ...]:
        inside = (f"T{layer}{pair}" for layer in self.inner for pair in ("rr", "rc", "cc"))
        return ("T0cc", *inside, f"T{self.layers}rr", *(f"E{layer + 1}" for layer in range(self.layers)))

    def project(self, data: Matrices) -> Coordinates:
        """Orthonormal coordinates: x [K]; c_1 [1, h_0], (r_l, c_(l+1)) [2, h_l], r_K [1, h_K]; R_l [1, h_l, h_(l-1)].

        x_l = sum W_l / sqrt(n_l); r_l = sqrt(h_(l-1)) times the centred row means, c_l = sqrt(h_l) times the centred
        column means, R_l what remains.
        """
        xp = data[0].__array_namespace__()
        x, rows, columns, rest = [], [], [], []
        for matrix, (m, n) in zip(data, self.shapes, strict=True):
            mean = xp.mean(matrix, axis=(-2, -1))
            centred = matrix - mean[..., None, None]
            on_columns, on_rows = xp.mean(centred, axis=-2), xp.mean(centred, axis=-1)
            x.append(sqrt(m * n) * mean)
            rows.append(sqrt(n) * on_rows)
            columns.append(sqrt(m) * on_columns)
            rest.append((centred - on_columns[..., None, :] - on_rows[..., :, None])[..., None, :, :])
        inside = (xp.stack(pair, axis=-2) for pair in zip(rows[:-1], columns[1:], strict=True))
        return xp.stack(x, axis=-1), columns[0][..., None, :], *inside, rows[-1][..., None, :], *rest

    def compose(self, coordinates: Coordinates) -> Matrices:
        """The matrices with the given block coordinates: the inverse of `project`."""
        x, units, rest = coordinates[0], coordinates[1 : self.layers + 2], coordinates[self.layers + 2 :]
        matrices = []
        for layer, (m, n) in enumerate(self.shapes):
            # Of each layer of units the row sums of the matrix below come first, the column sums of that above last.
            low = units[layer][..., -1, None, :] / sqrt(m) + units[layer + 1][..., 0, :, None] / sqrt(n)
            matrices.append(rest[layer][..., 0, :, :] + low + x[..., layer, None, None] / sqrt(m * n))
        return tuple(matrices)

    def read(self, data: Any) -> Matrices:
        """The matrices W_1, ..., W_K as float64 arrays [*batch, h_l, h_(l-1)].

        Raises:
            ValueError: if they are not K stacks of these shapes, with as many members each.
        """
        if not isinstance(data, tuple | list):
            raise ValueError(f"data of a chain that are no tuple: give the {self.layers} matrices (W_1, ..., W_K)")
        stacks = tuple(np.asarray(stack, dtype=np.float64) for stack in data)
        shapes = [stack.shape for stack in stacks]
        fits = tuple(shape[-2:] for shape in shapes) == self.shapes and len({shape[:-2] for shape in shapes}) == 1
        if not fits:
            wanted = ", ".join(f"[..., {rows}, {columns}]" for rows, columns in self.shapes)
            raise ValueError(f"matrices of shapes {shapes}: give stacks {wanted} of the same members")
        return stacks

    def assembled(self, *matrices: Any) -> Matrices:
        """Members are tuples, also of a single matrix."""
        return matrices

    def graphs(self, degree: int) -> tuple[ChainGraph, ...]:
        """Coloured multigraphs: for K = 3, 3, 17, 74, 356 of degree 1 to 4."""
        return enumerate_chain(self.layers, degree)

    @property
    def fitted(self) -> tuple[ChainGraph, ...]:
        """Those of degree 1 and 2."""
        return (*self.graphs(1), *self.graphs(2))

    @cached_property
    def predicted(self) -> tuple[ChainGraph, ...]:
        """Those of degree 3 and 4 that connect layers, what no matrix alone has: 78 for K = 3; all 43 for K = 1."""
        graphs = (*self.graphs(3), *self.graphs(4))
        return tuple(graph for graph in graphs if self.layers == 1 or graph.is_across)

    @cached_property
    def recorded(self) -> tuple[ChainGraph, ...]:
        """The connected graphs that cumulants across layers are made of: of degree 1 to 3, and across of degree 4."""
        low = (graph for degree in (1, 2, 3) for graph in self.graphs(degree) if len(graph.components) == 1)
        return tuple(sorted([*low, *(graph for graph in self.graphs(4) if graph.is_across)]))

    @cached_property
    def every(self) -> tuple[ChainGraph, ...]:
        """None: cumulants of a chain are those of `predicted`, which connect layers."""
        return ()

    def check(self, graph: Graph) -> None:
        """Refuse a graph that is not of this chain.

        Raises:
            ValueError: if it is of single matrices, or of more layers.
        """
        if not isinstance(graph, ChainGraph) or max(graph.layers, default=1) > self.layers:
            raise ValueError(f"graph {graph} is not of a chain of {self.layers} layers: give edges l:a-b, l = 1..K")

    def key(self, graph: Graph) -> str:
        """The edges l:a-b, the nodes of each layer of units numbered apart."""
        return str(graph)

    @cached_property
    def tensors(self) -> Tensors:
        """Products of J/h and I - J/h on the sides of the matrices."""
        return chain_tensors(self.sizes)

    @cached_property
    def family(self) -> Mapping[str, tuple[Float[np.ndarray, "parameters"], ...]]:
        """Independent entries, of one law in each layer; independent layers, if there are several; the full model."""
        unit = dict(zip(self.parameter_names, np.eye(len(self.parameter_names)), strict=True))
        last = self.layers
        means = tuple(unit[f"mu{layer}"] for layer in range(1, last + 1))
        sides = [
            (unit[f"S{layer}{layer}"], unit[f"T{layer}rr"], unit[f"T{layer - 1}cc"], unit[f"E{layer}"])
            for layer in range(1, last + 1)
        ]
        models = {
            "iid": (*means, *(np.sum(parts, axis=0) for parts in sides)),
            "independent": (*means, *(part for parts in sides for part in parts)),
            "chain": tuple(unit.values()),
        }
        return models if last > 1 else {name: models[name] for name in ("iid", "chain")}

    @property
    def remark(self) -> str:
        """Which parameters layers of a single unit leave undefined."""
        absent = [name for name, weight in zip(self.parameter_names, self.weights, strict=True) if weight == 0]
        return f"a layer of one unit: {', '.join(absent)} undefined and set to 0" if absent else ""


def chain_of(data: Sequence[Any]) -> Chain:
    """The chain whose layers have the sizes of given matrices [..., h_l, h_(l-1)], l = 1..K.

    Raises:
        ValueError: if the columns of one are not as many as the rows of the one before.
    """
    shapes = [np.shape(stack) for stack in data]
    chained = shapes and all(len(shape) >= 2 for shape in shapes)
    if not chained or any(before[-2] != after[-1] for before, after in pairwise(shapes)):
        raise ValueError(f"matrices of shapes {shapes} are no chain: give [..., h_l, h_(l-1)] for l = 1, ..., K")
    return Chain((shapes[0][-1], *(shape[-2] for shape in shapes)))
