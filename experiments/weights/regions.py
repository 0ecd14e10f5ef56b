"""Arrays that lie in a file as plain numbers: checked against the file first, mapped into memory when asked for."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple, NoReturn

import numpy as np

from analysis.weights.tensors import Tensor
from experiments.errors import UserError

ARRAY = "array"  # the name of one that has none
OTHER = ("opt_state", "optimizer")
"""What a training state has besides the weights."""
LONGEST = 500  # letters of a name: long ones, repeated for many arrays, would fill the memory
DIMENSIONS = 64  # the most that NumPy has


class Region(NamedTuple):
    """Where an array lies in a file."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    kind: str
    """What the format calls the type."""
    offset: int
    """In bytes from the start of the file."""
    order: Literal["C", "F"] = "C"

    @property
    def nbytes(self) -> int:
        """How many bytes it takes; in Python's integers, which do not overflow."""
        return math.prod(self.shape) * self.dtype.itemsize


def tensors_at(path: Path, places: Sequence[Region | Tensor]) -> tuple[Tensor, ...]:
    """The arrays at these places of a file, in order; those that cannot be mapped are passed on.

    Raises:
        ValueError: two of one name, an impossible shape, or places that overlap or reach beyond the file.
    """
    refuse_repeated(place.name for place in places)
    size = path.stat().st_size
    for place in places:
        refuse_shape(place.name, place.shape)
        if isinstance(place, Region) and not 0 <= place.offset <= place.offset + place.nbytes <= size:
            raise ValueError(
                f"it claims that {place.name[:80]!r} of shape {place.shape} takes the bytes from {place.offset} to "
                f"{place.offset + place.nbytes}, and it has {size} bytes"
            )
    refuse_overlap((place.name, place.offset, place.nbytes) for place in places if isinstance(place, Region))
    return tuple(_tensor(path, place) if isinstance(place, Region) else place for place in places)


def _tensor(path: Path, region: Region) -> Tensor:
    return Tensor(region.name, region.shape, region.kind, partial(mapped, path, region))


def mapped(path: Path, region: Region) -> np.ndarray:
    """The array at a place of a file; its pages are read as they are used, and given up with the array."""
    if not region.nbytes:  # nothing can be mapped
        return np.zeros(region.shape, region.dtype)
    return np.asarray(np.memmap(path, region.dtype, "r", region.offset, region.shape, region.order))


def unreadable(name: str, shape: tuple[int, ...], kind: str, reason: str) -> Tensor:
    """An array that can be listed only; reading it raises the reason as a `UserError`."""

    def read() -> NoReturn:
        raise UserError(f"{name} cannot be read: {reason}")

    return Tensor(name, shape, kind, read, reason)


def refuse_repeated(names: Iterable[str]) -> None:
    """Raise a `ValueError` if two names are the same."""
    name, count = next(iter(Counter(names).most_common(1)), ("", 0))
    if count > 1:
        raise ValueError(f"it holds {name[:80]!r} {count} times")


def refuse_shape(name: str, shape: Sequence[object]) -> None:
    """Raise a `ValueError` unless the sizes are whole numbers, from 0 on."""
    if len(shape) > DIMENSIONS or any(type(size) is not int or size < 0 for size in shape):
        raise ValueError(f"it claims an impossible shape of {name[:80]!r}")


def refuse_overlap(pieces: Iterable[tuple[str, int, int]]) -> None:
    """Raise a `ValueError` if two pieces (name, offset, size) of a file share a byte."""
    inner = sorted((offset, size, name) for name, offset, size in pieces if size)
    for (before, size, name), (offset, _, after) in pairwise(inner):
        if before + size > offset:
            raise ValueError(f"it claims that {name[:80]!r} and {after[:80]!r} lie in the same place")
