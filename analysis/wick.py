"""Exact expectations of invariants under the model, for any graph, by Wick contraction."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from itertools import chain
from math import lcm
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from analysis.block_tensors import covariance_tensors, graph_of_slots, mean_tensors, radicals
from analysis.partitions import equal_pairs, identify, set_partitions
from analysis.pigmm import PIGMM
from invariants import Graph

CHUNK = 1 << 14
"""Parameter vectors evaluated at once: keeps the monomials of a large bootstrap within some tens of megabytes."""

DeltaMonomial = tuple[Graph, ...]
"""A product of coefficients of the mean (graphs of one edge) and the covariance (two edges) in the basis of deltas."""


class ExpectationTable(NamedTuple):
    """Expectations as polynomials in f1..f13, with coefficients exact for one D before they were rounded once."""

    monomials: Int[np.ndarray, "monomials degree"]
    """Positions in (f1, ..., f13, 1) of the factors of each monomial."""
    coefficients: Float[np.ndarray, "monomials graphs"]


def expectation(model: PIGMM, graphs: Sequence[Graph]) -> Float[np.ndarray, "graphs"]:
    """E[I_G(M)] under the model, for each graph G, exactly up to one rounding of each coefficient.

    Source: Isserlis' theorem; for the cubic and quartic invariants Barnes, Padellaro and Ramgoolam, arXiv:2101.04054.
    """
    return expectations(model.parameters, graphs, model.dim)


def expectations(
    f: Float[np.ndarray, "*batch 13"], graphs: Sequence[Graph], dim: int
) -> Float[np.ndarray, "*batch graphs"]:
    """E[I_G] for each parameter vector and each graph: one product of monomials and the coefficients of the table."""
    table = expectation_table(tuple(graphs), dim)
    rows = f.reshape(-1, 13)
    values = np.empty((len(rows), len(graphs)))
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        factors = np.concatenate([chunk, np.ones((len(chunk), 1))], axis=1)
        monomials = np.ones((len(chunk), len(table.monomials)))
        for position in table.monomials.T:
            monomials *= factors[:, position]
        values[start : start + CHUNK] = monomials @ table.coefficients
    return values.reshape(*f.shape[:-1], len(graphs))


@cache
def expectation_table(graphs: tuple[Graph, ...], dim: int) -> ExpectationTable:
    """The polynomials E[I_G] of the graphs in f1..f13, at one D.

    Contractions are counted with integers in the basis of deltas, then changed to the basis of blocks with integers
    over a common denominator, so that nothing cancels in floating point however large D is.
    """
    forms, denominator = _block_forms(dim)
    powers: dict[DeltaMonomial, Counter] = {}
    polynomials = []
    for graph in graphs:
        polynomial: Counter = Counter()
        for monomial, count in _delta_polynomial(graph, dim).items():
            if monomial not in powers:
                powers[monomial] = _expand([forms[variable] for variable in monomial])
            for block_monomial, coefficient in powers[monomial].items():
                polynomial[block_monomial] += count * coefficient
        polynomials.append(polynomial)
    order = sorted(set(chain.from_iterable(polynomials)), key=lambda monomial: (len(monomial), monomial))
    degree = max((len(monomial) for monomial in order), default=0)
    padded = np.array([(*monomial, *[13] * (degree - len(monomial))) for monomial in order], dtype=int)
    monomials = padded.reshape(len(order), degree)
    irrational = np.prod(np.append(radicals(dim), 1.0)[monomials], axis=1)
    rational = [[float(Fraction(p[m], denominator ** len(m))) for p in polynomials] for m in order]
    coefficients = irrational[:, None] * np.reshape(rational, (len(order), len(graphs)))
    return ExpectationTable(monomials, coefficients)


def _delta_polynomial(graph: Graph, dim: int) -> Counter:
    """E[I_G] at one D as a polynomial in the coefficients of the mean and the covariance in the basis of deltas."""
    total: Counter = Counter()
    for (monomial, power), count in _contractions(graph).items():
        total[monomial] += count * dim**power
    return total


@cache
def _contractions(graph: Graph) -> Counter:
    """Number of ways to contract all edges, for each product of delta coefficients and power of D.

    The first edge meets the mean or, with one of the others, the covariance. Each set partition of the slots of
    the edges removed is one product of deltas: it identifies nodes, and nodes left without edges are summed: D each.
    """
    if not graph.edges:
        return Counter({((), 0): 1})
    total: Counter = Counter()
    for removed in [(0,), *((0, other) for other in range(1, graph.degree))]:
        slots = [node for position in removed for node in graph.edges[position]]
        kept = [edge for position, edge in enumerate(graph.edges) if position not in removed]
        for labels in set_partitions(len(slots)):
            nodes = identify(graph.nodes, equal_pairs(labels, slots))
            rest = Graph(tuple((nodes[a], nodes[b]) for a, b in kept))
            freed = len(set(nodes)) - rest.nodes
            coefficient = graph_of_slots(labels)
            for (monomial, power), count in _contractions(rest).items():
                total[tuple(sorted((*monomial, coefficient))), power + freed] += count
    return total


def _block_forms(dim: int) -> tuple[dict[Graph, dict[int, int]], int]:
    """Each delta coefficient as a linear form in the 13 block parameters (radicals apart), over one denominator."""
    forms: dict[Graph, dict[int, Fraction]] = {}
    means, covariances = mean_tensors(dim), covariance_tensors(dim)
    for slots, first, tensors in ((2, 0, means), (4, 2, covariances)):
        # Partitions that differ by the order of the two edges are the same graph and share its coefficient.
        orbit = Counter(graph_of_slots(labels) for labels in set_partitions(slots))
        for graph, size in orbit.items():
            forms[graph] = {first + b: tensor[graph] / size for b, tensor in enumerate(tensors) if tensor.get(graph)}
    denominator = lcm(*(value.denominator for form in forms.values() for value in form.values()))
    scaled = {g: {b: int(value * denominator) for b, value in form.items()} for g, form in forms.items()}
    return scaled, denominator


def _expand(forms: list[dict[int, int]]) -> Counter:
    """The product of linear forms, as coefficients of sorted tuples of variables."""
    product: Counter = Counter({(): 1})
    for form in forms:
        longer: Counter = Counter()
        for monomial, coefficient in product.items():
            for variable, value in form.items():
                longer[tuple(sorted((*monomial, variable)))] += coefficient * value
        product = longer
    return product
