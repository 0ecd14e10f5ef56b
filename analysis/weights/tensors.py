"""The named arrays of a model, each read only when it is asked for."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np

Orientation = Literal["out_in", "in_out"]
"""Whether the rows of a weight matrix are outputs (PyTorch), or inputs (Flax, Keras)."""


class Tensor(NamedTuple):
    """One array, by name, of which only the description is in memory."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    """As its format calls it."""
    read: Callable[[], np.ndarray]
    """The numbers, in the type of the file or one that holds them exactly; a view of a mapped file where possible."""
    unreadable: str = ""
    """Why the numbers cannot be had, such as a format that packs them; then `read` raises an error that says so."""


def sized(shape: Sequence[int]) -> str:
    """A shape in words, such as "3 x 4"; empty for a single number."""
    return " x ".join(map(str, shape))


class Weights(NamedTuple):
    """The arrays of one model, file or checkpoint."""

    title: str
    """What a person calls it: the name of a file or folder."""
    tensors: tuple[Tensor, ...]
    orientation: Orientation
    """Of the matrices, as the format has it by habit."""
