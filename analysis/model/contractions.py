"""Wick contraction of graphs, and the table of polynomials that expectations in any Gaussian model come down to."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain, count
from math import lcm, prod
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from analysis.symmetry.partitions import equal_pairs, identify, set_partitions
from analysis.symmetry.tensors import Number
from invariants import Graph
from invariants.graphs import Edge

CHUNK = 1 << 14
"""Parameter vectors evaluated at once: keeps the monomials of a large bootstrap within some tens of megabytes."""

DeltaMonomial = tuple[int, ...]
"""A product of coefficients of the mean and the covariance in the basis of deltas, each by its `number`."""
Form = Mapping[int, Number]
"""A linear form in the parameters: coefficient of each, by position."""
Polynomial = Mapping[tuple[int, ...], Number]
"""A polynomial in the parameters: coefficient of each monomial, the sorted positions of its factors."""


class Indices(NamedTuple):
    """What nodes are summed over."""

    sizes: tuple[Number, ...]
    """How many labels nodes of each colour have."""
    separate: bool
    """Whether rows and columns of a single matrix are labelled apart: as colours 1 and 0."""


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
    numbered = {number(graph): form for graph, form in forms.items()}
    powers: dict[DeltaMonomial, Counter] = {}
    polynomials = []
    for graph in graphs:
        polynomial: Counter = Counter()
        for monomial, ways in _delta_polynomial(graph, indices).items():
            if monomial not in powers:
                powers[monomial] = _expand([numbered.get(variable, {}) for variable in monomial])
            for block_monomial, coefficient in powers[monomial].items():
                polynomial[block_monomial] += ways * coefficient
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
def number(graph: Graph) -> int:
    """A number for each coefficient of a mean (a graph of one edge) or covariance (two): numbers hash faster."""
    return next(_numbers)


_numbers = count()


def _delta_polynomial(graph: Graph, indices: Indices) -> Counter:
    """E[I_G] at given sizes as a polynomial in the coefficients of mean and covariance in the basis of deltas."""
    total: Counter = Counter()
    for (monomial, summed), ways in _contractions(graph, indices.separate).items():
        total[monomial] += ways * prod(indices.sizes[colour] for colour in summed)
    return total


@cache
def _contractions(graph: Graph, separate: bool) -> Counter:
    """Number of ways to contract all edges, for each product of delta coefficients and colours of the nodes summed."""
    if not graph.edges:
        return Counter({((), ()): 1})
    total: Counter = Counter()
    for (coefficient, rest, summed), ways in _first_contractions(graph, separate).items():
        for (monomial, more), further in _contractions(rest, separate).items():
            total[tuple(sorted((*monomial, coefficient))), tuple(sorted((*summed, *more)))] += ways * further
    return total


def _first_contractions(graph: Graph, separate: bool) -> Counter:
    """Number of ways to contract the first edge, for each delta coefficient, graph left, and colours of nodes summed.

    It meets the mean or, with one of the other edges, the covariance. Each set partition of the slots of the edges
    removed that joins slots of one colour only is one product of deltas: it identifies nodes, and nodes left without
    edges are summed.
    """
    total: Counter = Counter()
    colours = ((1, 0),) * graph.degree if separate else graph.colours
    for removed in [(0,), *((0, other) for other in range(1, graph.degree))]:
        slots = [node for position in removed for node in graph.edges[position]]
        of_slots = tuple(colour for position in removed for colour in colours[position])
        kept = tuple(position for position in range(graph.degree) if position not in removed)
        for labels in _partitions(of_slots):
            nodes = identify(graph.nodes, equal_pairs(labels, slots))
            edges = tuple((nodes[a], nodes[b]) for a, b in (graph.edges[position] for position in kept))
            left = {node for edge in edges for node in edge}
            colour = {nodes[slot]: of for slot, of in zip(slots, of_slots, strict=True)}
            summed = tuple(sorted(of for node, of in colour.items() if node not in left))
            delta = _rebuilt(graph, tuple(zip(labels[::2], labels[1::2], strict=True)), removed)
            total[number(delta), _rebuilt(graph, edges, kept), summed] += 1
    return total


@cache
def _partitions(colours: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Partitions of slots that join none of different colours, given by labels."""
    partitions = set_partitions(len(colours))
    return tuple(labels for labels in partitions if len(set(zip(labels, colours, strict=True))) == len(set(labels)))


def _rebuilt(graph: Graph, edges: tuple[Edge, ...], positions: tuple[int, ...]) -> Graph:
    """Of all graphs with these edges, of the kinds of some of the graph's: most of them are met many times."""
    key = (type(graph), edges, tuple(graph.matrices[position] for position in positions))
    if key not in _graphs:
        _graphs[key] = graph.rebuilt(edges, positions)
    return _graphs[key]


_graphs: dict[tuple, Graph] = {}


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
