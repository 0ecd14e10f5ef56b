"""Wick contraction of graphs, and the table of polynomials that expectations in any Gaussian model come down to."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain
from math import lcm
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from analysis.symmetry.partitions import equal_pairs, identify, set_partitions
from analysis.symmetry.tensors import Number, graph_of_slots
from invariants import Graph
from invariants.graphs import Edge

CHUNK = 1 << 14
"""Parameter vectors evaluated at once: keeps the monomials of a large bootstrap within some tens of megabytes."""

DeltaMonomial = tuple[int, ...]
"""A product of coefficients of the mean and the covariance in the basis of deltas, by position in `deltas()`."""
Form = Mapping[int, Number]
"""A linear form in the parameters: coefficient of each, by position."""
Polynomial = Mapping[tuple[int, ...], Number]
"""A polynomial in the parameters: coefficient of each monomial, the sorted positions of its factors."""


class Indices(NamedTuple):
    """What nodes are summed over."""

    rows: Number
    columns: Number
    separate: bool
    """Whether rows and columns are labelled apart: then no delta joins a first index to a second one."""


class ExpectationTable(NamedTuple):
    """Expectations as polynomials in the parameters, with coefficients exact before they were rounded once."""

    monomials: Int[np.ndarray, "monomials degree"]
    """Positions in (parameters, 1) of the factors of each monomial."""
    coefficients: Float[np.ndarray, "monomials graphs"]


def tabulate(
    graphs: tuple[Graph, ...], forms: Mapping[Graph, Form], radicals: Float[np.ndarray, "parameters"], indices: Indices
) -> ExpectationTable:
    """The polynomials E[I_G] of the graphs in the parameters of a Gaussian model.

    Contractions are counted with integers in the basis of deltas, then changed to the basis of parameters with
    integers over a common denominator, so that nothing cancels in floating point however large the matrices are.

    Args:
        graphs: invariants.
        forms: each coefficient of the mean and covariance in the basis of deltas as a rational form in the parameters.
        radicals: irrational factor of each parameter, kept apart from the forms.
        indices: what nodes are summed over.
    """
    denominator = lcm(*(value.denominator for form in forms.values() for value in form.values()))
    scaled = {graph: {b: int(value * denominator) for b, value in form.items()} for graph, form in forms.items()}
    polynomials = expected_polynomials(graphs, scaled, indices)
    order = sorted(set(chain.from_iterable(polynomials)), key=by_degree)
    degree = max((len(monomial) for monomial in order), default=0)
    padded = np.array([(*monomial, *[len(radicals)] * (degree - len(monomial))) for monomial in order], dtype=int)
    monomials = padded.reshape(len(order), degree)
    irrational = np.prod(np.append(radicals, 1.0)[monomials], axis=1)
    rational = [[p.get(m, 0) / denominator ** len(m) for p in polynomials] for m in order]  # rounded once
    coefficients = irrational[:, None] * np.reshape(rational, (len(order), len(graphs)))
    return ExpectationTable(monomials, coefficients)


def expected_polynomials(
    graphs: Sequence[Graph], forms: Mapping[Graph, Form], indices: Indices
) -> tuple[Polynomial, ...]:
    """E[I_G] of each graph as a polynomial in the parameters, radicals apart, in the numbers of the forms and sizes."""
    numbered = {deltas()[graph]: form for graph, form in forms.items()}
    powers: dict[DeltaMonomial, Counter] = {}
    polynomials = []
    for graph in graphs:
        polynomial: Counter = Counter()
        for monomial, count in _delta_polynomial(graph, indices).items():
            if monomial not in powers:
                powers[monomial] = _expand([numbered[variable] for variable in monomial])
            for block_monomial, coefficient in powers[monomial].items():
                polynomial[block_monomial] += count * coefficient
        polynomials.append(polynomial)
    return tuple(polynomials)


def by_degree(monomial: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """Sorts monomials by their degree, then by their factors."""
    return len(monomial), monomial


def evaluate_table(
    table: ExpectationTable, parameters: Float[np.ndarray, "*batch parameters"]
) -> Float[np.ndarray, "*batch graphs"]:
    """Expectations for each parameter vector: one product of monomials and the coefficients of the table."""
    rows = parameters.reshape(-1, parameters.shape[-1])
    values = np.empty((len(rows), table.coefficients.shape[1]))
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        factors = np.concatenate([chunk, np.ones((len(chunk), 1))], axis=1)
        monomials = np.ones((len(chunk), len(table.monomials)))
        for position in table.monomials.T:
            monomials *= factors[:, position]
        values[start : start + CHUNK] = monomials @ table.coefficients
    return values.reshape(*parameters.shape[:-1], values.shape[1])


@cache
def partitions_of_edges(edges: int, separate: bool) -> tuple[tuple[int, ...], ...]:
    """Partitions of the two slots of each edge, given by labels; separate ones join no first slot to a second one."""
    return tuple(
        labels for labels in set_partitions(2 * edges) if not separate or set(labels[::2]).isdisjoint(labels[1::2])
    )


@cache
def deltas() -> dict[Graph, int]:
    """The coefficients of the mean (graphs of one edge) and the covariance (two), numbered: numbers hash faster."""
    partitions = (labels for edges in (1, 2) for labels in partitions_of_edges(edges, separate=False))
    return {graph: position for position, graph in enumerate(sorted(set(map(graph_of_slots, partitions))))}


def _delta_polynomial(graph: Graph, indices: Indices) -> Counter:
    """E[I_G] at one size as a polynomial in the coefficients of the mean and the covariance in the basis of deltas."""
    total: Counter = Counter()
    for (monomial, rows, columns), count in _contractions(graph, indices.separate).items():
        total[monomial] += count * indices.rows**rows * indices.columns**columns
    return total


@cache
def _contractions(graph: Graph, separate: bool) -> Counter:
    """Number of ways to contract all edges, for each product of delta coefficients and powers of the two sizes."""
    if not graph.edges:
        return Counter({((), 0, 0): 1})
    total: Counter = Counter()
    for (coefficient, rest, rows, columns), ways in _first_contractions(graph, separate).items():
        for (monomial, more_rows, more_columns), count in _contractions(rest, separate).items():
            longer = tuple(sorted((*monomial, coefficient)))
            total[longer, rows + more_rows, columns + more_columns] += ways * count
    return total


def _first_contractions(graph: Graph, separate: bool) -> Counter:
    """Number of ways to contract the first edge, for each delta coefficient, graph left, and powers of the two sizes.

    It meets the mean or, with one of the other edges, the covariance. Each set partition of the slots of the edges
    removed is one product of deltas: it identifies nodes, and nodes left without edges are summed.
    """
    total: Counter = Counter()
    for removed in [(0,), *((0, other) for other in range(1, graph.degree))]:
        slots = [node for position in removed for node in graph.edges[position]]
        kept = [edge for position, edge in enumerate(graph.edges) if position not in removed]
        for labels in partitions_of_edges(len(removed), separate):
            nodes = identify(graph.nodes, equal_pairs(labels, slots))
            edges = tuple((nodes[a], nodes[b]) for a, b in kept)
            freed = set(nodes) - {node for edge in edges for node in edge}
            rows = len(freed & {nodes[slot] for slot in slots[::2]})
            total[deltas()[graph_of_slots(labels)], _graph(edges), rows, len(freed) - rows] += 1
    return total


@cache
def _graph(edges: tuple[Edge, ...]) -> Graph:
    """The graph with these edges: most of those left by a contraction are met many times."""
    return Graph(edges)


def _expand(forms: Sequence[Form]) -> Counter:
    """The product of linear forms, as coefficients of sorted tuples of variables."""
    product: Counter = Counter({(): 1})
    for form in forms:
        longer: Counter = Counter()
        for monomial, coefficient in product.items():
            for variable, value in form.items():
                longer[tuple(sorted((*monomial, variable)))] += coefficient * value
        product = longer
    return product
