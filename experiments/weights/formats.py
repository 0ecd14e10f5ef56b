"""Which format a file has, told by its first bytes, never by its name."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from analysis.weights.tensors import Weights
from experiments.errors import UserError
from experiments.weights import numpy_files, safetensors_file, shards
from experiments.weights.guards import opened

HEAD = 512  # bytes that are looked at
KNOWN = ".npy, .npz, .safetensors"


class Format(NamedTuple):
    """A kind of file."""

    title: str
    recognised: Callable[[bytes], bool]
    """By its first bytes."""
    open: Callable[[Path], Weights]
    again: str
    """How to write a damaged one anew."""


def format_of(path: Path) -> Format | None:
    """The format of a file, or None if it is none that weights come in."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    return next((known for known in FORMATS if known.recognised(head)), None)


def open_file(path: Path) -> Weights:
    """The arrays of one file.

    Raises:
        UserError: it is no file of weights, or damaged or hostile.
    """
    found = format_of(path)
    if found is None:
        raise UserError(f"{path} is not a readable file of weights, which are one of {KNOWN}")
    return opened(path, found.title, found.again, found.open)


def _open_zip(path: Path) -> Weights:
    with zipfile.ZipFile(path) as archive:
        return numpy_files.open_npz(path, archive)


def _open_index(path: Path) -> Weights:
    return shards.open_shards(path, _open_shard)


def _open_shard(path: Path) -> Weights:
    found = format_of(path)
    if found is None or found.open is _open_index:  # an index of indices could go round in circles
        raise ValueError(f"{path.name!r} is no file of weights")
    return open_file(path)


FORMATS = (
    Format(
        "NumPy file", lambda head: head.startswith(b"\x93NUMPY"), numpy_files.open_npy, "save it anew with numpy.save"
    ),
    Format(
        "zip archive", lambda head: head.startswith(b"PK"), _open_zip, "save it anew with numpy.savez or torch.save"
    ),
    Format("index", lambda head: head.startswith(b"{") and b"\0" not in head[:8], _open_index, "fetch it anew"),
    Format("safetensors file", lambda head: head[8:9] == b"{", safetensors_file.open_safetensors, "fetch it anew"),
)
