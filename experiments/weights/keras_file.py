"""Weights of Keras: HDF5 files, listed by a confined process and then mapped, so that HDF5 itself reads no numbers."""

import zipfile
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from analysis.weights.tensors import Tensor, Weights
from experiments.errors import UserError
from experiments.store import hdf5
from experiments.weights.kinds import KINDS
from experiments.weights.regions import Region, tensors_at, unreadable

INSIDE = "model.weights.h5"
OTHER = ("optimizer", "optimizer_weights")
"""Top-level groups of what a model is trained with."""


def is_keras(archive: zipfile.ZipFile) -> bool:
    """Whether a zip archive is a .keras file, which holds its weights as a file within."""
    return INSIDE in archive.namelist()


def refuse_archive(path: Path) -> NoReturn:
    """Raise a `UserError` that says where the weights are."""
    raise UserError(f"{path} is a .keras archive; unpack it (it is a zip archive), and give the {INSIDE} in it")


def open_hdf5(path: Path) -> Weights:
    """The arrays in an HDF5 file, but for the state of an optimiser.

    Raises:
        DamagedFile: the file refers to others, or HDF5 does not make sense of it.
        ValueError: arrays lie in the same place, or beyond the file.
    """
    entries = [entry for entry in hdf5.listed(path) if entry["name"].partition("/")[0] not in OTHER]
    return Weights(path.name, tensors_at(path, [_place(entry) for entry in entries]), "in_out")


def _place(entry: dict[str, Any]) -> Region | Tensor:
    name, shape, offset = str(entry["name"]), tuple(entry["shape"] or ()), entry["offset"]
    dtype = KINDS.get(entry["dtype"]) or np.dtype(entry["dtype"] or "V")
    if dtype.name not in KINDS:
        return unreadable(name, shape, dtype.name, "it holds no numbers")
    if type(offset) is not int:
        return unreadable(name, shape, dtype.name, "it is compressed or in chunks; save it contiguous and anew")
    return Region(name, shape, dtype, dtype.name, offset)
