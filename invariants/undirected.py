"""Invariants of symmetric matrices under simultaneous permutations: undirected multigraphs.

Of a symmetric matrix, graphs that differ by the direction of edges have one value. The least of them stands for all, so
planning and evaluation need nothing new.
"""

from functools import cache
from itertools import product

from invariants.graphs import Graph, enumerate_graphs


@cache
def undirected(graph: Graph) -> Graph:
    """The least of the graphs that differ from this one by the direction of edges."""
    choices = product(*(((a, b), (b, a)) if a != b else ((a, b),) for a, b in graph.edges))
    return min(Graph(tuple(edges)) for edges in choices)


@cache
def enumerate_undirected(degree: int, loops: bool = True) -> tuple[Graph, ...]:
    """All undirected multigraphs with `degree` edges: 2, 7, 23, 79 of degree 1 to 4, and 1, 3, 8, 23 without loops.

    Raises:
        ValueError: if the degree is negative.
    """
    every = sorted({undirected(graph) for graph in enumerate_graphs(degree)})
    return tuple(graph for graph in every if loops or all(a != b for a, b in graph.edges))
