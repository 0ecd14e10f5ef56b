"""The networks of an ensemble as the tests of their layers see them: the matrices, or what was recorded of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.inference.conditional import ENTRIES, evaluated
from analysis.model.plugin import parameters_from_moments
from analysis.symmetry import Chain
from analysis.symmetry.chain import Matrices
from invariants import Graph, combine, compile_plan

MOST_UNITS = 128
"""Hidden units whose sums are recorded, at most: those of 128 are as many numbers as all the rest of a run."""


class UnitSums(NamedTuple):
    """Mean and mean square of the entries on both sides of each unit of a hidden layer."""

    below: Float[np.ndarray, "N h 2"]
    """Of the rows of W_l."""
    above: Float[np.ndarray, "N h 2"]
    """Of the columns of W_(l+1)."""


@dataclass(frozen=True)
class Networks:
    """N finite members of an ensemble of networks.

    Attributes:
        symmetry: the chain of their layers.
        moments: their `block_moments`.
        invariants: those of some graphs, [N, graphs].
        unit_sums: those of a hidden layer, or None where they are not known.
        joined_anew: from graphs, a number of draws and a seed, their invariants [chunk, N, graphs] in ensembles whose
            layers are each taken from the members in a random order; None where matrices are not known.
    """

    symmetry: Chain
    moments: Float[np.ndarray, "N moments"]
    invariants: Callable[[tuple[Graph, ...]], Float[np.ndarray, "N graphs"]]
    unit_sums: Callable[[int], UnitSums | None]
    joined_anew: Callable[[tuple[Graph, ...], int, int], Iterator[Float[np.ndarray, "chunk N graphs"]]] | None

    @cached_property
    def parameters(self) -> Float[np.ndarray, "parameters"]:
        """The plug-in parameters."""
        return parameters_from_moments(self.moments, self.symmetry)

    @property
    def members(self) -> int:
        """N."""
        return len(self.moments)


def given_networks(matrices: Matrices, symmetry: Chain) -> Networks:
    """Networks whose matrices [N, h_l, h_(l-1)] are at hand, all finite."""
    return Networks(
        symmetry,
        np.asarray(symmetry.block_moments(matrices)),
        lambda graphs: evaluated(graphs, matrices, symmetry),
        partial(unit_sums, matrices),
        partial(_joined_anew, matrices, symmetry),
    )


def recorded_networks(
    factors: Float[np.ndarray, "N factors"],
    moments: Float[np.ndarray, "N moments"],
    sums: Float[np.ndarray, "N units 4"] | None,
    symmetry: Chain,
) -> Networks:
    """Networks of which the invariants of `symmetry.recorded` were recorded, and perhaps the sums of their units.

    `sums` are those of all hidden layers, one after the other, below and above side by side.
    """
    position: dict[Graph, int] = {graph: k for k, graph in enumerate(symmetry.recorded)}

    def invariants(graphs: tuple[Graph, ...]) -> Float[np.ndarray, "N graphs"]:
        plan = compile_plan(graphs, symmetry.sizes)
        return combine(plan, factors[:, [position[factor] for factor in plan.factors]])

    def of_layer(layer: int) -> UnitSums | None:
        if sums is None:
            return None
        start = sum(symmetry.sizes[1:layer])
        below, above = np.split(sums[:, start : start + symmetry.sizes[layer]], 2, axis=2)
        return UnitSums(below, above)

    return Networks(symmetry, moments, invariants, of_layer, None)


def unit_sums(matrices: Matrices, layer: int) -> UnitSums:
    """The sums of a hidden layer of [*batch] networks; NumPy or JAX, in the precision of the matrices."""
    xp = matrices[0].__array_namespace__()
    sides = (matrices[layer - 1], xp.swapaxes(matrices[layer], -1, -2))
    return UnitSums(*(xp.stack([xp.mean(side, axis=-1), xp.mean(side**2, axis=-1)], axis=-1) for side in sides))


def _joined_anew(
    matrices: Matrices, symmetry: Chain, graphs: tuple[Graph, ...], draws: int, seed: int
) -> Iterator[Float[np.ndarray, "chunk N graphs"]]:
    rng, (first, *others) = np.random.default_rng(seed), matrices
    members = len(first)
    step = max(1, ENTRIES // (members * symmetry.size))
    for start in range(0, draws, step):
        count = min(step, draws - start)
        orders = (rng.permuted(np.tile(np.arange(members), (count, 1)), axis=1) for _ in others)
        moved = (stack[order] for stack, order in zip(others, orders, strict=True))
        yield evaluated(graphs, (np.broadcast_to(first, (count, *first.shape)), *moved), symmetry)
