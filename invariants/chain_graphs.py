"""Graphs of a chain of layers: the names of the invariants of consecutive weight matrices of one network.

W_l has h_l rows and h_(l-1) columns, l = 1..K, and S_h0 x ... x S_hK acts by W_l -> P_l W_l P_(l-1)^T. An invariant is
a multigraph whose nodes have the colours 0..K and whose edges of layer l join a row of colour l to a column of l - 1.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from invariants.canonical import Labelled, canonical
from invariants.graphs import Edge, Graph


@dataclass(frozen=True, order=True)
class ChainGraph(Graph):
    """A multigraph with coloured nodes up to isomorphism, standing for one invariant polynomial of a chain.

    I_G(W_1, ..., W_K) = sum over all node indices of prod over edges (a, b) of layer l of W_l[i_a, i_b].

    Its key joins edges `l:a-b` by commas, the nodes of each colour numbered apart: in "1:0-0,2:0-0" the row of W_1 is
    the column of W_2. It is the least over all orders of the edges of labelling nodes by first appearance. In `edges`
    nodes are numbered through, whatever their colour, in the order of the key.

    Attributes:
        edges: pairs (row, column), in the order of the key.
        layers: l of each edge.

    Raises:
        ValueError: if there is not a layer for each edge, or a node would have two colours.
    """

    layers: tuple[int, ...] = ()

    def __post_init__(self):
        if len(self.layers) != len(self.edges) or min(self.layers, default=1) < 1:
            raise ValueError(f"layers {self.layers} of the edges {self.edges}: give a number from 1 on for each edge")
        colour: dict[int, int] = {}
        for (row, column), layer in zip(self.edges, self.layers, strict=True):
            if colour.setdefault(row, layer) != layer or colour.setdefault(column, layer - 1) != layer - 1:
                raise ValueError(
                    f"edges {self.edges} of layers {self.layers}: a row of W_l is a column of W_(l+1) only"
                )
        found = canonical(
            tuple((layer, *edge) for layer, edge in zip(self.layers, self.edges, strict=True)),
            _colours(max(self.layers, default=0)),
        )
        object.__setattr__(self, "layers", tuple(layer for layer, _, _ in found))
        object.__setattr__(self, "edges", _numbered_through(found))

    @classmethod
    def parse(cls, key: str) -> "ChainGraph":
        """Read a graph from its key: `"1:0-0,2:0-0"` is the sum of all entries of W_2 W_1.

        Raises:
            ValueError: if the key is not of this form.
        """
        try:
            parts = [part.replace(":", "-", 1).split("-") for part in key.split(",") if key]
            edges = tuple((int(layer), int(a), int(b)) for layer, a, b in parts)
        except ValueError:
            edges = ()
        if key and (not edges or key.count(":") != len(edges)):
            raise ValueError(f"key {key!r} of a chain not understood: join edges l:a-b by commas, as in '1:0-0,2:0-0'")
        return cls(_numbered_through(edges), tuple(layer for layer, _, _ in edges))

    def __str__(self) -> str:
        label: dict[int, str] = {}
        count: dict[int, int] = {}
        for edge, colours in zip(self.edges, self.colours, strict=True):
            for node, colour in zip(edge, colours, strict=True):
                if node not in label:
                    label[node] = str(count.get(colour, 0))
                    count[colour] = count.get(colour, 0) + 1
        return ",".join(f"{layer}:{label[a]}-{label[b]}" for layer, (a, b) in zip(self.layers, self.edges, strict=True))

    def __or__(self, other: Graph) -> "ChainGraph":
        """Disjoint union: I_{G | H} = I_G I_H.

        Raises:
            TypeError: if the other graph is not of a chain.
        """
        if not isinstance(other, ChainGraph):
            raise TypeError(f"union of a graph of a chain and {other!r}: give two of a chain")
        moved = tuple((a + self.nodes, b + self.nodes) for a, b in other.edges)
        return ChainGraph(self.edges + moved, self.layers + other.layers)

    def rebuilt(self, edges: tuple[Edge, ...], positions: Sequence[int]) -> "ChainGraph":
        """The graph with these edges, each of the layer of the edge of this graph at the position beside it."""
        return ChainGraph(edges, tuple(self.layers[position] for position in positions))

    @property
    def matrices(self) -> tuple[int, ...]:
        """Of each edge the position of its matrix in (W_1, ..., W_K)."""
        return tuple(layer - 1 for layer in self.layers)

    @property
    def colours(self) -> tuple[tuple[int, int], ...]:
        """Of each edge of layer l the colours l and l - 1 of its two nodes."""
        return tuple((layer, layer - 1) for layer in self.layers)

    def reversed(self, layers: int) -> "ChainGraph":
        """The graph with the same value on (W_K^T, ..., W_1^T), K = layers, as this one on (W_1, ..., W_K)."""
        flipped = tuple((b, a) for a, b in self.edges)
        return ChainGraph(flipped, tuple(layers + 1 - layer for layer in self.layers))

    @property
    def transpose(self) -> "ChainGraph":
        """The graph of the reversed chain that ends with the last layer of this one."""
        return self.reversed(max(self.layers, default=0))

    @property
    def is_across(self) -> bool:
        """Whether it is connected and of more than one layer, so that no layer alone has it."""
        return len(set(self.layers)) > 1 and len(self.components) == 1


@cache
def enumerate_chain(layers: int, degree: int) -> tuple[ChainGraph, ...]:
    """All graphs of a chain of K layers with `degree` edges, in the order of their keys.

    For K = 3 there are 3, 17, 74, 356 of degree 1 to 4, of which 0, 2, 13, 65 connect layers.

    Raises:
        ValueError: if the degree is negative, or there is no layer.
    """
    if degree < 0 or layers < 1:
        raise ValueError(f"graphs of degree {degree} of {layers} layers: give a degree from 0 and at least one layer")
    if degree == 0:
        return (ChainGraph((), ()),)
    grown = {
        ChainGraph((*graph.edges, edge), (*graph.layers, layer))
        for graph in enumerate_chain(layers, degree - 1)
        for layer in range(1, layers + 1)
        for edge in _new_edges(graph, layer)
    }
    return tuple(sorted(grown, key=_order))


def _new_edges(graph: ChainGraph, layer: int) -> Iterator[Edge]:
    """Every edge of a layer that may join a graph, up to the names of the nodes it adds."""
    colour = {
        node: c
        for edge, pair in zip(graph.edges, graph.colours, strict=True)
        for node, c in zip(edge, pair, strict=True)
    }
    rows, columns = ([node for node, c in colour.items() if c == wanted] for wanted in (layer, layer - 1))
    for row in (*rows, len(colour)):
        for column in (*columns, len(colour) + 1):
            yield row, column


def _order(graph: ChainGraph) -> tuple[tuple[int, ...], ...]:
    """The key as numbers."""
    return tuple(tuple(map(int, part.replace(":", "-").split("-"))) for part in str(graph).split(","))


@cache
def _colours(layers: int) -> dict[int, tuple[int, int]]:
    """Of each layer the colours of rows and columns."""
    return {layer: (layer, layer - 1) for layer in range(1, layers + 1)}


def _numbered_through(edges: tuple[Labelled, ...]) -> tuple[Edge, ...]:
    """Pairs of nodes numbered by first appearance, from labels that count the nodes of each colour apart."""
    number: dict[tuple[int, int], int] = {}
    return tuple(
        (number.setdefault((layer, a), len(number)), number.setdefault((layer - 1, b), len(number)))
        for layer, a, b in edges
    )
