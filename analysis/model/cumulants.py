"""Graph cumulants: joint cumulants of the entries of a pattern, from mean invariants, for every symmetry.

kappa_G is the joint cumulant of the entries on the edges of G when distinct nodes carry distinct indices. Of every
invariant Gaussian law those of degree 3 and higher vanish; a common shift of the entries changes degree 1 only, and a
law of independent entries has the same ones whatever the size of the matrix.
"""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import product
from math import factorial, perm, prod
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.symmetry import Symmetry
from analysis.symmetry.partitions import set_partitions
from invariants import Graph

Polynomial = dict[tuple[int, ...], int]
"""Integer coefficient of each product of distinct-index moments, given by their positions."""


class CumulantTable(NamedTuple):
    """How cumulants follow from mean invariants; the graphs are those of degree 1 to `degree`, by degree."""

    graphs: tuple[Graph, ...]
    moments: Float[np.ndarray, "graphs graphs"]
    """t = moments @ mean invariants: the mean product of entries over distinct indices; NaN where these run out."""
    polynomials: tuple[Polynomial, ...]
    """Of each graph its cumulant in terms of t."""
    loops: tuple[int, ...]
    """Number of loops of each graph where they are entries of their own kind, on the diagonal."""
    variances: tuple[int, int]
    """Positions of the variance of an entry that is a loop, and of one that is not."""


@cache
def cumulant_table(degree: int, symmetry: Symmetry) -> CumulantTable:
    """The table of all graphs up to a degree.

    t_H = sum over partitions theta of the nodes of prod_b (-1)^(|b|-1) (|b|-1)! I_{H/theta} / (D)_n, with (D)_n the
    ways to give n nodes distinct indices, rows and columns apart where they are permuted apart; and kappa_G = sum over
    partitions pi of the edges of (-1)^(|pi|-1) (|pi|-1)! prod_B t_{G[B]}.

    Source: Speed, Austral. J. Statist. 25 (1983), 378, for the Moebius functions of set partitions.
    """
    graphs = tuple(graph for k in range(1, degree + 1) for graph in symmetry.graphs(k))
    position = {graph: i for i, graph in enumerate(graphs)}
    moments = np.zeros((len(graphs), len(graphs)))
    for i, graph in enumerate(graphs):
        coloured = coloured_nodes(graph, symmetry)
        labellings = prod(perm(size, len(nodes)) for size, nodes in coloured)
        for quotient, weight in _quotients(graph, tuple(nodes for _, nodes in coloured)).items():
            canonical = symmetry.canonical(quotient)
            if canonical in position:  # of matrices with a zero diagonal, those with a loop vanish
                moments[i, position[canonical]] += weight / labellings if labellings else np.nan
    off_diagonal = symmetry.canonical(Graph(((0, 1), (0, 1))))
    variances = (position.get(Graph(((0, 0), (0, 0))), position[off_diagonal]), position[off_diagonal])
    return CumulantTable(
        graphs,
        moments,
        tuple(_polynomial(graph, symmetry, position) for graph in graphs),
        tuple(sum(a == b for a, b in graph.edges) for graph in graphs),
        variances,
    )


def coloured_nodes(graph: Graph, symmetry: Symmetry) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """The nodes that may carry the same indices, with the number of these: all, or rows and columns apart."""
    (rows, columns), *_ = symmetry.shapes
    if not symmetry.tensors.separate:
        return ((rows, tuple(range(graph.nodes))),)
    first, second = (tuple(sorted({edge[side] for edge in graph.edges})) for side in (0, 1))
    return (rows, first), (columns, second)


def evaluate_moments(
    table: CumulantTable, invariants: Float[np.ndarray, "*batch graphs"]
) -> Float[np.ndarray, "*batch graphs"]:
    """Moments t over distinct indices; NaN for graphs with more nodes than there are indices."""
    known = ~np.isnan(table.moments).any(axis=1)
    t = np.full(invariants.shape, np.nan)
    t[..., known] = invariants @ table.moments[known].T
    return t


