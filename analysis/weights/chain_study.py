"""Consecutive layers of the same networks: what connects them, a few networks in memory at a time."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from analysis.inference.layers_distance import LayersDistance, layers_distance
from analysis.inference.resampling import bootstrap
from analysis.layers import Layers, networks_in_parts, study_networks
from analysis.model.status import joined
from analysis.statistics import REPLICATES, SEED
from analysis.symmetry.base import finite_members
from analysis.symmetry.chain import Matrices, chain_of
from analysis.symmetry.symmetric import is_symmetric
from analysis.weights.grouping import Group, Source

MOST_LAYERS = 16
"""Of a chain that is studied unasked: graphs and reading grow with the square of their number."""


class ChainStudy(NamedTuple):
    """The joint law of consecutive layers."""

    chain: tuple[Group, ...]
    """The draws of each matrix, from the input on."""
    layers: Layers | None
    """What connects them; None where no network is finite."""
    distance: LayersDistance | None
    """Of the joint law from independent entries; None where no network is finite."""
    status: str
    """"ok", or what is not available and why."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the layers."""
        return tuple(group.name for group in self.chain)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of the layers, those of the input first."""
        return (self.chain[0].shape[1], *(group.shape[0] for group in self.chain))

    @property
    def networks(self) -> int:
        """How many there are, those that are not finite among them."""
        return self.chain[0].members


def study_chain(chain: tuple[Group, ...]) -> ChainStudy | None:
    """Study the joint law of layers; None if the matrices are their own transposes, which weights of layers are not.

    A stack of networks is read in as many parts as there are layers, each for all layers, so that what is in memory at
    once is about as large as the stack of one layer.
    """
    if len(chain) > MOST_LAYERS:
        return ChainStudy(chain, None, None, f"chains of more than {MOST_LAYERS} layers take minutes: --select some")
    symmetry = chain_of([np.broadcast_to(0.0, group.shape) for group in chain])
    if _symmetric(next(_parts(chain))):
        return None
    found = networks_in_parts(_parts(chain), symmetry)
    if found is None:
        return ChainStudy(chain, None, None, f"none of {chain[0].members} networks is finite in all layers")
    networks, fitted = found
    layers = study_networks(networks, fitted)
    distance = layers_distance(networks.moments, symmetry, bootstrap(networks.members, REPLICATES, SEED))
    causes = (fitted.status, layers.independent.status, *layers.correlation.status, *layers.randomisation.status)
    return ChainStudy(chain, layers, distance, joined(causes))


def _parts(chain: Sequence[Group]) -> Iterator[Matrices]:
    """Some networks after the others, all of their layers in the type in which they are stored."""
    for sources in zip(*(group.sources for group in chain), strict=True):
        count = len(sources[0].titles)
        size = -(-count // len(chain))
        for start in range(0, count, size):
            yield tuple(_cut(source, slice(start, start + size)) for source in sources)


def _cut(source: Source, at: slice) -> Shaped[np.ndarray, "n outputs inputs"]:
    """Some matrices of a tensor, as a copy: the rest of it does not stay in memory."""
    (stack,) = source.cut(*(tensor.read() for tensor in source.tensors))
    return np.array(stack[at])


def _symmetric(part: Matrices) -> bool:
    """Whether the first finite matrix of each layer is square, varies, and is its own transpose."""
    first = [np.asarray(stack[np.flatnonzero(finite_members(stack))[:1]], np.float64) for stack in part]
    square = all(stack.shape[1] == stack.shape[2] > 1 and np.ptp(stack) > 0 for stack in first if len(stack))
    return any(map(len, first)) and square and all(map(is_symmetric, first))
