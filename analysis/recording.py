"""What was recorded of an ensemble during training, as the analysis takes it."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from analysis.model.singular_values import SpectralValues
from analysis.symmetry import Chain, Symmetry


class Training(NamedTuple):
    """How the members learned: losses in nats, accuracy as a fraction, at E epochs."""

    train_loss: Float[np.ndarray, "N E"]
    test_loss: Float[np.ndarray, "N E"]
    test_accuracy: Float[np.ndarray, "N E"]
    finite: Bool[np.ndarray, "N E"]
    """Whether the weights, and the losses, of a member are finite."""


class Recording(NamedTuple):
    """What was recorded of N members at E epochs and L layers under one kind of symmetry."""

    members: Int[np.ndarray, "N"]
    """Numbers of the members."""
    epochs: Int[np.ndarray, "E"]
    layers: tuple[str, ...]
    symmetries: tuple[Symmetry, ...]
    """Of each layer, with its size; all of one kind."""
    invariants: Float[np.ndarray, "N E L graphs"]
    """Of the graphs that the symmetry fits and predicts, in this order."""
    block_moments: Float[np.ndarray, "N E L moments"]
    finite: Bool[np.ndarray, "N E"]
    training: Training | None = None
    every: Float[np.ndarray, "N E L every"] | None = None
    """Of all graphs of degree 1 to 4, for the cumulants, where they were recorded besides."""


class LayersRecording(NamedTuple):
    """What was recorded of the connections between the layers of N networks at E epochs."""

    epochs: Int[np.ndarray, "E"]
    symmetry: Chain
    factors: Float[np.ndarray, "N E factors"]
    """Invariants of `symmetry.recorded`."""
    block_moments: Float[np.ndarray, "N E moments"]
    unit_sums: Float[np.ndarray, "N E units 4"] | None
    """Of each hidden unit mean and mean square of its incoming and of its outgoing weights, layer after layer; None
    where there were too many of them to record."""
    finite: Bool[np.ndarray, "N E"]


class SpectraRecording(NamedTuple):
    """The singular values of the weight matrices of N members at some epochs."""

    positions: list[int]
    """Of these epochs among all that were recorded."""
    layers: tuple[str, ...]
    values: tuple[SpectralValues, ...]
    """Of each layer, [N, positions, ...]."""


def included_networks(recording: LayersRecording) -> Bool[np.ndarray, "N E"]:
    """Which networks enter the statistics: those finite at this and all earlier epochs."""
    return _finite_so_far(recording.finite, recording.factors, recording.block_moments)


def included(recording: Recording) -> Bool[np.ndarray, "N E L"]:
    """Which members enter the statistics: those finite, in weights and invariants, at this and all earlier epochs."""
    return _finite_so_far(recording.finite[:, :, None], recording.invariants, recording.block_moments)


def _finite_so_far(
    finite: Bool[np.ndarray, "N E *#L"], *values: Float[np.ndarray, "N E *L _"]
) -> Bool[np.ndarray, "N E *L"]:
    """Whether all numbers are finite at this and all earlier epochs."""
    return np.logical_and.accumulate(np.all([finite & np.isfinite(v).all(axis=-1) for v in values], axis=0), axis=1)


def finite_values(training: Training, values: Float[np.ndarray, "N E"], epoch: int) -> Float[np.ndarray, "finite"]:
    """Values of the members that have not diverged at one epoch (by position); empty where nothing was recorded."""
    column = values[:, epoch]
    return column[training.finite[:, epoch] & np.isfinite(column)]


def member_quantiles(training: Training, values: Float[np.ndarray, "N E"]) -> Float[np.ndarray, "3 E"]:
    """Quantiles 5 %, 50 % and 95 % at each epoch over the members that have not diverged; NaN where there are none."""
    columns = [finite_values(training, values, epoch) for epoch in range(values.shape[1])]
    quantiles = [np.quantile(column, (0.05, 0.5, 0.95)) if column.size else np.full(3, np.nan) for column in columns]
    return np.stack(quantiles, axis=1)