def evaluate_cumulants(
    table: CumulantTable, t: Float[np.ndarray, "*batch graphs"]
) -> Float[np.ndarray, "*batch graphs"]:
    """Cumulants of all graphs of the table."""
    columns = [
        sum(weight * np.prod(t[..., list(factors)], axis=-1) for factors, weight in polynomial.items())
        for polynomial in table.polynomials
    ]
    return np.stack(np.broadcast_arrays(*columns), axis=-1)


def cumulant_gradient(table: CumulantTable, t: Float[np.ndarray, "graphs"]) -> Float[np.ndarray, "graphs graphs"]:
    """Derivative of each cumulant with respect to each moment t; what is undefined changes nothing."""
    gradient = np.zeros((len(t), len(t)))
    for i, polynomial in enumerate(table.polynomials):
        for factors, weight in polynomial.items():
            for k, factor in enumerate(factors):
                gradient[i, factor] += weight * np.prod(t[[*factors[:k], *factors[k + 1 :]]])
    return gradient


def graph_cumulants(
    means: Float[np.ndarray, "*batch graphs"], degree: int, symmetry: Symmetry
) -> Float[np.ndarray, "*batch cumulants"]:
    """Cumulants of the graphs of one degree, in units of an entry to that power; NaN where indices run out.

    Args:
        means: plain means over members of the invariants of `symmetry.graphs(1)`, ..., `symmetry.graphs(degree)`.
    """
    table = cumulant_table(degree, symmetry)
    kappa = evaluate_cumulants(table, evaluate_moments(table, means))
    return kappa[..., -len(symmetry.graphs(degree)) :]


def scales(table: CumulantTable, kappa: Float[np.ndarray, "graphs"]) -> Float[np.ndarray, "graphs"]:
    """Of each graph the product of the standard deviations of its entries; NaN where one is not above 0."""
    with np.errstate(invalid="ignore"):
        loop, other = (np.sqrt(kappa[i]) if kappa[i] > 0 else np.nan for i in table.variances)
    degrees = np.array([graph.degree for graph in table.graphs])
    loops = np.array(table.loops)
    return np.where(loops > 0, loop, 1.0) ** loops * np.where(degrees > loops, other, 1.0) ** (degrees - loops)


def partition_weight(blocks: Iterator[int] | list[int]) -> int:
    """Moebius function of set partitions: prod over blocks of (-1)^(b-1) (b-1)!."""
    return prod((-1) ** (size - 1) * factorial(size - 1) for size in blocks)


@cache
def _quotients(graph: Graph, colours: tuple[tuple[int, ...], ...]) -> Counter:
    """Moebius weights of the graphs that arise by giving some nodes of a colour the same index."""
    total: Counter = Counter()
    for choice in product(*(set_partitions(len(nodes)) for nodes in colours)):
        name = {node: (c, label) for c, nodes in enumerate(colours) for node, label in zip(nodes, choice[c], strict=True)}
        number = {label: i for i, label in enumerate(dict.fromkeys(name.values()))}
        edges = tuple((number[name[a]], number[name[b]]) for a, b in graph.edges)
        total[Graph(edges)] += prod(partition_weight(_sizes(labels)) for labels in choice)
    return total


def _polynomial(graph: Graph, symmetry: Symmetry, position: dict[Graph, int]) -> Polynomial:
    polynomial: Counter = Counter()
    for labels in set_partitions(graph.degree):
        parts = [tuple(e for e, label in zip(graph.edges, labels, strict=True) if label == b) for b in set(labels)]
        factors = tuple(sorted(position[symmetry.canonical(Graph(edges))] for edges in parts))
        polynomial[factors] += partition_weight([len(parts)])
    return dict(polynomial)


def _sizes(labels: tuple[int, ...]) -> list[int]:
    return list(Counter(labels).values())
