"""Training an ensemble, chunk after chunk of members."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Int, PyTree

from ensemble.config import TrainConfig
from ensemble.continuing import Trained
from ensemble.data import Dataset
from ensemble.examine import Examine
from ensemble.footprint import ran_out_of_memory
from ensemble.snapshot import Snapshot
from ensemble.step import Observe, Record
from ensemble.trainer import Initial, Trainer, drawn, nothing


class TrainResult(NamedTuple):
    """What came of an ensemble's training."""

    members: Int[np.ndarray, " member"]
    """Number of each member that was trained: its keys derive from it and the seed."""
    record: Record
    """Of these members, axes [member, epoch, ...], epoch 0 before any step; of what was examined [member, end, ...]."""


class Moment(NamedTuple):
    """Handed to `on_epoch` after every epoch of every chunk."""

    done: int
    """Network-epochs finished."""
    total: int
    """Network-epochs of the whole training; not counting those that members had before."""
    epoch: int
    """Epochs that the members of the chunk have finished."""
    snapshot: Callable[[], Snapshot]
    """Fetches everything from the devices; call it only to save."""


OnEpoch = Callable[[Moment], None]


def unobserved(moment: Moment) -> None:
    """Neither report nor save."""


def train(
    config: TrainConfig,
    data: Dataset,
    observe: Observe = nothing,
    *,
    members: Int[np.ndarray, " member"] | None = None,
    devices: int | None = None,
    chunk: int | None = None,
    resume: Snapshot | None = None,
    on_epoch: OnEpoch = unobserved,
    initial: Initial = drawn,
    say: Callable[[str], None] = print,
    examine: Examine = nothing,
    after: Trained | None = None,
) -> TrainResult:
    """Train an ensemble and record every member before training and after every epoch.

    Where memory runs out all the same, the chunk is halved, and begins anew; what is recorded of those before it stays.

    Example:
        >>> result = train(TrainConfig(members=10, epochs=2), load("sample"), lambda weights: weights[1])
        >>> result.record.observed.shape  # of each member before training and after each epoch: W_2, [out, in]
        (10, 3, 10, 10)

    Args:
        config: the settings.
        data: the images; they stay on the device as bytes.
        observe: what to record besides losses and accuracy, a function of one member's weights (tuple of [out, in]),
            hashable, compiled into the training program.
        members: numbers of the members to train (default: 0..config.members-1); each is the same whichever others
            are trained.
        devices: how many local devices to spread the members over (default: all).
        chunk: members trained at once, a multiple of the devices, where `plan_memory` has been asked already (default:
            it is asked here).
        resume: go on from this snapshot of the same training.
        on_epoch: called after every epoch of every chunk, to report or to save; it may raise to stop.
        initial: initial kernels by the position of their layer, counted from 0, as [member, out, in] for the given
            numbers of members, in place of those drawn by the law of the configuration; a member's must not depend on
            which others are asked for.
        say: called with a message when the chunk was halved.
        examine: what to compute on the host of each weight matrix before training and after it.
        after: what these members have learned in fewer epochs, which are left blank in the record.

    Raises:
        ValueError: the training set is smaller than one batch.
        DoesNotFit: not one member fits into the memory of a device, or not the chunk that was asked for.
        SnapshotError: `resume` or `after` is not of this training.
    """
    refuse_large_batch(config, data)
    numbers = np.arange(config.members) if members is None else members
    trainer = Trainer(config, data, observe, devices, initial, len(numbers), chunk, examine, after)
    record = trainer.allocate(resume)
    start, saved = (resume.start, trainer.usable(resume)) if resume else (0, None)
    while start < len(numbers):
        part = numbers[start : start + trainer.chunk]
        try:
            _train_chunk(trainer, part, record, start, saved, on_epoch)
        except jax.errors.JaxRuntimeError as error:
            if not ran_out_of_memory(error):
                raise
            say(f"{trainer.halve()}, going on from member {part[0]}")
        else:
            start += len(part)
        saved = None
    return TrainResult(numbers, record)


def refuse_large_batch(config: TrainConfig, data: Dataset) -> None:
    """Refuse to train where one batch would need more images than there are.

    Raises:
        ValueError: says so.
    """
    count = len(data.train_images)
    if config.batch_size > count:
        raise ValueError(
            f"batch_size is {config.batch_size}, but {data.name} has {count} training images: give at most {count} "
            "(a last incomplete batch of an epoch is dropped)"
        )


def _train_chunk(
    trainer: Trainer, chunk: np.ndarray, record: Record, start: int, saved: Snapshot | None, on_epoch: OnEpoch
) -> None:
    """Train one chunk; its state leaves the devices with this function, so that the next chunk has all their memory."""
    had, stop = trainer.after.epochs if trainer.after else 0, start + trainer.chunk
    epochs = trainer.config.epochs - had
    rows = jax.tree.map(lambda whole: whole[start:stop], record)
    kept = jax.tree.map(lambda whole: whole[:stop], record)
    saved = saved or trainer.beginning(start)
    for finished, fetch in trainer.run(chunk, rows, *(saved.state, saved.epoch) if saved else (None, 0)):
        done = start * epochs + len(chunk) * (finished - had)
        on_epoch(Moment(done, trainer.members * epochs, finished, _Deferred(start, finished, fetch, kept)))


class _Deferred(NamedTuple):
    """A snapshot that is taken when called."""

    start: int
    epoch: int
    fetch: Callable[[], PyTree]
    record: Record

    def __call__(self) -> Snapshot:
        return Snapshot(self.start, self.epoch, self.fetch(), self.record)
