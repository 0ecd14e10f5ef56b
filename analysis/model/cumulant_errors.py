"""Error of graph cumulants of Gaussian members: what chance alone makes of numbers that are 0 for the law.

To leading order in 1/N the plug-in kappa_G of degree 3 or higher is the mean over members and over labellings with
distinct indices of the Wick polynomial of the entries on the edges of G. So N Var kappa_G is the mean over two
independent labellings of sum over pairings s of the edges of one with those of the other of prod_e Cov(e, s(e)). With
the covariance in the basis of Kronecker deltas, a product of deltas that joins r pairs of indices of the two labellings
has probability 1/(D)_r.
"""

from functools import cache, reduce
from itertools import permutations
from math import perm
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt

from analysis.model.cumulants import indices_of
from analysis.model.graph_cumulants import labellings
from analysis.model.wick import delta_coefficients
from analysis.symmetry import Symmetry
from analysis.symmetry.partitions import set_partitions
from analysis.symmetry.tensors import graph_of_slots
from invariants import Graph
from invariants.graphs import Edge

WIDTH = 8
"""Most nodes of a graph: which index of one labelling equals which of the other is one bit of 64."""
BASE = 5
"""The powers of all coefficients, each at most 4, are the digits of one number."""


class Terms(NamedTuple):
    """Terms of N Var kappa_G."""

    joined: Int[np.ndarray, "terms 2"]
    """How many indices are joined: rows or all, and columns where they are apart."""
    powers: Int[np.ndarray, "terms deltas"]
    """Of each coefficient of the covariance, by position in `deltas()`."""
    counts: Int[np.ndarray, "terms"]


@cache
def deltas() -> dict[Graph, int]:
    """The products of deltas of a covariance, numbered."""
    return {graph: i for i, graph in enumerate(sorted(set(map(graph_of_slots, set_partitions(4)))))}


def gaussian_error(
    graphs: tuple[Graph, ...], parameters: Float[np.ndarray, "parameters"], symmetry: Symmetry, members: int
) -> Float[np.ndarray, "graphs"]:
    """Standard error of the cumulants of graphs of degree 3 or 4, if the law is Gaussian; NaN where indices run out."""
    coefficients = np.zeros(len(deltas()))
    for graph, value in delta_coefficients(parameters, symmetry).items():
        if graph.degree == 2:
            coefficients[deltas()[graph]] = value
    variances = [_variance(graph, coefficients, symmetry) for graph in graphs]
    return np.sqrt(np.maximum(variances, 0.0) / members)


def _variance(graph: Graph, coefficients: Float[np.ndarray, "deltas"], symmetry: Symmetry) -> float:
    indices = indices_of(symmetry)
    if not labellings(graph, indices):
        return np.nan
    terms, (second, first) = _terms(graph, indices.separate), indices.sizes
    probability = np.array([1 / (perm(first, r) * perm(second, t)) for r, t in terms.joined])
    return float(terms.counts * probability @ np.prod(coefficients**terms.powers, axis=1))


@cache
def _terms(graph: Graph, separate: bool) -> Terms:
    """The sum over all pairings, equal terms counted."""
    codes = []
    for order in permutations(graph.edges):
        options = [_joined(*pair, separate) for pair in zip(graph.edges, order, strict=True)]
        masks = reduce(np.bitwise_or.outer, (masks for masks, _ in options)).reshape(-1)
        powers = reduce(np.add.outer, (powers for _, powers in options)).reshape(-1)
        kept = _one_to_one(masks, graph.nodes)
        joined = np.bitwise_count(masks[kept]).astype(int)
        first = np.bitwise_count(masks[kept] & _bits({a for a, _ in graph.edges})) if separate else joined
        codes.append((powers[kept] * (WIDTH + 1) + first) * (WIDTH + 1) + joined - first)
    distinct, counts = np.unique(np.concatenate(codes), return_counts=True)
    powers, joined = np.divmod(distinct, (WIDTH + 1) ** 2)
    digits = powers[:, None] // BASE ** np.arange(len(deltas())) % BASE
    return Terms(np.column_stack(np.divmod(joined, WIDTH + 1)), digits, counts)


@cache
def _joined(edge: Edge, other: Edge, separate: bool) -> tuple[UInt[np.ndarray, "terms"], Int[np.ndarray, "terms"]]:
    """The terms of the covariance of two edges: which of their nodes each joins, and its coefficient as a power.

    Nodes of one labelling are distinct, so a delta between two of them is 1 or 0.
    """
    masks, powers = [], []
    for labels in set_partitions(4):
        if separate and not set(labels[::2]).isdisjoint(labels[1::2]):
            continue
        own, others = dict(zip(labels[:2], edge, strict=True)), dict(zip(labels[2:], other, strict=True))
        possible = (own[labels[0]], own[labels[1]], others[labels[2]], others[labels[3]]) == (*edge, *other)
        pairs = {(own[label], others[label]) for label in own.keys() & others.keys()}
        if possible and len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs):
            masks.append(sum(1 << WIDTH * a + b for a, b in pairs))
            powers.append(BASE ** deltas()[graph_of_slots(labels)])
    return np.array(masks, dtype=np.uint64), np.array(powers, dtype=np.int64)


def _one_to_one(masks: UInt[np.ndarray, "terms"], nodes: int) -> Bool[np.ndarray, "terms"]:
    """Whether no node is joined to two others."""
    kept = np.ones(len(masks), dtype=bool)
    for node in range(nodes):
        column = np.uint64(sum(1 << WIDTH * a + node for a in range(WIDTH)))
        for line in (_bits({node}), column):
            kept &= np.bitwise_count(masks & line) <= 1
    return kept


def _bits(nodes: set[int]) -> np.uint64:
    """All bits of nodes of the first labelling."""
    return np.uint64(sum(1 << WIDTH * a + b for a in nodes for b in range(WIDTH)))
