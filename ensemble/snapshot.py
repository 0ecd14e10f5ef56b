"""What a training is resumed from."""

from typing import NamedTuple

from jaxtyping import PyTree


class SnapshotError(ValueError):
    """A snapshot that cannot be saved, found or resumed from; the message is one line."""


class Snapshot(NamedTuple):
    """All that is needed to go on after an interruption, as NumPy arrays; going on equals never having stopped."""

    start: int
    """Position of the first member of the chunk in training; those before it are finished."""
    epoch: int
    """Epochs that chunk has finished."""
    state: PyTree
    """State of that chunk."""
    record: PyTree
    """Recordings of the finished members and of that chunk, [member, epoch, ...]."""
