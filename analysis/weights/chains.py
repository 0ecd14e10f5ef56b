"""Which arrays are consecutive layers of the same networks, by names and shapes: their joint law is that of a chain.

Networks lie in stacks [networks, outputs, inputs], or in a file each. Matrices that fit on one another by chance are no
chain, as those of a transformer are not: either the names of two layers differ in one number alone, or they share a
number of units that no other matrix has.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise, takewhile
from typing import NamedTuple

from analysis.weights.grouping import Entry, Group, entries_of, fits, group_of, natural
from analysis.weights.tensors import Orientation, Weights

NUMBER = re.compile(r"(_?\d+)?")
"""What tells the names of two layers apart; Keras calls the first one of a kind dense, the second dense_1."""
SIDE_BY_SIDE = re.compile(r"expert|heads|head_?\d|branch|tower|twin|critic_?\d|\bq_?\d|recurrent|_hh_", re.IGNORECASE)
"""Words of numbered matrices that do not follow one another."""


class Layer(NamedTuple):
    """A matrix that several networks have."""

    group: Group
    networks: tuple[tuple[int, int], ...]
    """Files, and how many networks are in each."""


def chains(
    weights: Sequence[Weights], select: Sequence[str] = (), orientation: Orientation | None = None
) -> tuple[tuple[Group, ...], ...]:
    """The chains of some models, each of its layers from the input on, the draws of one matrix as a group.

    Args:
        weights: one model with stacks of networks, or several of which equal names are copies.
        select: patterns of the names of the layers that are wanted; all are if there are none.
        orientation: of stored matrices; None for what the format has by habit.
    """
    layers = _layers(entries_of(weights, (), orientation)[0])
    sides = Counter(size for layer in layers for size in layer.group.shape)

    def chosen(layer: Layer) -> bool:
        return not select or any(fits(layer.group.name, pattern) for pattern in select)

    found = (_not_gated(chain) for run in _runs(layers) for chain in _certain(run, sides))
    parts = (tuple(part) for chain in found for wanted, part in groupby(chain, chosen) if wanted)
    return tuple(tuple(layer.group for layer in part) for part in parts if len(part) > 1)


def _layers(entries: Sequence[Entry]) -> list[Layer]:
    """In the order of their names, those of one network apart."""
    found: dict[tuple[str, tuple[int, int]], list[Entry]] = {}
    for entry in entries:
        found.setdefault((entry.name, entry.view.shape), []).append(entry)
    layers = [
        Layer(group_of(name, shape, own), tuple((entry.file, entry.view.members) for entry in own))
        for (name, shape), own in found.items()
    ]
    return sorted((one for one in layers if one.group.members > 1), key=lambda one: natural(one.group.name))


def _runs(layers: Sequence[Layer]) -> Iterator[list[Layer]]:
    """Layers of the same networks, each of whose inputs are as many as the outputs of the one before."""
    run: list[Layer] = []
    for layer in layers:
        if run and not _fit(run[-1], layer):
            yield run
            run = []
        run.append(layer)
    yield run


def _fit(below: Layer, above: Layer) -> bool:
    plain = not (below.group.remark or above.group.remark)  # kernels and heads are no layers
    return plain and above.group.shape[1] == below.group.shape[0] and above.networks == below.networks


def _certain(run: Sequence[Layer], sides: Counter[int]) -> Iterator[list[Layer]]:
    """The run, cut where neither names nor a number of units say that one layer follows another.

    A number that only two sides have tells, unless the run ends on as many units as it begins with: it then fits in any
    other order around the circle as well. Nor does it join two runs of numbered layers, as of an encoder and a decoder.
    """
    circle = bool(run) and run[-1].group.shape[0] == run[0].group.shape[1]
    chain = list(run[:1])
    numbered = [False, *(_numbered(below.group.name, above.group.name) for below, above in pairwise(run)), False]
    for k, (below, above) in enumerate(pairwise(run), start=1):
        alone = sides[below.group.shape[0]] == 2 and not circle and not (numbered[k - 1] and numbered[k + 1])
        if not (alone or numbered[k]):
            yield chain
            chain = []
        chain.append(above)
    yield chain


def _numbered(below: str, above: str) -> bool:
    """Whether two names differ in one number alone."""
    start = _alike(below, above)
    end = _alike(below[start:][::-1], above[start:][::-1])
    rests = (name[start : len(name) - end] for name in (below, above))
    return not SIDE_BY_SIDE.search(below) and all(map(NUMBER.fullmatch, rests))


def _alike(one: str, other: str) -> int:
    """How many characters both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _not_gated(chain: list[Layer]) -> list[Layer]:
    """Of w1, w2, w3 of a gated block, the first and the last of which act side by side, the first two."""
    shapes = [layer.group.shape for layer in chain]
    gated = len(shapes) == 3 and shapes[0] == shapes[2] == shapes[1][::-1] != shapes[1]
    return chain[:2] if gated else chain
