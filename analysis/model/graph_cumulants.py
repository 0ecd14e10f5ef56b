"""Joint cumulants of the entries on the edges of a graph, from mean invariants: two Möbius inversions.

The law is that of a random member, randomly relabelled by the group. Sums over all labels become sums over different
labels of the nodes (over set partitions of the nodes of each colour), hence mean products t of entries; and these
become joint cumulants (over set partitions of the edges). Both are the same for every symmetry: what differs is how
many labels the nodes of a colour have.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cache
from itertools import product
from math import factorial, prod
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.model.contractions import ExpectationTable, Indices, evaluate_table
from analysis.symmetry.partitions import equal_pairs, identify, set_partitions
from invariants import Graph


class CumulantTable(NamedTuple):
    """How cumulants follow from mean invariants."""

    needed: tuple[Graph, ...]
    """The graphs whose mean invariants are needed."""
    distinct: Float[np.ndarray, "patterns needed"]
    """Mean products of entries at different nodes, as combinations of mean invariants."""
    polynomials: ExpectationTable
    """Cumulants as polynomials in those; NaN for a graph with more nodes of a colour than there are labels."""


@cache
def cumulant_table(graphs: tuple[Graph, ...], indices: Indices) -> CumulantTable:
    """The cumulants of the entries on the edges of some graphs, different nodes of a colour with different labels.

    t_G = [sum over partitions of the nodes, within colours, of prod over blocks (-1)^(b-1) (b-1)! <G / partition>]
    / prod over colours of h (h-1) ... (h-v+1), with v nodes of the colour, and
    kappa_G = sum over partitions of the edges of (-1)^(p-1) (p-1)! prod over its p blocks of t_block.
    """
    patterns: dict[Graph, int] = {}
    needed: dict[Graph, int] = {}
    terms: dict[tuple[int, ...], dict[int, int]] = {}
    undefined = [k for k, graph in enumerate(graphs) if not labellings(graph, indices)]
    for k, graph in enumerate(graphs):
        if k not in undefined:
            for sign, parts in edge_partitions(graph):
                monomial = tuple(sorted(patterns.setdefault(part, len(patterns)) for part in parts))
                terms.setdefault(monomial, {})[k] = terms.get(monomial, {}).get(k, 0) + sign
    rows = []
    for pattern in patterns:
        falling = labellings(pattern, indices)
        row = {needed.setdefault(g, len(needed)): c for g, c in node_partitions(pattern, indices.separate).items()}
        rows.append({position: float(Fraction(value, falling)) for position, value in row.items()})
    distinct = np.zeros((len(patterns), len(needed)))
    for values, row in zip(distinct, rows, strict=True):
        values[list(row)] = list(row.values())
    degree = max(map(len, terms), default=0)
    monomials = np.array([(*term, *[len(patterns)] * (degree - len(term))) for term in terms], dtype=int)
    coefficients = np.zeros((len(terms), len(graphs)))
    for row, by_graph in zip(coefficients, terms.values(), strict=True):
        row[list(by_graph)] = list(by_graph.values())
    coefficients[:, undefined] = np.nan
    return CumulantTable(tuple(needed), distinct, ExpectationTable(monomials.reshape(len(terms), degree), coefficients))


def cumulants_from_means(
    table: CumulantTable, means: Float[np.ndarray, "*batch needed"]
) -> Float[np.ndarray, "*batch graphs"]:
    """The plug-in cumulants, biased by a term of order 1/N; NaN where undefined."""
    return evaluate_table(table.polynomials, means @ table.distinct.T)


def edge_partitions(graph: Graph) -> Iterable[tuple[int, tuple[Graph, ...]]]:
    """Weight and blocks, as graphs, of every set partition of the edges."""
    for labels in set_partitions(graph.degree):
        blocks = [[k for k, label in enumerate(labels) if label == block] for block in range(max(labels) + 1)]
        parts = tuple(graph.rebuilt(tuple(graph.edges[k] for k in block), block) for block in blocks)
        yield (-1) ** (len(blocks) - 1) * factorial(len(blocks) - 1), parts


@cache
def node_partitions(graph: Graph, separate: bool) -> dict[Graph, int]:
    """Weight of each quotient of a graph by a set partition of its nodes that joins none of different colours."""
    total: dict[Graph, int] = {}
    groups = list(nodes_of_colours(graph, separate).values())
    for choice in product(*(set_partitions(len(nodes)) for nodes in groups)):
        pairs = [pair for labels, nodes in zip(choice, groups, strict=True) for pair in equal_pairs(labels, nodes)]
        names = identify(graph.nodes, pairs)
        weight = prod(_weight(labels) for labels in choice)
        quotient = graph.rebuilt(tuple((names[a], names[b]) for a, b in graph.edges), range(graph.degree))
        total[quotient] = total.get(quotient, 0) + weight
    return total


def _weight(labels: Sequence[int]) -> int:
    """Product over the blocks of (-1)^(b-1) (b-1)!, b their sizes."""
    return prod((-1) ** (labels.count(block) - 1) * factorial(labels.count(block) - 1) for block in set(labels))


def nodes_of_colours(graph: Graph, separate: bool) -> dict[int, list[int]]:
    """The nodes that are summed over the same labels, by colour; of a single matrix rows have 1 and columns 0."""
    colours = ((1, 0),) * graph.degree if separate else graph.colours
    groups: dict[int, set[int]] = {}
    for edge, pair in zip(graph.edges, colours, strict=True):
        for node, colour in zip(edge, pair, strict=True):
            groups.setdefault(colour, set()).add(node)
    return {colour: sorted(nodes) for colour, nodes in groups.items()}


def labellings(graph: Graph, indices: Indices) -> int:
    """In how many ways its nodes can be given different labels; 0 if there are too few."""
    groups = nodes_of_colours(graph, indices.separate)
    return prod(indices.sizes[colour] - k for colour, nodes in groups.items() for k in range(len(nodes)))
