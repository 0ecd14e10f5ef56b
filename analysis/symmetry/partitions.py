"""Set partitions and the identification of nodes: the counting behind Wick contractions and cumulants."""

from collections.abc import Iterable, Iterator
from functools import cache


@cache
def set_partitions(size: int) -> tuple[tuple[int, ...], ...]:
    """All partitions of `size` slots, each as the label of every slot: 1, 1, 2, 5, 15, 52 for size 0, 1, 2, 3, 4, 5.

    Labels count up from 0 in order of first appearance, so each partition occurs once.
    """
    if size == 0:
        return ((),)
    return tuple((*labels, new) for labels in set_partitions(size - 1) for new in range(len(set(labels)) + 1))


def identify(nodes: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """A label for each of `nodes` nodes, equal for nodes that the pairs identify."""
    labels = list(range(nodes))
    for a, b in pairs:
        kept, dropped = labels[a], labels[b]
        labels = [kept if label == dropped else label for label in labels]
    return labels


def equal_pairs(labels: Iterable[int], slots: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The pairs of slots that a partition of them identifies: each slot with the first one of the same label."""
    first: dict[int, int] = {}
    for label, slot in zip(labels, slots, strict=True):
        yield first.setdefault(label, slot), slot


def first_appearance(labels: Iterable[int]) -> tuple[int, ...]:
    """The same partition with labels that count up from 0 in order of first appearance."""
    new: dict[int, int] = {}
    return tuple(new.setdefault(label, len(new)) for label in labels)
