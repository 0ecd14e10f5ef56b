"""The covariance of Wick polynomials of connected graphs under a Gaussian law of separate symmetry, exactly.

Summed over all labels it is C, whose size and conditioning grow with powers of those of the matrices; of averages over
distinct labels it is B, with C = A B A^T and A the grouping of labels by which of them coincide. Both are sums of
probabilities and of whole numbers that are counted once for all laws, never differences of large numbers.
"""

from collections import Counter
from functools import cache
from itertools import permutations, product
from math import perm
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from analysis.model.cumulants import indices_of
from analysis.model.graph_cumulants import labellings
from analysis.model.hermite import HIGHEST, entry_cumulants
from analysis.symmetry import Symmetry
from analysis.symmetry.partitions import set_partitions
from invariants import Graph

DEGREES = (3, 4)
"""Degrees of the couplings."""
TWICE = -1
"""In place of a number of pairs: two of them share a label, which the distinct labels of a graph never do."""


class Pairings(NamedTuple):
    """Terms of B for the graphs of one degree, connected ones with all."""

    powers: Int[np.ndarray, "monomials 4"]
    """Of the coefficients of 1, of the deltas of rows, of columns, and of both."""
    values: Float[np.ndarray, "monomials connected graphs"]
    """Sum over pairings of the probabilities that the labels which the deltas join are equal."""


@cache
def coupled_graphs(symmetry: Symmetry) -> tuple[Graph, ...]:
    """The patterns of separate permutations, connected graphs of degree 3 and 4: 6 and 17.

    Raises:
        ValueError: if the symmetry does not permute rows and columns apart.
    """
    if not symmetry.tensors.separate:
        raise ValueError(f"couplings under {symmetry}: give the symmetry of separate permutations of rows and columns")
    return symmetry.patterns


@cache
def coupled_positions(symmetry: Symmetry) -> Int[np.ndarray, "graphs"]:
    """Positions of `coupled_graphs` among `symmetry.every`."""
    return np.array([symmetry.every.index(graph) for graph in coupled_graphs(symmetry)])


@cache
def usable(symmetry: Symmetry) -> Bool[np.ndarray, "graphs"]:
    """Which `coupled_graphs` have no more row and column nodes than the matrix has rows and columns.

    The invariant of any other is a linear combination of theirs, and its coupling therefore undetermined.
    """
    return np.array([labellings(graph, indices_of(symmetry)) > 0 for graph in coupled_graphs(symmetry)])


@cache
def label_sums(symmetry: Symmetry) -> Float[np.ndarray, "graphs graphs"]:
    """A over `symmetry.every`: I_G = sum_H A_GH t_H.

    A_GH = (m)_rows (n)_columns of H times the number of ways to identify rows and columns of G that give H.
    """
    graphs = symmetry.every
    position = {graph: k for k, graph in enumerate(graphs)}
    matrix = np.zeros((len(graphs), len(graphs)))
    for graph in graphs:
        for joined, ways in _identifications(graph).items():
            matrix[position[graph], position[joined]] = ways * labellings(joined, indices_of(symmetry))
    return matrix


@cache
def connected_sums(symmetry: Symmetry) -> Float[np.ndarray, "graphs graphs"]:
    """A of the `coupled_graphs`: identifying nodes keeps a graph connected."""
    at = coupled_positions(symmetry)
    return label_sums(symmetry)[np.ix_(at, at)]


def cumulant_covariance(
    parameters: Float[np.ndarray, "*batch parameters"], symmetry: Symmetry
) -> Float[np.ndarray, "*batch connected graphs"]:
    """B_GK = E :t_G: :t_K:, of `coupled_graphs` with `symmetry.every`; 0 between degrees, and where indices run out.

    B_GK = sum over pairings s of the edges of both of E prod_e Cov(e, s(e)) over two independent labellings. A product
    of deltas that joins r pairs of row labels and c of column labels, none twice, has probability 1/((m)_r (n)_c).
    """
    graphs, coupled = symmetry.every, coupled_graphs(symmetry)
    both, row, column, neither = np.moveaxis(entry_cumulants(parameters, symmetry)[..., 1:], -1, 0)
    deltas = np.stack([neither, row - neither, column - neither, both - row - column + neither], axis=-1)
    total = np.zeros((*parameters.shape[:-1], len(coupled), len(graphs)))
    for degree in DEGREES:
        table = _pairings(degree, symmetry)
        monomials = np.prod(deltas[..., None, :] ** table.powers, axis=-1)
        values = (monomials @ table.values.reshape(len(table.values), -1)).reshape(
            *monomials.shape[:-1], *table.values.shape[1:]
        )
        first, second = (np.flatnonzero([graph.degree == degree for graph in listed]) for listed in (coupled, graphs))
        total[..., first[:, None], second] = values
    return total


