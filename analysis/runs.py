"""Two runs compared at every epoch and layer that both have recorded."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from analysis.contrast import Contrast, Difference, Ensemble, contrast, mean_difference
from analysis.false_discovery import benjamini_hochberg
from analysis.pipeline import Recording, included
from analysis.plain import by_name, numbers
from analysis.trajectories import PARTS, SCHEMA, Trajectories
from invariants import NAMES


class Between(NamedTuple):
    """How two runs differ at E common epochs and L common layers, second minus first; NaN where no member is left.

    `members` counts those of each run that enter, `paired` says whether equal members of both were taken together.
    `w2` is the 2-Wasserstein distance between the fitted models, `w2_null` its mean when members are assigned to the
    runs at random and `w2_p` the p-value of that test. `invariants` are the differences of the means of I1..I52,
    [E, L, 52], and `q` their p-values adjusted for the false-discovery rate; `accuracy` is the difference of the mean
    test accuracies, [E].
    """

    epochs: Int[np.ndarray, "E"]
    layers: tuple[str, ...]
    dims: tuple[int, ...]
    paired: bool
    members: Int[np.ndarray, "E L 2"]
    w2: Float[np.ndarray, "E L"]
    w2_se: Float[np.ndarray, "E L"]
    w2_null: Float[np.ndarray, "E L"]
    w2_p: Float[np.ndarray, "E L"]
    w2_squared_parts: Float[np.ndarray, "E L 5"]
    invariants: Difference
    q: Float[np.ndarray, "E L 52"]
    accuracy: Difference


class SideBySide(NamedTuple):
    """Several runs by name, and how each two of them differ where they have layers of one name and size."""

    runs: Mapping[str, Trajectories]
    pairs: Mapping[tuple[str, str], Between]


class Side(NamedTuple):
    """What one of the two runs has recorded, of N members, at the common E epochs and L layers."""

    invariants: Float[np.ndarray, "N E L 52"]
    block_moments: Float[np.ndarray, "N E L 10"]
    used: Bool[np.ndarray, "N E L"]
    test_accuracy: Float[np.ndarray, "N E"]


def contrast_runs(first: Recording, second: Recording, *, paired: bool = False) -> Between | None:
    """Compare the layers that have the same name and size in both runs; None where there is none, or no common epoch.

    Args:
        first: what was recorded of one.
        second: and of the other.
        paired: members of the same number share their randomness, as in runs of the same seed; those that both runs
            have are then compared in pairs, and runs that have none in common as if they were independent.
    """
    epochs = np.intersect1d(first.epochs, second.epochs)
    layers = [layer for layer in _sized_layers(first) if layer in _sized_layers(second)]
    if not layers or not len(epochs):
        return None
    common, *rows = np.intersect1d(first.members, second.members, return_indices=True)
    paired = paired and len(common) > 0
    if not paired:
        rows = [np.arange(len(first.members)), np.arange(len(second.members))]
    one, other = _side(first, rows[0], epochs, layers), _side(second, rows[1], epochs, layers)
    if paired:
        both = one.used & other.used
        one, other = one._replace(used=both), other._replace(used=both)
    cells = [
        [_contrast(one, other, (e, i), dim, paired=paired) for i, (_, dim) in enumerate(layers)]
        for e in range(len(epochs))
    ]
    stacked = {name: np.array([[getattr(cell, name) for cell in row] for row in cells]) for name in Contrast._fields}
    invariants = Difference._make(np.moveaxis(stacked.pop("invariants"), 2, 0))
    return Between(
        epochs=epochs,
        layers=tuple(name for name, _ in layers),
        dims=tuple(dim for _, dim in layers),
        paired=paired,
        members=np.stack([side.used.sum(axis=0) for side in (one, other)], axis=-1),
        invariants=invariants,
        q=benjamini_hochberg(invariants.p),
        accuracy=Difference._make(np.array([_accuracy(one, other, e, paired=paired) for e in range(len(epochs))]).T),
        **stacked,
    )


def _sized_layers(recording: Recording) -> list[tuple[str, int]]:
    return list(zip(recording.layers, recording.dims, strict=True))


def _side(
    recording: Recording, rows: Int[np.ndarray, "N"], epochs: Int[np.ndarray, "E"], layers: list[tuple[str, int]]
) -> Side:
    """The chosen members, epochs and layers; who enters the statistics depends on the epochs that are left out, too."""
    e = np.searchsorted(recording.epochs, epochs)
    at = np.ix_(rows, e, np.array([_sized_layers(recording).index(layer) for layer in layers]))
    return Side(
        recording.invariants[at],
        recording.block_moments[at],
        included(recording)[at],
        recording.test_accuracy[np.ix_(rows, e)],
    )


def _contrast(one: Side, other: Side, at: tuple[int, int], dim: int, *, paired: bool) -> Contrast:
    """One epoch and layer."""
    first, second = _ensemble(one, at), _ensemble(other, at)
    if not (len(first.invariants) and len(second.invariants)):
        return Contrast(
            w2=np.nan,
            w2_se=np.nan,
            w2_null=np.nan,
            w2_p=np.nan,
            w2_squared_parts=np.full(len(PARTS), np.nan),
            invariants=Difference._make([np.full(len(NAMES), np.nan)] * len(Difference._fields)),
        )
    return contrast(first, second, dim, paired=paired)


def _ensemble(side: Side, at: tuple[int, int]) -> Ensemble:
    used = side.used[:, *at]
    return Ensemble(side.invariants[:, *at][used], side.block_moments[:, *at][used])


def _accuracy(one: Side, other: Side, epoch: int, *, paired: bool) -> Difference:
    """Difference of the mean test accuracies over the members that enter the statistics of every layer."""
    first, second = (side.test_accuracy[:, epoch][side.used[:, epoch].all(axis=-1)] for side in (one, other))
    if not (len(first) and len(second)):
        return Difference._make([np.array(np.nan)] * len(Difference._fields))
    return mean_difference(first, second, paired=paired)


def accuracy_to_json(between: Between, epoch: int) -> dict:
    """The difference of the mean test accuracies at one epoch by position; NaN becomes null."""
    value, se, _, z, p = (float(column[epoch]) for column in between.accuracy)
    return numbers(difference=value, se=se, z=z, p=p)


def to_json_entry(between: Between, epoch: int, layer: int) -> dict:
    """What differs at one epoch and layer by position, second minus first; NaN becomes null."""
    b, at = between, (epoch, layer)
    return {
        "schema": SCHEMA,
        "epoch": int(b.epochs[epoch]),
        "layer": b.layers[layer],
        "dim": b.dims[layer],
        "members": b.members[at].tolist(),
        "paired": b.paired,
        "invariants": by_name(
            NAMES,
            difference=b.invariants.value[at],
            se=b.invariants.se[at],
            effect=b.invariants.effect[at],
            z=b.invariants.z[at],
            q=b.q[at],
        ),
        "wasserstein": {
            "between": numbers(w2=b.w2[at], w2_squared=b.w2[at] ** 2, se=b.w2_se[at], null=b.w2_null[at], p=b.w2_p[at]),
            "squared_parts": numbers(**dict(zip(PARTS, b.w2_squared_parts[at], strict=True))),
        },
    }
