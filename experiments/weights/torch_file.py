"""Dictionaries of tensors that torch.save wrote: a zip archive of a description and of files of numbers, mapped."""

import math
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from analysis.weights.tensors import Tensor, Weights
from experiments.errors import UserError
from experiments.weights.archives import Piece, pieces_of
from experiments.weights.regions import ARRAY, DIMENSIONS, LONGEST, Region, mapped, refuse_repeated
from experiments.weights.torch_pickle import LARGEST, Strided, described

DESCRIPTION = "data.pkl"
PARTS = ("state_dict", "model_state_dict", "model", "module", "net", "network")
"""Where a checkpoint has its weights, beside what is not of the model, such as the state of an optimiser."""

DEEPEST = 4  # parts within parts


def is_torch(archive: zipfile.ZipFile) -> bool:
    """Whether a zip archive was written by torch.save."""
    return any(name.rpartition("/")[2] == DESCRIPTION for name in archive.namelist())


def open_torch(path: Path) -> Weights:
    """The tensors of a state dictionary, or of a checkpoint that holds one.

    Raises:
        ValueError: it is damaged, or holds something else than plain values and tensors.
        UserError: it holds no tensors.
    """
    with zipfile.ZipFile(path) as archive:
        pieces = {piece.name: piece for piece in pieces_of(path, archive)}
        root = _root(pieces)
        if _small(archive, pieces, f"{root}byteorder", b"little") != b"little":
            raise ValueError("its numbers are not in little-endian order")
        content = _model(described(_small(archive, pieces, root + DESCRIPTION, b"")))
    found = list(_tensors(content, (), set()))
    if not found:
        raise UserError(f"{path} holds no tensors; save the model with torch.save(model.state_dict(), PATH)")
    refuse_repeated(name for name, _ in found)
    tensors = [_tensor(path, name, each, pieces.get(f"{root}data/{each.storage.key}")) for name, each in found]
    return Weights(path.name, tuple(tensors), "out_in")


def _root(pieces: Iterable[str]) -> str:
    """The folder in the archive that holds all."""
    roots = [name.removesuffix(DESCRIPTION) for name in pieces if name.rpartition("/")[2] == DESCRIPTION]
    if len(roots) > 1:
        raise ValueError(f"it holds {len(roots)} files {DESCRIPTION}")
    return roots[0]


def _small(archive: zipfile.ZipFile, pieces: Mapping[str, Piece], name: str, default: bytes) -> bytes:
    """The content of a file in the archive that is no storage."""
    if name not in pieces:
        return default
    if pieces[name].size > LARGEST:
        raise ValueError(f"{name!r} has more than {LARGEST} bytes")
    return archive.read(name)


def _model(content: Any) -> Any:
    """The part of a checkpoint that holds the weights."""
    for _ in range(DEEPEST):
        parts = [content[name] for name in PARTS if isinstance(content, dict) and isinstance(content.get(name), dict)]
        content = parts[0] if parts else content
    return content


def _tensors(content: Any, path: tuple[str, ...], entered: set[int]) -> Iterator[tuple[str, Strided]]:
    """All tensors with their names; each dictionary is entered once, and those within lists are left out."""
    if isinstance(content, Strided):
        name = ".".join(path) or ARRAY
        if len(name) > LONGEST:
            raise ValueError(f"a name in it has more than {LONGEST} letters")
        yield name, content
    elif isinstance(content, dict) and id(content) not in entered:
        entered.add(id(content))
        for name, value in content.items():
            yield from _tensors(value, (*path, str(name)), entered)


def _tensor(path: Path, name: str, tensor: Strided, piece: Piece | None) -> Tensor:
    """A tensor, whose entries must all lie in its storage, and be no more than that has."""
    if piece is None or piece.compressed:
        raise ValueError(f"the numbers of {name[:80]!r} are not in it as they are")
    entries = piece.size // tensor.dtype.itemsize
    claimed = tensor.storage.count * tensor.storage.dtype.itemsize
    last = tensor.offset + sum(stride * (size - 1) for size, stride in zip(tensor.shape, tensor.strides, strict=True))
    size = math.prod(tensor.shape)
    if claimed > piece.size or size > entries or (size and last >= entries) or len(tensor.shape) > DIMENSIONS:
        raise ValueError(f"{name[:80]!r} of shape {tensor.shape} claims more than the {piece.size} bytes it has")
    storage = Region(name, (piece.size,), np.dtype(np.uint8), "bytes", piece.offset)
    return Tensor(name, tensor.shape, tensor.dtype.name, partial(_read, path, storage, tensor))


def _read(path: Path, storage: Region, tensor: Strided) -> np.ndarray:
    if 0 in tensor.shape:
        return np.zeros(tensor.shape, tensor.dtype)
    width = tensor.dtype.itemsize
    strides = tuple(stride * width for stride in tensor.strides)
    return np.ndarray(tensor.shape, tensor.dtype, mapped(path, storage), tensor.offset * width, strides)