def connected_covariance(
    parameters: Float[np.ndarray, "*batch parameters"], symmetry: Symmetry
) -> Float[np.ndarray, "*batch graphs graphs"]:
    """B of the `coupled_graphs`."""
    return cumulant_covariance(parameters, symmetry)[..., coupled_positions(symmetry)]


def wick_covariance(
    parameters: Float[np.ndarray, "*batch parameters"], symmetry: Symmetry
) -> Float[np.ndarray, "*batch graphs graphs"]:
    """C_GH = E :I_G: :I_H: of `coupled_graphs`, A B A^T; singular where graphs are not usable."""
    sums = connected_sums(symmetry)
    return sums @ connected_covariance(parameters, symmetry) @ sums.T


@cache
def _identifications(graph: Graph) -> Counter:
    """The graphs that arise by identifying rows and columns, each with the number of ways."""
    rows, columns = (tuple(dict.fromkeys(edge[side] for edge in graph.edges)) for side in (0, 1))
    total: Counter = Counter()
    for labels in product(set_partitions(len(rows)), set_partitions(len(columns))):
        row, column = (dict(zip(*pair, strict=True)) for pair in zip((rows, columns), labels, strict=True))
        # Even and odd numbers keep the labels of rows and columns apart.
        total[Graph(tuple((2 * row[i], 2 * column[j] + 1) for i, j in graph.edges))] += 1
    return total


@cache
def _pairings(degree: int, symmetry: Symmetry) -> Pairings:
    """The terms of B for the graphs of a degree: over all pairings, the product of the probabilities of both sides."""
    listed = symmetry.graphs(degree)
    connected = [graph for graph in listed if len(graph.components) == 1]
    on_rows, on_columns = (
        _probabilities(size)[_joined_labels(listed, side)] for side, size in enumerate(symmetry.shapes[0])
    )
    fits = (
        np.array([labellings(graph, indices_of(symmetry)) > 0 for graph in graphs]) for graphs in (connected, listed)
    )
    sums = np.swapaxes(on_rows, -1, -2) @ on_columns * np.logical_and.outer(*fits)[..., None, None]
    subsets = _subsets(degree)
    rows, columns = subsets[:, None], subsets[None]
    types = np.stack([~rows & ~columns, rows & ~columns, ~rows & columns, rows & columns]).sum(axis=-1)
    powers, which = np.unique(types.reshape(4, -1).T, axis=0, return_inverse=True)
    values = np.zeros((len(powers), len(connected), len(listed)))
    np.add.at(values, which.reshape(-1), np.moveaxis(sums.reshape(*sums.shape[:2], -1), -1, 0))
    return Pairings(powers, values)


def _probabilities(size: int) -> Float[np.ndarray, "joined"]:
    """That r given pairs of `size` labels are equal, 1/(size)_r, for r = 0, 1, ...; 0 at the end, for `TWICE`."""
    ways = [perm(size, r) for r in range(HIGHEST + 1)]
    return np.array([*(1 / each if each else 0.0 for each in ways), 0.0])


@cache
def _joined_labels(graphs: tuple[Graph, ...], side: int) -> Int[np.ndarray, "connected graphs pairings subsets"]:
    """How many pairs of labels are joined, of each connected graph with each graph of the same degree.

    For each pairing of their edges and each subset of the edges whose labels, of rows or of columns, shall be equal;
    `TWICE` where a label would be joined to two.
    """
    labels = np.array([[edge[side] for edge in graph.edges] for graph in graphs])
    connected = np.array([len(graph.components) == 1 for graph in graphs])
    orders = np.array(list(permutations(range(labels.shape[1]))))
    first, second = labels[connected][:, None, None], labels[:, orders]
    # Two edges of a subset join one pair if they agree on both sides, two if on none: what is left joins a label twice.
    same, other_same = (each[..., :, None] == each[..., None, :] for each in (first, second))
    clash, repeats = same != other_same, np.tril(same & other_same, -1)
    subsets = _subsets(labels.shape[1])
    both = (subsets[:, :, None] & subsets[:, None, :]).reshape(len(subsets), -1).T.astype(int)
    clashes = clash.reshape(*clash.shape[:-2], -1).astype(int) @ both
    # An edge repeats the pair of an earlier one or joins a new pair.
    repeated = np.stack([np.any(repeats & subset & subset[:, None], axis=-1).sum(axis=-1) for subset in subsets], -1)
    return np.where(clashes > 0, TWICE, subsets.sum(axis=1) - repeated)


def _subsets(size: int) -> Bool[np.ndarray, "subsets size"]:
    return np.array(list(product((False, True), repeat=size)))
