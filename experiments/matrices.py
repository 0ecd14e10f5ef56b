"""The analysis of an ensemble of matrices that did not come from this program."""

import hashlib
import math
import zipfile
from io import BufferedIOBase
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Float

from experiments import atomic
from experiments.errors import UserError, reason
from experiments.given import analyse_rectangular, analyse_square
from experiments.run_folder import RunFolder

COMPRESSION = 200  # an .npz is refused if it claims to grow by more than this factor


def analyze_file(path: Path, key: str | None, json_file: Path | None, out: Path | None) -> str:
    """Fit the model to the matrices in a file; write what is asked for and return a summary for people.

    Raises:
        UserError: the file is not a numeric array [members, rows, columns], or the results cannot be written.
    """
    stack = read_stack(path, key)
    if not np.isfinite(stack).all(axis=(1, 2)).any():
        raise UserError(f"{path}: every matrix has an entry that is not finite; nothing is left to fit")
    analysis = analyse_square(stack) if stack.shape[1] == stack.shape[2] else analyse_rectangular(stack)
    if json_file is not None:
        atomic.write_json(json_file, analysis.entry)
    if out is None:
        return analysis.summary
    config = {"matrices": path.name, "key": key, "digest": hashlib.sha256(stack.tobytes()).hexdigest()}
    with RunFolder.open(out, config) as folder:
        return f"{analysis.summary}\n{analysis.write(folder, config)}"


def read_stack(path: Path, key: str | None = None) -> Float[np.ndarray, "members m n"]:
    """An ensemble of matrices from a .npy or .npz file; nothing in the file is ever executed.

    Raises:
        UserError: the file is missing, damaged, holds several arrays and none is chosen, or holds another shape.
    """
    try:
        array = _load(path, key)
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(
            f"{path} does not exist; give a .npy or .npz file of matrices [members, rows, columns]"
        ) from None
    except Exception as error:  # what numpy, zipfile and zlib make of damage depends on the place
        raise UserError(
            f"{path} is not a readable .npy or .npz file of plain numbers ({reason(error)}); "
            "save it anew with numpy.save"
        ) from None
    if array.ndim != 3 or 0 in array.shape or array.shape[1:] == (1, 1):
        raise UserError(
            f"{path} holds an array of shape {array.shape}; "
            "matrices [members, rows, columns] larger than 1 x 1 are needed"
        )
    if array.dtype.kind not in "fiub":
        raise UserError(f"{path} holds entries of type {array.dtype}; real numbers are needed")
    return np.asarray(array, np.float64)


def _load(path: Path, key: str | None) -> np.ndarray:
    with path.open("rb") as file:
        if file.read(2) != b"PK":
            file.seek(0)
            return _read_array(file, path.stat().st_size)
        with zipfile.ZipFile(file) as archive:
            entry = _pick(path, archive, key)
            with archive.open(entry) as member:
                return _read_array(member, entry.file_size)


def _pick(path: Path, archive: zipfile.ZipFile, key: str | None) -> zipfile.ZipInfo:
    entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
    names = ", ".join(entries) or "none"
    if key is None and len(entries) != 1:
        raise UserError(f"{path} holds the arrays {names}; choose one with --key NAME")
    if key is not None and key not in entries:
        raise UserError(f"{path} holds no array {key!r} but {names}; choose one with --key")
    entry = entries[key] if key is not None else next(iter(entries.values()))
    if entry.file_size > COMPRESSION * max(entry.compress_size, 2**20):
        raise UserError(f"{path} claims {entry.file_size} bytes in {entry.compress_size}; save it anew uncompressed")
    return entry


def _read_array(file: IO[bytes] | BufferedIOBase, size: int) -> np.ndarray:
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
