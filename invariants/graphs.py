"""Directed multigraphs: the names of the permutation-invariant polynomials of a matrix."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from operator import index

from invariants.canonical import canonical

Edge = tuple[int, int]


@dataclass(frozen=True, order=True)
class Graph:
    """A directed multigraph up to isomorphism, standing for one invariant polynomial.

    I_G(M) = sum over all node indices i_0, i_1, ... of prod over edges (a, b) of M[i_a, i_b].

    Loops and parallel edges are allowed; every node has an edge. Edges are stored in canonical form, so that equality
    is isomorphism: the lexicographic minimum, over all orders of the edges, of labelling nodes 0, 1, ... by first
    appearance. The graph without edges is the constant 1.

    Raises:
        ValueError: if an edge is not a pair of non-negative integers.
    """

    edges: tuple[Edge, ...]

    def __post_init__(self):
        object.__setattr__(self, "edges", _canonical(_checked(self.edges)))

    @classmethod
    def parse(cls, key: str) -> "Graph":
        """Read a graph from its key: `"0-0,0-1"` stands for the edges (0, 0) and (0, 1).

        Raises:
            ValueError: if the key is not of this form.
        """
        try:
            edges = tuple((int(a), int(b)) for a, b in (edge.split("-") for edge in key.split(",") if key))
        except ValueError:
            raise ValueError(f"graph key {key!r} not understood: join edges a-b by commas, as in '0-0,0-1'") from None
        return cls(edges)

    def __str__(self) -> str:
        return ",".join(f"{a}-{b}" for a, b in self.edges)

    def __or__(self, other: "Graph") -> "Graph":
        """Disjoint union: I_{G | H} = I_G I_H."""
        return Graph(self.edges + tuple((a + self.nodes, b + self.nodes) for a, b in other.edges))

    def rebuilt(self, edges: tuple[Edge, ...], positions: Sequence[int]) -> "Graph":
        """The graph with these edges, each of the kind of the edge of this graph at the position beside it."""
        return Graph(edges)

    @property
    def matrices(self) -> tuple[int, ...]:
        """Of each edge the position of its matrix among those that the invariant is of: here there is one."""
        return (0,) * len(self.edges)

    @property
    def colours(self) -> tuple[tuple[int, int], ...]:
        """Of each edge the colours of its two nodes, which are summed over labels of different sets: here over one."""
        return ((0, 0),) * len(self.edges)

    @property
    def degree(self) -> int:
        """Number of edges: the degree of the polynomial."""
        return len(self.edges)

    @property
    def nodes(self) -> int:
        """Number of nodes: the number of indices summed over."""
        return len({node for edge in self.edges for node in edge})

    @property
    def transpose(self) -> "Graph":
        """The graph with every edge reversed: I_{G^T}(M) = I_G(M^T)."""
        return Graph(tuple((b, a) for a, b in self.edges))

    @property
    def components(self) -> tuple["Graph", ...]:
        """The connected components, sorted: I_G is the product of their invariants."""
        parts: list[set[int]] = []
        for edge in self.edges:
            touching = [part for part in parts if part & set(edge)]
            parts = [part for part in parts if part not in touching] + [set(edge).union(*touching)]
        chosen = [[k for k, edge in enumerate(self.edges) if edge[0] in part] for part in parts]
        return tuple(sorted(self.rebuilt(tuple(self.edges[k] for k in part), part) for part in chosen))


@cache
def enumerate_graphs(degree: int) -> tuple[Graph, ...]:
    """All graphs with `degree` edges in the order of their edges: 1, 2, 11, 52, 296, 1724 for degree 0, 1, 2, 3, 4, 5.

    They name a basis of the permutation-invariant homogeneous polynomials of degree k on D x D matrices, D >= 2k.

    Raises:
        ValueError: if the degree is negative.
    """
    if degree < 0:
        raise ValueError(f"degree {degree} is negative: give the number of edges, 0 or more")
    if degree == 0:
        return (Graph(()),)
    smaller = enumerate_graphs(degree - 1)
    return tuple(sorted({Graph((*graph.edges, edge)) for graph in smaller for edge in _new_edges(graph.nodes)}))


def _new_edges(nodes: int) -> Iterator[Edge]:
    """Every edge that may join a graph with that many nodes, up to the names of the nodes it adds."""
    yield from ((a, b) for a in range(nodes + 1) for b in range(nodes + 1))
    yield (nodes, nodes + 1)


def _checked(edges: object) -> tuple[Edge, ...]:
    try:
        pairs = tuple((index(a), index(b)) for a, b in edges)  # pyright: ignore[reportGeneralTypeIssues]
    except (TypeError, ValueError):
        pairs = None
    if pairs is None or any(node < 0 for pair in pairs for node in pair):
        raise ValueError(f"edges {edges!r} are not pairs of non-negative integers: give them like ((0, 0), (0, 1))")
    return pairs


def _canonical(edges: tuple[Edge, ...]) -> tuple[Edge, ...]:
    """The canonical edges: all of one kind, between nodes of one colour."""
    return tuple((a, b) for _, a, b in canonical(tuple((0, a, b) for a, b in edges), {0: (0, 0)}))
