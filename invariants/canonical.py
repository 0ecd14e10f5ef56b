"""Canonical forms of multigraphs whose edges have kinds and whose nodes have colours: one search for all graphs."""

from collections.abc import Mapping

Labelled = tuple[int, int, int]
"""An edge: its kind and its two nodes."""

# Labels given so far, of the nodes that still matter, and the edges still to be taken.
_Search = tuple[tuple[tuple[int, int], ...], tuple[Labelled, ...]]


def canonical(edges: tuple[Labelled, ...], colours: Mapping[int, tuple[int, int]]) -> tuple[Labelled, ...]:
    """The least, over all orders of the edges, of labelling the nodes of each colour 0, 1, ... by first appearance.

    Found one edge at a time: only searches that reach the least prefix so far are continued.

    Args:
        edges: nodes have any distinct numbers.
        colours: of the two nodes of an edge of each kind.
    """
    prefix: list[Labelled] = []
    used = dict.fromkeys((colour for pair in colours.values() for colour in pair), 0)
    searches: set[_Search] = {((), tuple(sorted(edges)))}
    while len(prefix) < len(edges):
        steps = [_take(labels, rest, edge, used, colours) for labels, rest in searches for edge in set(rest)]
        least = min(edge for edge, _ in steps)
        prefix.append(least)
        for colour, label in zip(colours[least[0]], least[1:], strict=True):
            used[colour] = max(used[colour], label + 1)
        searches = {search for edge, search in steps if edge == least}
    return tuple(prefix)


def _take(
    labels: tuple[tuple[int, int], ...],
    rest: tuple[Labelled, ...],
    edge: Labelled,
    used: Mapping[int, int],
    colours: Mapping[int, tuple[int, int]],
) -> tuple[Labelled, _Search]:
    """Take an edge next: its relabelled form and the search that continues from there."""
    table = dict(labels)
    kind, a, b = edge
    row, column = colours[kind]
    first = table.setdefault(a, used[row])
    # A node met first with this edge has taken the next label of its colour.
    second = table.setdefault(b, used[column] + (row == column and first == used[row]))
    position = rest.index(edge)
    rest = rest[:position] + rest[position + 1 :]
    # Forgetting the nodes without remaining edges makes equivalent searches equal, so the set above merges them.
    alive = {node for _, *pair in rest for node in pair}
    return (kind, first, second), (tuple(sorted((n, t) for n, t in table.items() if n in alive)), rest)
