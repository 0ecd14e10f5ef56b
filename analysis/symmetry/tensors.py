"""Invariant tensors as exact combinations of products of Kronecker deltas, and these as graphs.

A permutation-invariant tensor with two slots (a mean) or four (a covariance) is a combination of products of
Kronecker deltas, one for each set partition of its slots. Contracted with the matrix, a product of deltas becomes the
invariant of a graph; so every tensor is a table graph -> rational coefficient. Irrational normalisations such as
1/sqrt(D-1) factor out and are kept apart.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple

from analysis.symmetry.partitions import identify
from invariants import Graph

Number = Any
"""Exact: an integer or fraction; or an element of a field of rational functions, where a size is its variable."""
Expansion = Mapping[Graph, Number]
Pairs = tuple[tuple[int, int], ...]
Deltas = dict[Pairs, Number]
"""Coefficient of each product of Kronecker deltas, given by the pairs of slots they join."""
Copy = list[tuple[Pairs, int, Number]]
"""How a vector h of sum zero is put into a matrix: terms (deltas, slot that h takes, coefficient)."""
Sided = Mapping[bool, Number]
"""A tensor on one side of a matrix: coefficients of 1 (False) and of the Kronecker delta (True)."""

I, J, K, L = range(4)  # noqa: E741
"""Slots: the tensors act on M[i, j], or on M[i, j] M[k, l]."""


class Tensors(NamedTuple):
    """Mean and covariance of the entries of a law: sums of tensors, each with its radical, over the parameters."""

    means: tuple[Expansion, ...]
    """Of each copy a of the trivial block, a multiple of its unit vector: x_a is its product with M times a radical."""
    mean_radicals: tuple[Any, ...]
    covariances: tuple[Expansion, ...]
    """What each entry of a covariance multiplies."""
    radicals: tuple[Any, ...]
    separate: bool
    """Whether rows and columns of a single matrix are labelled apart: then no delta joins a row to a column."""
    mean_unit: Any = 1.0
    """What x_a is multiplied by to be a parameter."""


@cache
def graph_of_slots(labels: tuple[int, ...]) -> Graph:
    """The graph with edges (slot 0, slot 1), (slot 2, slot 3), ..., where slots of equal label are one node."""
    return Graph(tuple(zip(labels[::2], labels[1::2], strict=True)))


def flat(size: Number) -> Deltas:
    """J / size."""
    return {(): Fraction(1) / size}


def centred(size: Number, first: int, second: int) -> Deltas:
    """I - J / size, between two slots: also the sum over an orthonormal basis h of sum zero of h_first h_second."""
    return {((first, second),): Fraction(1), (): Fraction(-1) / size}


def add(*parts: Deltas) -> Deltas:
    """The sum of tensors."""
    keys = {pairs for part in parts for pairs in part}
    return {pairs: sum((part.get(pairs, Fraction(0)) for part in parts), Fraction(0)) for pairs in keys}


def scale(factor: Number, part: Deltas) -> Deltas:
    """A multiple of a tensor."""
    return {pairs: factor * coefficient for pairs, coefficient in part.items()}


def product(a: Deltas, b: Deltas) -> Deltas:
    """The tensor product."""
    return {(*p, *q): c * d for p, c in a.items() for q, d in b.items()}


def hook(dim: Number, first: Copy, second: Copy) -> Deltas:
    """Sum over an orthonormal basis h of V_H of the matrices of two copies: h_s h_t sums to delta_st - 1/D."""
    terms = (product({(*p, *q): c * d}, centred(dim, s, t)) for p, s, c in first for q, t, d in second)
    return add(*terms)


def expand(deltas: Deltas, slots: int) -> Expansion:
    """Join the slots that the deltas identify: the tensor contracted with one matrix or two."""
    total: dict[Graph, Number] = {}
    for pairs, coefficient in deltas.items():
        graph = graph_of_slots(tuple(identify(slots, pairs)))
        total[graph] = total.get(graph, Fraction(0)) + coefficient
    return total


def projectors(size: Number) -> tuple[Sided, Sided]:
    """J / size and I - J / size, of one side of a matrix."""
    flat = Fraction(1) / size
    return {False: flat}, {False: -flat, True: Fraction(1)}


def on_both_sides(rows: Sided, columns: Sided, graph: Callable[[Pairs], Graph] = Graph) -> Expansion:
    """A projector on rows times one on columns, contracted with two matrices.

    Args:
        rows: as `projectors` gives them.
        columns: likewise.
        graph: the graph with given edges (row, column), rows and columns numbered through.
    """
    return {
        graph(((0, 1), (0 if same_row else 2, 1 if same_column else 3))): on_rows * on_columns
        for same_row, on_rows in rows.items()
        for same_column, on_columns in columns.items()
    }
