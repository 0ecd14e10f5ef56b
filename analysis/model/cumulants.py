"""Graph cumulants: joint cumulants of the entries of a pattern, from mean invariants, for every symmetry.

kappa_G is the joint cumulant of the entries on the edges of G when distinct nodes carry distinct indices. Of every
invariant Gaussian law those of degree 3 and higher vanish; a common shift of the entries changes degree 1 only, and a
law of independent entries has the same ones whatever the size of the matrix.
"""

from collections import Counter
from functools import cache
from itertools import product
from math import factorial, perm, prod
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from analysis.model.contractions import ExpectationTable, evaluate_table
from analysis.symmetry import Symmetry
from analysis.symmetry.partitions import set_partitions
from invariants import Graph


class CumulantTable(NamedTuple):
    """How cumulants follow from mean invariants; the graphs are those of degree 1 to `degree`, by degree."""

    graphs: tuple[Graph, ...]
    defined: Bool[np.ndarray, "graphs"]
    """Whether there are as many indices as the graph has nodes."""
    moments: Float[np.ndarray, "graphs graphs"]
    """t = moments @ mean invariants: the mean product of entries over distinct indices; 0 where these run out."""
    polynomials: ExpectationTable
    """The cumulants in terms of t."""
    powers: Int[np.ndarray, "graphs 2"]
    """How many entries of a graph are loops, and how many are not."""


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
    defined = np.ones(len(graphs), dtype=bool)
    for i, graph in enumerate(graphs):
        coloured = coloured_nodes(graph, symmetry)
        labellings = prod(perm(size, len(nodes)) for size, nodes in coloured)
        defined[i] = labellings > 0
        for quotient, weight in _quotients(graph, tuple(nodes for _, nodes in coloured)).items():
            canonical = symmetry.canonical(quotient)
            if defined[i] and canonical in position:  # of matrices with a zero diagonal, those with a loop vanish
                moments[i, position[canonical]] += weight / labellings
    loops = np.array([sum(a == b for a, b in graph.edges) for graph in graphs])
    return CumulantTable(
        graphs,
        defined,
        moments,
        _polynomials(graphs, symmetry, position),
        powers=np.stack([loops, np.array([graph.degree for graph in graphs]) - loops], axis=1),
    )


def coloured_nodes(graph: Graph, symmetry: Symmetry) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """The nodes that may carry the same indices, with the number of these: all, or rows and columns apart."""
    (rows, columns), *_ = symmetry.shapes
    if not symmetry.tensors.separate:
        return ((rows, tuple(range(graph.nodes))),)
    first, second = (tuple(sorted({edge[side] for edge in graph.edges})) for side in (0, 1))
    return (rows, first), (columns, second)


def graph_cumulants(
    means: Float[np.ndarray, "*batch graphs"], degree: int, symmetry: Symmetry
) -> Float[np.ndarray, "*batch cumulants"]:
    """Cumulants of the graphs of one degree, in units of an entry to that power; NaN where indices run out.

    `means` are the plain means over members of the invariants of `symmetry.graphs(1)`, ..., `symmetry.graphs(degree)`.
    """
    table = cumulant_table(degree, symmetry)
    kappa = np.where(table.defined, evaluate_table(table.polynomials, means @ table.moments.T), np.nan)
    return kappa[..., -len(symmetry.graphs(degree)) :]


def partition_weight(blocks: list[int]) -> int:
    """Moebius function of set partitions: prod over blocks of (-1)^(b-1) (b-1)!."""
    return prod((-1) ** (size - 1) * factorial(size - 1) for size in blocks)


@cache
def _quotients(graph: Graph, colours: tuple[tuple[int, ...], ...]) -> Counter:
    """Moebius weights of the graphs that arise by giving some nodes of a colour the same index."""
    total: Counter = Counter()
    for choice in product(*(set_partitions(len(nodes)) for nodes in colours)):
        name = {
            node: (c, label) for c, nodes in enumerate(colours) for node, label in zip(nodes, choice[c], strict=True)
        }
        number = {label: i for i, label in enumerate(dict.fromkeys(name.values()))}
        edges = tuple((number[name[a]], number[name[b]]) for a, b in graph.edges)
        total[Graph(edges)] += prod(partition_weight(_sizes(labels)) for labels in choice)
    return total


def _polynomials(graphs: tuple[Graph, ...], symmetry: Symmetry, position: dict[Graph, int]) -> ExpectationTable:
    """Cumulants in terms of moments."""
    monomials: dict[tuple[int, ...], Counter] = {}
    for i, graph in enumerate(graphs):
        for labels in set_partitions(graph.degree):
            parts = [tuple(e for e, label in zip(graph.edges, labels, strict=True) if label == b) for b in set(labels)]
            factors = sorted(position[symmetry.canonical(Graph(edges))] for edges in parts)
            padded = (*factors, *[len(graphs)] * (graphs[-1].degree - len(factors)))
            monomials.setdefault(padded, Counter())[i] += partition_weight([len(parts)])
    coefficients = np.zeros((len(monomials), len(graphs)))
    for row, weights in zip(coefficients, monomials.values(), strict=True):
        row[list(weights)] = list(weights.values())
    return ExpectationTable(np.array(list(monomials)), coefficients)


def _sizes(labels: tuple[int, ...]) -> list[int]:
    return list(Counter(labels).values())
