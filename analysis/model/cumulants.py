"""Graph cumulants of single matrices under a symmetry, from their mean invariants.

kappa_G is the joint cumulant of the entries on the edges of G when distinct nodes carry distinct indices. Of every
invariant Gaussian law those of degree 3 and higher vanish; a common shift of the entries changes degree 1 only, and a
law of independent entries has the same ones whatever the size of the matrix.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from analysis.model.contractions import ExpectationTable, Indices, evaluate_table
from analysis.model.graph_cumulants import edge_partitions, labellings, node_partitions
from analysis.symmetry import Symmetry
from invariants import Graph


class CumulantTable(NamedTuple):
    """How cumulants follow from mean invariants."""

    graphs: tuple[Graph, ...]
    """With each its quotients, and its subsets of edges, by degree."""
    defined: Bool[np.ndarray, "graphs"]
    """Whether there are as many indices as the graph has nodes."""
    moments: Float[np.ndarray, "graphs graphs"]
    """t = moments @ mean invariants: the mean product of entries over distinct indices; 0 where these run out."""
    polynomials: ExpectationTable
    """The cumulants in terms of t."""
    powers: Int[np.ndarray, "graphs 2"]
    """How many entries of a graph are loops, and how many are not."""


def cumulant_table(degree: int, symmetry: Symmetry) -> CumulantTable:
    """The table of all graphs of degree 1 to `degree`; the formulas are those of `graph_cumulants`.

    Source: Speed, Austral. J. Statist. 25 (1983), 378, for the Moebius functions of set partitions.
    """
    return _table(tuple(graph for k in range(1, degree + 1) for graph in symmetry.graphs(k)), symmetry)


def pattern_table(symmetry: Symmetry) -> CumulantTable:
    """The table of the patterns and what they need: a quarter of the work of all 361 graphs of square matrices.

    Quotients of a connected graph are connected, and its parts are of lower degree.
    """
    return _table(tuple(g for g in symmetry.every if g.degree < 4 or len(g.components) == 1), symmetry)


@cache
def _table(graphs: tuple[Graph, ...], symmetry: Symmetry) -> CumulantTable:
    """The table of graphs that are given with all their quotients and parts."""
    position, indices = {graph: i for i, graph in enumerate(graphs)}, indices_of(symmetry)
    moments = np.zeros((len(graphs), len(graphs)))
    ways = np.array([labellings(graph, indices) for graph in graphs], dtype=float)
    for i, graph in enumerate(graphs):
        for quotient, weight in node_partitions(graph, indices.separate).items():
            canonical = symmetry.canonical(quotient)
            if ways[i] and canonical in position:  # of matrices with a zero diagonal, those with a loop vanish
                moments[i, position[canonical]] += weight / ways[i]
    loops = np.array([sum(a == b for a, b in graph.edges) for graph in graphs])
    powers = np.stack([loops, np.array([graph.degree for graph in graphs]) - loops], axis=1)
    return CumulantTable(graphs, ways > 0, moments, _polynomials(graphs, symmetry, position), powers)


def indices_of(symmetry: Symmetry) -> Indices:
    """What the nodes of graphs of single matrices are summed over."""
    (rows, columns), *_ = symmetry.shapes
    return Indices((columns, rows), symmetry.tensors.separate)


def distinct_moments(
    table: CumulantTable, invariants: Float[np.ndarray, "*batch graphs"]
) -> Float[np.ndarray, "*batch graphs"]:
    """Mean products t of entries over distinct indices; NaN where these run out."""
    return np.where(table.defined, invariants @ table.moments.T, np.nan)


def evaluate_cumulants(
    table: CumulantTable, invariants: Float[np.ndarray, "*batch graphs"]
) -> Float[np.ndarray, "*batch graphs"]:
    """Cumulants of all graphs of the table from mean invariants; NaN where indices run out."""
    return np.where(table.defined, evaluate_table(table.polynomials, invariants @ table.moments.T), np.nan)


def graph_cumulants(
    means: Float[np.ndarray, "*batch graphs"], degree: int, symmetry: Symmetry
) -> Float[np.ndarray, "*batch cumulants"]:
    """Cumulants of the graphs of one degree, in units of an entry to that power; NaN where indices run out.

    `means` are the plain means over members of the invariants of `symmetry.graphs(1)`, ..., `symmetry.graphs(degree)`.
    """
    return evaluate_cumulants(cumulant_table(degree, symmetry), means)[..., -len(symmetry.graphs(degree)) :]


def _polynomials(graphs: tuple[Graph, ...], symmetry: Symmetry, position: dict[Graph, int]) -> ExpectationTable:
    """Cumulants in terms of moments."""
    terms: dict[tuple[int, ...], dict[int, int]] = {}
    for i, graph in enumerate(graphs):
        for weight, parts in edge_partitions(graph):
            factors = sorted(position[symmetry.canonical(part)] for part in parts)
            term = terms.setdefault((*factors, *[len(graphs)] * (graphs[-1].degree - len(factors))), {})
            term[i] = term.get(i, 0) + weight
    coefficients = np.zeros((len(terms), len(graphs)))
    for row, weights in zip(coefficients, terms.values(), strict=True):
        row[list(weights)] = list(weights.values())
    return ExpectationTable(np.array(list(terms)), coefficients)
