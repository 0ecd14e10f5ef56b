"""A graph as a small drawing inside a page: dots for indices, lines for entries."""

from collections import Counter
from math import cos, pi, sin

from invariants import ChainGraph, Graph

SIZE, RADIUS, BEND = 36, 2.2, 5.0
"""Side of the drawing, radius of a dot, and how far parallel edges keep apart, in pixels."""
BELOW = 6.0
"""How far a single node lies below the middle, to leave room for its loops."""
Point = tuple[float, float]


def sketch(graph: Graph, separate: bool, directed: bool = True) -> str:
    """A graph as SVG, with its edges as text for those who do not see it.

    Where rows and columns are permuted apart, rows are filled dots on the left and columns open ones on the right; in a
    chain the units of each layer are a column of filled dots, inputs on the left; elsewhere nodes lie on a circle, and
    edges point from the first index to the second one if they have a direction.
    """
    chain = isinstance(graph, ChainGraph)
    places = _columns(graph) if separate else _circle(graph.nodes)
    rows = {node for edge in graph.edges for node in edge[: 1 + chain]}
    lines = "".join(_edges(graph, places, arrows=directed and not separate))
    dots = "".join(_dot(place, filled=not separate or node in rows) for node, place in places.items())
    return (
        f'<svg width="{SIZE}" height="{SIZE}" viewBox="0 0 {SIZE} {SIZE}" role="img" aria-label="graph {graph}" '
        f'fill="none" stroke="currentColor">{lines}{dots}</svg>'
    )


def _columns(graph: Graph) -> dict[int, Point]:
    colours = graph.colours if isinstance(graph, ChainGraph) else ((0, 1),) * graph.degree
    columns: dict[int, dict[int, None]] = {}
    for edge, pair in zip(graph.edges, colours, strict=True):
        for node, colour in zip(edge, pair, strict=True):
            columns.setdefault(colour, {})[node] = None
    places, gaps = {}, max(len(columns) - 1, 1)
    for position, colour in enumerate(sorted(columns)):
        for k, node in enumerate(columns[colour]):
            places[node] = (6.0 + (SIZE - 12.0) * position / gaps, SIZE * (k + 0.5) / len(columns[colour]))
    return places


def _circle(nodes: int) -> dict[int, Point]:
    middle, radius = SIZE / 2, SIZE / 2 - 4
    if nodes == 1:
        return {0: (middle, middle + BELOW)}
    angles = {node: pi * (2 * node / nodes - 1) for node in range(nodes)}
    return {node: (middle + radius * cos(angle), middle + radius * sin(angle)) for node, angle in angles.items()}


def _edges(graph: Graph, places: dict[int, Point], arrows: bool) -> list[str]:
    """Parallel edges, in whichever direction, are bent apart; loops lie around their node."""
    total = Counter(tuple(sorted(edge)) for edge in graph.edges)
    seen: Counter = Counter()
    drawn = []
    for a, b in graph.edges:
        pair = (min(a, b), max(a, b))
        offset = seen[pair] - (total[pair] - 1) / 2
        seen[pair] += 1
        if a == b:
            x, y = places[a]
            radius = 2.5 + 1.8 * (seen[pair] - 1)
            drawn.append(f'<circle cx="{x:.1f}" cy="{y - radius:.1f}" r="{radius}"/>')
        else:
            # The bend is to the same side for both directions.
            sign = 1 if a < b else -1
            drawn.append(_curve(places[a], places[b], sign * offset * BEND * 2, arrows))
    return drawn


def _curve(start: Point, end: Point, bend: float, arrow: bool) -> str:
    (x, y), (u, v) = start, end
    length = ((u - x) ** 2 + (v - y) ** 2) ** 0.5
    normal = (-(v - y) / length, (u - x) / length)
    middle = ((x + u) / 2 + bend * normal[0], (y + v) / 2 + bend * normal[1])
    path = f'<path d="M{x:.1f} {y:.1f}Q{middle[0]:.1f} {middle[1]:.1f} {u:.1f} {v:.1f}"/>'
    return path + (_head(middle, end) if arrow else "")


def _head(before: Point, tip: Point) -> str:
    """An arrow head that ends at the dot of a node."""
    dx, dy = tip[0] - before[0], tip[1] - before[1]
    length = (dx**2 + dy**2) ** 0.5
    dx, dy = dx / length, dy / length
    x, y = tip[0] - RADIUS * dx, tip[1] - RADIUS * dy
    left, right = ((x - 3.5 * dx - s * 1.5 * dy, y - 3.5 * dy + s * 1.5 * dx) for s in (1, -1))
    corners = f"{x:.1f},{y:.1f} {left[0]:.1f},{left[1]:.1f} {right[0]:.1f},{right[1]:.1f}"
    return f'<polygon points="{corners}" fill="currentColor" stroke="none"/>'


def _dot(place: Point, filled: bool) -> str:
    fill = "currentColor" if filled else "#fff"
    return f'<circle cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="{RADIUS}" fill="{fill}"/>'
