"""Wick polynomials of products of entries, averaged over labellings in which distinct nodes carry distinct indices.

With distinct indices two edges of a pattern are the same two entries in every labelling up to the symmetry, so their
covariance is one number. A contraction then only leaves edges out, and never joins nodes: between the averages t_H of
products of entries and those of their Wick polynomials there is one matrix, whose entries are polynomials in the mean
and the covariances of the entries. The same matrix with the signs of these changed leads back.
"""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from analysis.model.wick import delta_coefficients
from analysis.symmetry import Symmetry
from invariants import Graph
from invariants.graphs import Edge

HIGHEST = 4
"""Degree up to which products are looked at."""


class WickTable(NamedTuple):
    """The matrix between averages of products and of their Wick polynomials, of the constant 1 and all graphs."""

    powers: Int[np.ndarray, "monomials patterns"]
    """Of the mean and the covariances of entries, in the order of the graphs of degree 1 and 2."""
    counts: Float[np.ndarray, "monomials graphs graphs"]
    """How often each monomial multiplies what is left of the product of a row."""


def entry_cumulants(
    parameters: Float[np.ndarray, "*batch parameters"], symmetry: Symmetry
) -> Float[np.ndarray, "*batch patterns"]:
    """Mean of an entry, and covariance of two entries of each pattern of degree 2, under the law with the parameters.

    The pattern with the same row and the same column is the variance c0 + cR + cC + cE, that with neither is c0.
    """
    return parameters @ _linear_forms(symmetry).T


def expected_products(
    wick_means: Float[np.ndarray, "*#batch graphs"],
    parameters: Float[np.ndarray, "*#batch parameters"],
    symmetry: Symmetry,
) -> Float[np.ndarray, "*batch graphs"]:
    """E[t_H] of `symmetry.every` from the expectations of their Wick polynomials: all 0 under the Gaussian law itself.

    E[t_H] = sum over subsets K of the edges of E[:t_K:] times the Gaussian expectation of the product of the others.
    """
    return _transformed(wick_means, entry_cumulants(parameters, symmetry), symmetry)


def wick_products(
    t: Float[np.ndarray, "*#batch graphs"], parameters: Float[np.ndarray, "*#batch parameters"], symmetry: Symmetry
) -> Float[np.ndarray, "*batch graphs"]:
    """Averages over labellings of the Wick polynomial of each pattern, of members given by their averages t.

    :t_H: = sum over partial pairings of the edges of H of prod (-Cov) t_rest, of the entries less their mean. Relative
    to the plug-in fit of the same members the mean over members of :t_H:, for a connected H of degree 3 or 4, is the
    cumulant kappa_H. NaN where t is.
    """
    return _transformed(t, -entry_cumulants(parameters, symmetry), symmetry)


def _transformed(t: np.ndarray, cumulants: np.ndarray, symmetry: Symmetry) -> np.ndarray:
    table = _wick_table(symmetry.every)
    monomials = np.prod(cumulants[..., None, :] ** table.powers, axis=-1)
    size = len(table.counts[0])
    matrix = (monomials @ table.counts.reshape(len(monomials.T), -1)).reshape(*monomials.shape[:-1], size, size)
    # What is undefined is part of nothing that is defined: a subgraph has no more nodes.
    known = np.where(np.isnan(t), 0.0, t)[..., None, :]
    values = (known @ np.swapaxes(matrix[..., 1:, 1:], -1, -2))[..., 0, :] + matrix[..., 1:, 0]
    return np.where(np.isnan(t), np.nan, values)


@cache
def _linear_forms(symmetry: Symmetry) -> Float[np.ndarray, "patterns parameters"]:
    """How the mean and the covariances of the entries depend on the parameters."""
    units = [delta_coefficients(unit, symmetry) for unit in np.eye(len(symmetry.parameter_names))]
    linear, quadratic = symmetry.graphs(1), symmetry.graphs(2)
    mean = [[unit[graph] for unit in units] for graph in linear]
    covariances = [
        [sum(unit[other] for other in quadratic if _shared(other) <= _shared(graph)) for unit in units]
        for graph in quadratic
    ]
    return np.array(mean + covariances)


def _shared(graph: Graph) -> set[str]:
    """What the two edges of a graph have in common."""
    (a, b), (c, d) = graph.edges
    return {name for name, same in (("row", a == c), ("column", b == d)) if same}


@cache
def _wick_table(graphs: tuple[Graph, ...]) -> WickTable:
    """The table of all graphs, the constant first; the patterns of degree 1 and 2 are the first graphs."""
    position = {graph: k for k, graph in enumerate((Graph(()), *graphs))}
    patterns = sum(graph.degree <= 2 for graph in graphs)
    total: dict[tuple[int, ...], Counter] = {}
    for graph, row in position.items():
        for kept, contracted in _contractions(graph.edges):
            powers = [0] * patterns
            for edges in contracted:
                powers[position[Graph(edges)] - 1] += 1
            total.setdefault(tuple(powers), Counter())[row, position[Graph(kept)]] += 1
    counts = np.zeros((len(total), len(position), len(position)))
    for matrix, entries in zip(counts, total.values(), strict=True):
        for at, count in entries.items():
            matrix[at] = count
    return WickTable(np.array(list(total)), counts)


def _contractions(edges: tuple[Edge, ...]) -> Iterator[tuple[tuple[Edge, ...], tuple[tuple[Edge, ...], ...]]]:
    """All ways to keep some edges and to put a mean for one, or a covariance for two, of the others."""
    if not edges:
        yield (), ()
        return
    first, rest = edges[0], edges[1:]
    for kept, contracted in _contractions(rest):
        yield (first, *kept), contracted
        yield kept, ((first,), *contracted)
    for k, other in enumerate(rest):
        for kept, contracted in _contractions(rest[:k] + rest[k + 1 :]):
            yield kept, ((first, other), *contracted)
