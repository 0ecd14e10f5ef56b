"""Several recordings side by side, and each two of them compared at every epoch and layer that both have."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from analysis.contrast import Contrast, Difference, Ensemble, contrast_ensembles, mean_difference, no_contrast
from analysis.inference.multiplicity import hierarchical
from analysis.recording import Recording, included
from analysis.statistics import Statistics
from analysis.symmetry import Symmetry


class Between(NamedTuple):
    """How two ensembles differ at E common epochs and L common layers, second minus first; NaN where none is left."""

    epochs: Int[np.ndarray, "E"]
    layers: tuple[str, ...]
    symmetries: tuple[Symmetry, ...]
    paired: bool
    """Whether equal members of both were taken together."""
    members: Int[np.ndarray, "E L 2"]
    """Members of each that enter."""
    w2: Float[np.ndarray, "E L"]
    """2-Wasserstein distance between the fitted laws."""
    w2_se: Float[np.ndarray, "E L"]
    w2_null: Float[np.ndarray, "E L"]
    """Its mean when members are assigned to the two at random."""
    w2_p: Float[np.ndarray, "E L"]
    """p-value of that test."""
    w2_squared_parts: Float[np.ndarray, "E L parts"]
    kl: Float[np.ndarray, "E L"]
    """Kullback-Leibler divergence of the second law from the first, in nats."""
    kl_se: Float[np.ndarray, "E L"]
    kl_null: Float[np.ndarray, "E L"]
    """Its mean when members are assigned to the two at random."""
    invariants: Difference
    """Of the mean invariants [E, L, graphs]."""
    q: Float[np.ndarray, "E L graphs"]
    """Their p-values adjusted for the false-discovery rate within each epoch and layer that is found to differ."""
    accuracy: Difference
    """Of the mean test accuracies [E]; NaN without training."""
    loss: Difference
    """Of the mean test losses [E]; likewise."""
    trained: Int[np.ndarray, "E 2"]
    """Members of each that enter these two: those that have diverged in no layer; 0 without training."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the invariants."""
        return self.symmetries[0].observed_names

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts of a squared distance."""
        return self.symmetries[0].part_names


class SideBySide(NamedTuple):
    """Several runs by name, and how each two of them differ where they have layers of one name and size."""

    runs: Mapping[str, Statistics]
    pairs: Mapping[tuple[str, str], Between]


class Side(NamedTuple):
    """What one of the two runs has recorded, of N members, at the common E epochs and L layers."""

    invariants: Float[np.ndarray, "N E L graphs"]
    block_moments: Float[np.ndarray, "N E L moments"]
    used: Bool[np.ndarray, "N E L"]
    training: Float[np.ndarray, "2 N E"]
    """Test accuracy and test loss; NaN without training."""

    @property
    def trained(self) -> Bool[np.ndarray, "N E"]:
        """Which members enter the statistics of every layer, and have a finite loss."""
        return np.asarray(self.used.all(axis=-1) & np.isfinite(self.training).all(axis=0))


def contrast_recordings(first: Recording, second: Recording, *, paired: bool = False) -> Between | None:
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
        used, trained = one.used & other.used, one.trained & other.trained
        one, other = (
            side._replace(used=used, training=np.where(trained, side.training, np.nan)) for side in (one, other)
        )
    cells = [
        [_contrast(one, other, (e, i), symmetry, paired=paired) for i, (_, symmetry) in enumerate(layers)]
        for e in range(len(epochs))
    ]
    names = ("w2", "w2_se", "w2_null", "w2_p", "w2_squared_parts", "kl", "kl_se", "kl_null", "invariants")
    stacked = {name: np.array([[getattr(cell, name) for cell in row] for row in cells]) for name in names}
    invariants = Difference._make(np.moveaxis(stacked.pop("invariants"), 2, 0))
    stacked["q"] = hierarchical(invariants.p)
    training = np.array([_trained(one, other, e, paired=paired) for e in range(len(epochs))])
    accuracy, loss = (Difference._make(training[:, :, k].T) for k in range(2))
    return Between(
        epochs=epochs,
        layers=tuple(name for name, _ in layers),
        symmetries=tuple(symmetry for _, symmetry in layers),
        paired=paired,
        members=np.stack([side.used.sum(axis=0) for side in (one, other)], axis=-1),
        invariants=invariants,
        accuracy=accuracy,
        loss=loss,
        trained=np.stack([side.trained.sum(axis=0) for side in (one, other)], axis=-1),
        **stacked,
    )


def _sized_layers(recording: Recording) -> list[tuple[str, Symmetry]]:
    return list(zip(recording.layers, recording.symmetries, strict=True))


def _side(
    recording: Recording, rows: Int[np.ndarray, "N"], epochs: Int[np.ndarray, "E"], layers: list[tuple[str, Symmetry]]
) -> Side:
    """The chosen members, epochs and layers; who enters the statistics depends on the epochs that are left out, too."""
    e = np.searchsorted(recording.epochs, epochs)
    at = np.ix_(rows, e, np.array([_sized_layers(recording).index(layer) for layer in layers]))
    training = recording.training
    absent = np.full((2, *recording.finite.shape), np.nan)
    trained = absent if training is None else np.stack([training.test_accuracy, training.test_loss])
    return Side(
        recording.invariants[at],
        recording.block_moments[at],
        included(recording)[at],
        trained[:, rows][:, :, e],
    )


def _contrast(one: Side, other: Side, at: tuple[int, int], symmetry: Symmetry, *, paired: bool) -> Contrast:
    """One epoch and layer."""
    first, second = _ensemble(one, at), _ensemble(other, at)
    members = len(first.invariants), len(second.invariants)
    return (
        contrast_ensembles(first, second, symmetry, paired=paired) if all(members) else no_contrast(symmetry, members)
    )


def _ensemble(side: Side, at: tuple[int, int]) -> Ensemble:
    used = side.used[:, *at]
    return Ensemble(side.invariants[:, *at][used], side.block_moments[:, *at][used])


def _trained(one: Side, other: Side, epoch: int, *, paired: bool) -> Difference:
    """Differences [2] of mean test accuracy and mean test loss."""
    first, second = (side.training[:, side.trained[:, epoch], epoch].T for side in (one, other))
    if not (len(first) and len(second)):
        return Difference._make([np.full(2, np.nan)] * len(Difference._fields))
    return mean_difference(first, second, paired=paired)
