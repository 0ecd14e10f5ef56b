"""Arrays in files that other programs wrote (.npy, .npz, .safetensors), told apart by content; nothing is executed."""

import math
import zipfile
from collections.abc import Iterable
from io import BufferedIOBase
from pathlib import Path
from typing import IO

import numpy as np
from safetensors import safe_open

from ensemble.errors import first_line
from experiments.errors import UserError

FORMATS = ".npy, .npz or .safetensors"
COMPRESSION = 200  # an .npz is refused if it claims to grow by more than this factor


def read_array(path: Path, key: str | None = None) -> np.ndarray:
    """The array of a file, or the one called `key` of several.

    Raises:
        UserError: the file is missing or damaged, holds Python objects, or no array of that name; or it holds several
            and none is chosen.
    """
    try:
        return _read(path, key)
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; give a {FORMATS} file") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder; give a {FORMATS} file") from None
    except Exception as error:  # what numpy, zipfile, zlib and safetensors make of damage depends on the place
        raise UserError(
            f"{path} is not a readable {FORMATS} file of plain numbers ({first_line(error)}); "
            "save it anew with numpy.save"
        ) from None


def _read(path: Path, key: str | None) -> np.ndarray:
    with path.open("rb") as file:
        head = file.read(9)
        file.seek(0)
        if head.startswith(b"PK"):
            return _read_npz(path, file, key)
        if head.endswith(b"{"):
            return _read_safetensors(path, key)
        return _read_npy(file, path.stat().st_size)


def _read_npz(path: Path, file: IO[bytes], key: str | None) -> np.ndarray:
    with zipfile.ZipFile(file) as archive:
        entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
        entry = entries[_choose(path, entries, key)]
        if entry.file_size > COMPRESSION * max(entry.compress_size, 2**20):
            raise UserError(
                f"{path} claims {entry.file_size} bytes in {entry.compress_size}; save it anew uncompressed"
            )
        with archive.open(entry) as member:
            return _read_npy(member, entry.file_size)


def _read_safetensors(path: Path, key: str | None) -> np.ndarray:
    with safe_open(path, framework="numpy") as tensors:
        return tensors.get_tensor(_choose(path, tensors.keys(), key))


def _read_npy(file: IO[bytes] | BufferedIOBase, size: int) -> np.ndarray:
    """An array of NumPy's format in `size` bytes; nothing is allocated that the header claims and the file lacks."""
    version = np.lib.format.read_magic(file)
    read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
    shape, transposed, dtype = read_header(file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > size:
        raise ValueError(f"its header claims an array of shape {shape}, and it has {size} bytes")
    content = file.read(math.prod(shape) * dtype.itemsize)
    return np.frombuffer(content, dtype).reshape(shape, order="F" if transposed else "C")


def _choose(path: Path, there: Iterable[str], key: str | None) -> str:
    """The name of the array to read."""
    names = list(there)
    listed = ", ".join(names) or "none"
    if key is None and len(names) != 1:
        raise UserError(f"{path} holds the arrays {listed}; choose one with --key NAME, or layers with --chain")
    if key is not None and key not in names:
        raise UserError(f"{path} holds no array {key!r} but {listed}; choose one with --key")
    return names[0] if key is None else key
