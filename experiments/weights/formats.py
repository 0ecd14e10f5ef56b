"""Which format a file has, told by what it begins with, never by its name."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from analysis.weights.tensors import Weights
from experiments.errors import UserError
from experiments.weights import flax_file, keras_file, numpy_files, onnx_file, refused, torch_file
from experiments.weights.gguf_file import MAGIC, open_gguf
from experiments.weights.guards import opened
from experiments.weights.matrix_text import is_text, open_matrix
from experiments.weights.safetensors_file import open_safetensors
from experiments.weights.shards import open_shards

HEAD = 4096  # bytes that are looked at
KNOWN = ".npy, .npz, .safetensors, PyTorch, Keras, Flax, GGUF, ONNX or CSV"


class Format(NamedTuple):
    """A kind of file."""

    title: str
    recognised: Callable[[Path, bytes], bool]
    """By its first bytes, and the names of what is in an archive."""
    open: Callable[[Path], Weights]
    again: str
    """What to do if it is damaged."""


def format_of(path: Path) -> Format | None:
    """The format of a file, or None if it is none that weights come in."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    return next((known for known in FORMATS if known.recognised(path, head)), None)


def open_file(path: Path) -> Weights:
    """The arrays of one file.

    Raises:
        UserError: it is no file of weights, or damaged or hostile.
    """
    found = format_of(path)
    if found is None:
        raise UserError(f"{path} is not a readable file of weights, which are one of {KNOWN}")
    return opened(path, found.title, found.again, found.open)


def _open_shard(path: Path) -> Weights:
    if format_of(path) is INDEX:
        raise ValueError("it names another index, which could go round in circles")
    return open_file(path)


def _begins(start: bytes) -> Callable[[Path, bytes], bool]:
    return lambda path, head: head.startswith(start)


def _archive(holds: Callable[[zipfile.ZipFile], bool]) -> Callable[[Path, bytes], bool]:
    def recognised(path: Path, head: bytes) -> bool:
        try:
            if head.startswith(b"PK"):
                with zipfile.ZipFile(path) as archive:
                    return holds(archive)
        except Exception:  # what zipfile makes of damage depends on the place; opening it as an .npz says what
            pass
        return False

    return recognised


INDEX = Format(
    "index of shards",
    lambda path, head: head.lstrip().startswith(b"{") and b'"weight_map"' in head,
    lambda path: open_shards(path, _open_shard),
    "fetch it anew",
)
TEXT = Format(
    "table", lambda path, head: is_text(head), open_matrix, "give lines of as many numbers each, with or without names"
)
FORMATS = (
    Format("file", lambda path, head: refused.is_refused(head), refused.refuse, ""),
    Format(".npy file", _begins(b"\x93NUMPY"), numpy_files.open_npy, "save it anew with numpy.save"),
    Format(
        "PyTorch file",
        _archive(torch_file.is_torch),
        torch_file.open_torch,
        "save it anew with torch.save(model.state_dict(), PATH)",
    ),
    Format(".keras file", _archive(keras_file.is_keras), keras_file.refuse_archive, ""),
    Format(".npz file", _begins(b"PK"), numpy_files.open_npz, "save it anew with numpy.savez"),
    INDEX,
    Format("safetensors file", lambda path, head: head[8:9] == b"{", open_safetensors, "save or fetch it anew"),
    Format("GGUF file", _begins(MAGIC), open_gguf, "convert or fetch it anew"),
    Format("HDF5 file", _begins(b"\x89HDF\r\n\x1a\n"), keras_file.open_hdf5, "save it anew with model.save_weights"),
    Format("ONNX model", lambda path, head: onnx_file.is_onnx(head), onnx_file.open_onnx, "export it anew"),
    TEXT,
    Format(
        "Flax file", lambda path, head: flax_file.is_flax(head), flax_file.open_flax, "save it with flax.serialization"
    ),
)
