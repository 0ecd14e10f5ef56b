"""Arrays of NumPy: .npy and .npz, mapped where they are stored as they are; objects are refused."""

import zipfile
import zlib
from functools import partial
from io import BufferedIOBase
from pathlib import Path
from typing import IO

import numpy as np

from analysis.weights.tensors import Tensor, Weights
from experiments.errors import UserError
from experiments.weights.archives import Piece, pieces_of
from experiments.weights.regions import ARRAY, Region, mapped, refuse_shape, tensors_at

COMPRESSION = 200  # an archive is refused if it claims to grow by more than this factor
SUFFIX = ".npy"  # which numpy.savez gives every array
SMALL = 2**20  # bytes, below which that does no harm


def open_npy(path: Path) -> Weights:
    """The one array of a .npy file.

    Raises:
        ValueError: the file is damaged or holds objects.
    """
    with path.open("rb") as file:
        region = _header(file, ARRAY)
    return Weights(path.name, tensors_at(path, [region]), "out_in")


def open_npz(path: Path) -> Weights:
    """The arrays of an .npz archive.

    Raises:
        ValueError: it is damaged, or holds objects or something else than arrays.
        UserError: it claims to hold far more than its bytes can, or is an archive of other files.
    """
    with zipfile.ZipFile(path) as archive:
        if others := [name for name in archive.namelist() if not name.endswith(SUFFIX)]:
            raise UserError(f"{path} is a zip archive that holds {others[0][:80]!r}; unpack it first")
        tensors = tuple(_entry(path, archive, piece) for piece in pieces_of(path, archive))
    return Weights(path.name, tensors, "out_in")


def _entry(path: Path, archive: zipfile.ZipFile, piece: Piece) -> Tensor:
    if piece.size > COMPRESSION * max(piece.stored, SMALL):
        raise UserError(f"{path} claims {piece.size} bytes in {piece.stored}; save it anew uncompressed")
    name = piece.name.removesuffix(SUFFIX)
    with archive.open(piece.name) as file:
        region = _header(file, name)
    if region.offset + region.nbytes != piece.size:
        raise ValueError(f"the array {name[:80]!r} claims the shape {region.shape}, and it has {piece.size} bytes")
    read = partial(_decompress if piece.compressed else _map, path, piece, region)
    return Tensor(name, region.shape, region.kind, read)


def _header(file: IO[bytes] | BufferedIOBase, name: str) -> Region:
    """Where the numbers lie in a file of NumPy's format; its header is a literal of Python, parsed as such."""
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in read:
        raise ValueError(f"version {version} of the format is not known")
    shape, transposed, dtype = read[version](file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    refuse_shape(name, shape)
    return Region(name, shape, dtype, dtype.name, file.tell(), "F" if transposed else "C")


def _map(path: Path, piece: Piece, region: Region) -> np.ndarray:
    """An array that is stored as it is, if its checksum is right."""
    whole = mapped(path, Region("", (piece.size,), np.dtype(np.uint8), "", piece.offset))
    if zlib.crc32(whole.data) != piece.checksum:
        raise ValueError(f"the checksum of {region.name!r} is wrong")
    return mapped(path, region._replace(offset=piece.offset + region.offset))


def _decompress(path: Path, piece: Piece, region: Region) -> np.ndarray:
    with zipfile.ZipFile(path) as archive, archive.open(piece.name) as file:
        content = file.read(piece.size)
    return np.frombuffer(content, region.dtype, offset=region.offset).reshape(region.shape, order=region.order)
