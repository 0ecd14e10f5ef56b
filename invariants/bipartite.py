"""Invariants of rectangular matrices under separate permutations of rows and columns: bipartite graphs.

A polynomial of an m x n matrix that is invariant under S_m x S_n is a bipartite multigraph between rows and columns. As
a `Graph` it is one in which every node is a pure source, a row index, or a pure sink, a column index; so planning and
evaluation need nothing new. A bipartite key `"0-0,0-1"` numbers rows and columns apart and means sum M_ij M_ik.
"""

from functools import cache
from itertools import permutations

from invariants.graphs import Edge, Graph, enumerate_graphs


def is_bipartite(graph: Graph) -> bool:
    """Whether no node is both the first index of one edge and the second of another."""
    return {a for a, _ in graph.edges}.isdisjoint(b for _, b in graph.edges)


def parse_bipartite(key: str) -> Graph:
    """The graph of a bipartite key, whose edges `row-column` number rows and columns apart.

    Raises:
        ValueError: if the key is not of this form.
    """
    edges = [edge.split("-") for edge in key.split(",") if key]
    if not all(len(edge) == 2 and edge[0].isdecimal() and edge[1].isdecimal() for edge in edges):
        raise ValueError(f"bipartite key {key!r} not understood: join edges row-column by commas, as in '0-0,0-1'")
    # Even numbers for the rows and odd ones for the columns keep the two sets of labels apart.
    return Graph(tuple((2 * int(row), 2 * int(column) + 1) for row, column in edges))


def bipartite_key(graph: Graph) -> str:
    """The canonical bipartite key: least over edge orders of labelling rows and columns by first appearance.

    Raises:
        ValueError: if a node of the graph is both a row and a column.
    """
    if not is_bipartite(graph):
        raise ValueError(f"graph {graph} is not bipartite: every node must be only a first or only a second index")
    return ",".join(f"{row}-{column}" for row, column in _canonical_edges(graph))


@cache
def enumerate_bipartite(degree: int) -> tuple[Graph, ...]:
    """All bipartite graphs with `degree` edges in the order of their keys: 1, 1, 4, 10, 33, 91 for degree 0 to 5.

    Raises:
        ValueError: if the degree is negative.
    """
    return tuple(sorted(filter(is_bipartite, enumerate_graphs(degree)), key=_canonical_edges))


def _canonical_edges(graph: Graph) -> tuple[Edge, ...]:
    return min(_relabelled(order) for order in permutations(graph.edges))


def _relabelled(edges: tuple[Edge, ...]) -> tuple[Edge, ...]:
    rows: dict[int, int] = {}
    columns: dict[int, int] = {}
    return tuple((rows.setdefault(a, len(rows)), columns.setdefault(b, len(columns))) for a, b in edges)


BIPARTITE = tuple(graph for degree in (1, 2, 3, 4) for graph in enumerate_bipartite(degree))
"""The 48 graphs up to degree 4 by increasing degree: 5 of degree 1 and 2, then 43."""
