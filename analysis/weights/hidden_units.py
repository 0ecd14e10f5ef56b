"""Hidden units that two groups of a model share: the rows of one matrix of a layer are the columns of another.

Such are the units inside the feed-forward block of a transformer, or those of a network that was trained several times.
They are recognised by their number, which no other matrix of the model has, and members by what tells them apart.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from analysis.layers import Layers, networks_in_parts, study_networks
from analysis.symmetry.chain import chain_of
from analysis.weights.grouping import INDEX, Group, Source

FEWEST = 3
"""Layers or networks from which on the connection is studied."""


class Link(NamedTuple):
    """Two groups whose matrices, member by member, share hidden units."""

    below: Group
    """Its rows are the units."""
    above: Group
    """Its columns are, its members in the order of the others."""

    @property
    def units(self) -> int:
        """How many a member has."""
        return self.below.shape[0]


class UnitStudy(NamedTuple):
    """What connects the matrices on both sides of hidden units."""

    link: Link
    layers: Layers
    """Of the chain of the two matrices."""


def links(groups: Sequence[Group]) -> Iterator[Link]:
    """The pairs of groups that share hidden units, of whole matrices that are tensors of their own."""
    whole = [group for group in groups if all(len(one.titles) == len(one.tensors) == 1 for one in group.sources)]
    sides = Counter(size for group in whole for size in group.shape)
    for below in whole:
        for above in whole:
            units = below.shape[0]
            if above is below or above.shape[1] != units or sides[units] != 2 or below.members < FEWEST:
                continue
            if above.shape[0] == below.shape[1] and sides[above.shape[0]] == 2:
                continue  # either side may be the hidden one
            own = {_place(source): source for source in above.sources}
            places = [_place(source) for source in below.sources]
            if len(own) == len(above.sources) == len(places) and set(own) == set(places):
                yield Link(below, above._replace(sources=tuple(own[place] for place in places)))


def study_units(link: Link) -> UnitStudy | None:
    """Study what connects both sides of hidden units, one member in memory at a time; None if too few are finite.

    Sums and squares of the incoming and outgoing weights of each unit, and the second moments and cumulants of the
    chain of both matrices, whose law does not change when units are renumbered.
    """
    symmetry = chain_of([np.broadcast_to(0.0, group.shape) for group in link])
    found = networks_in_parts(zip(link.below.stacks(), link.above.stacks(), strict=True), symmetry, FEWEST)
    return None if found is None else UnitStudy(link, study_networks(*found))


def _place(source: Source) -> tuple[str, ...]:
    """Where a matrix is: its file, if there are several, and the numbers in its name."""
    file, _, name = source.titles[0].rpartition(": ")
    return (file, *INDEX.findall(name))
