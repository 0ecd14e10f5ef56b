"""What the weights say about the network: its test loss predicted from the invariants of its matrices."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from analysis.inference.held_out import Score, held_out_errors, score
from analysis.model.status import OK
from analysis.recording import Recording, included

FEWEST = 30
"""Members needed: 24 are then fitted, and 6 predicted."""
VANISHED = 1e-12
"""Block energies are not taken for smaller than this part of their mean."""
COORDINATES, ENERGIES, BLOCKS, INVARIANTS, ALL = "coordinates", "energies", "blocks", "invariants", "all"
"""The sets of features; blocks are coordinates and energies."""


class Prediction(NamedTuple):
    """How well the weights at one epoch tell the test loss at that epoch."""

    epoch: int
    members: int
    """That enter: those that have not diverged."""
    excluded: int
    scores: Mapping[str, Score]
    """By set of features; empty where nothing could be predicted."""
    layers: tuple[str, ...]
    blocks: tuple[str, ...]
    importance: Float[np.ndarray, "L blocks"]
    """What R^2 of the set `BLOCKS` loses when one block of one layer is shuffled among the members predicted."""
    importance_se: Float[np.ndarray, "L blocks"]
    status: str
    """"ok", or why nothing was predicted, and what to do."""


class Features(NamedTuple):
    """What is predicted from: one column for each feature, with the block that it belongs to, counted over layers."""

    values: Float[np.ndarray, "N features"]
    block: Int[np.ndarray, "features"]
    """-1 for invariants, which mix the blocks."""


def predict_loss(recording: Recording, epoch: int, seed: int = 0) -> Prediction:
    """Predict test losses, and their ranks among the members, from all matrices at the same epoch: R^2 of each set.

    R^2 = 1 - <(y - yhat)^2> / <(y - <y>)^2> over members, each predicted by the others: see `held_out.score`.

    Args:
        recording: what was recorded of N members; those that diverged are left out and counted.
        epoch: its position.
        seed: of the folds and of the shuffles.
    """
    training, used = recording.training, np.asarray(included(recording)[:, epoch].all(axis=-1))
    if training is None:
        return _absent(recording, epoch, used, "nothing was trained, so that there is no test loss: give a run")
    used = np.asarray(used & training.finite[:, epoch] & np.isfinite(training.test_loss[:, epoch]))
    loss = training.test_loss[used, epoch]
    if len(loss) < FEWEST:
        cause = f"{len(loss)} members have not diverged: train {FEWEST} or more to predict their loss"
        return _absent(recording, epoch, used, cause)
    if np.ptp(loss) == 0:
        return _absent(recording, epoch, used, "all members have the same test loss: there is nothing to predict")
    absent, sets = _absent(recording, epoch, used, OK), feature_sets(recording, epoch, used)
    shape = absent.importance.shape
    errors = {
        name: held_out_errors(features.values, loss, features.block, absent.importance.size, seed)
        for name, features in sets.items()
    }
    value, se = errors[BLOCKS].importance
    return absent._replace(
        scores={name: score(errors[name], features.values.shape[1], loss) for name, features in sets.items()},
        importance=value.reshape(shape),
        importance_se=se.reshape(shape),
    )


def feature_sets(recording: Recording, epoch: int, used: Bool[np.ndarray, "N"]) -> dict[str, Features]:
    """The features of the chosen members at one epoch, by set.

    With <> over members, coordinates are those x of the trivial block; energies are log(1 + x^2/<x^2>) of these and
    log(h.h) of the coordinates h of each copy of every other block; invariants, all of one dimension, are
    sign(I) |I|^(1/degree).
    """
    coordinates, energies, invariants = [], [], []
    for layer, symmetry in enumerate(recording.symmetries):
        trivial, *others = symmetry.blocks
        first = layer * len(symmetry.blocks)
        x, products = np.split(recording.block_moments[used, epoch, layer], [trivial.slots], axis=-1)
        coordinates.append(Features(x, np.full(trivial.slots, first)))
        energies.append(Features(np.log1p(_relative(x**2)), np.full(trivial.slots, first)))
        start = 0
        for number, block in enumerate(others, first + 1):
            copies = np.arange(block.slots)
            # Before the k-th square in a triangle, row by row, stand n + (n-1) + ... + (n-k+1) others.
            squares = products[:, start + copies * block.slots - copies * (copies - 1) // 2]
            start += block.entries
            energies.append(Features(np.log(_relative(squares) + VANISHED), np.full(block.slots, number)))
        degrees = np.array([graph.degree for graph in symmetry.observed])
        values = recording.invariants[used, epoch, layer]
        roots = np.sign(values) * np.abs(values) ** (1 / degrees)
        invariants.append(Features(roots, np.full(len(degrees), -1)))
    return {
        COORDINATES: _joined(coordinates),
        ENERGIES: _joined(energies),
        BLOCKS: _joined([*coordinates, *energies]),
        INVARIANTS: _joined(invariants),
        ALL: _joined([*coordinates, *energies, *invariants]),
    }


def _relative(energies: Float[np.ndarray, "N copies"]) -> Float[np.ndarray, "N copies"]:
    """Over their means; 0 where all are."""
    mean = energies.mean(axis=0)
    return energies / np.where(mean > 0, mean, 1.0)


def _joined(parts: list[Features]) -> Features:
    return Features(*(np.concatenate(columns, axis=-1) for columns in zip(*parts, strict=True)))


def _absent(recording: Recording, epoch: int, used: Bool[np.ndarray, "N"], status: str) -> Prediction:
    blocks = tuple(block.name for block in recording.symmetries[0].blocks)
    unknown = np.full((len(recording.layers), len(blocks)), np.nan)
    return Prediction(
        epoch=int(recording.epochs[epoch]),
        members=int(used.sum()),
        excluded=int((~used).sum()),
        scores={},
        layers=recording.layers,
        blocks=blocks,
        importance=unknown,
        importance_se=unknown,
        status=status,
    )
