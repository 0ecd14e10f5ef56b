"""Slow and obvious implementations that the tests compare with."""

from collections.abc import Sequence
from itertools import permutations, product
from math import prod

import numpy as np

from invariants import Graph


def index_sum(graph: Graph, matrix: np.ndarray) -> float:
    """sum over all node indices of prod over edges (a, b) of M[i_a, i_b], one term after another."""
    rows, columns = matrix.shape
    first = {a for a, _ in graph.edges}
    ranges = [range(rows if node in first else columns) for node in range(graph.nodes)]
    return float(sum(prod(matrix[index[a], index[b]] for a, b in graph.edges) for index in product(*ranges)))


def canonical_edges(edges: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """Minimum over all orders of the edges of labelling the nodes by first appearance."""

    def relabelled(order):
        label: dict[int, int] = {}
        return tuple((label.setdefault(a, len(label)), label.setdefault(b, len(label))) for a, b in order)

    return min(relabelled(order) for order in permutations(edges))


def bipartite_invariants(graphs: Sequence[Graph], stack: np.ndarray) -> np.ndarray:
    """I_G of bipartite graphs for each matrix, by one sum over all indices: nothing is compiled for each shape."""
    columns = []
    for graph in graphs:
        operands = [operand for a, b in graph.edges for operand in (stack, [0, a + 1, b + 1])]
        columns.append(np.einsum(*operands, [0], optimize="greedy"))
    return np.stack(columns, axis=-1)
