"""Checkpoints of orbax: a folder of arrays in zarr's format, opened one by one by tensorstore, which orbax is built on.

Orbax itself would restore the whole tree at once.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import tensorstore

from analysis.weights.tensors import Tensor, Weights
from experiments.weights.json_files import LARGEST, read_object
from experiments.weights.kinds import KINDS
from experiments.weights.links import refuse_outside
from experiments.weights.numpy_files import COMPRESSION, SMALL
from experiments.weights.regions import LONGEST, OTHER, refuse_repeated, refuse_shape, unreadable

METADATA = "_METADATA"
MERGED = "manifest.ocdbt"  # there if the arrays lie in one database, rather than in a folder each
VALUES = ("jax.Array", "np.ndarray", "scalar")
"""What arrays are called in the description of a tree, which has other leaves, too."""


def is_orbax(folder: Path) -> bool:
    """Whether a folder is a checkpoint: the description of a tree lies in it."""
    return (folder / METADATA).is_file()


def open_orbax(folder: Path) -> Weights:
    """The arrays of a checkpoint, but for the state of an optimiser.

    Raises:
        ValueError: it is damaged, or arrays claim far more than its files can hold.
        UserError: a link leads out of the folder.
    """
    stored = 0
    for path in folder.rglob("*"):
        refuse_outside(folder, path)
        stored += path.stat().st_size
    if (folder / METADATA).stat().st_size > LARGEST:
        raise ValueError(f"its {METADATA} has more than {LARGEST} bytes")
    described = read_object((folder / METADATA).read_bytes())
    leaves = [leaf for leaf in described["tree_metadata"].values() if leaf["value_metadata"]["value_type"] in VALUES]
    names = [_name(folder, leaf["key_metadata"]) for leaf in leaves]
    kept = [name for name in names if name.partition(".")[0] not in OTHER]
    refuse_repeated(kept)
    layout = "zarr3" if described.get("use_zarr3") else "zarr"
    return Weights(folder.resolve().name, tuple(_tensor(folder, name, layout, stored) for name in kept), "in_out")


def _name(folder: Path, keys: list[dict[str, Any]]) -> str:
    """The path to an array in its tree, by which orbax calls its folder."""
    name = ".".join(str(key["key"]) for key in keys)
    if len(name) > LONGEST or name.startswith(".") or "/" in name:
        raise ValueError(f"{name[:80]!r} is not the name of an array")
    return name


def _tensor(folder: Path, name: str, layout: str, stored: int) -> Tensor:
    files: dict[str, Any] = {"driver": "file", "path": f"{folder.resolve()}/"}
    if (folder / MERGED).is_file():
        place = {"driver": "ocdbt", "base": files, "path": f"{name}/"}
    else:
        place = files | {"path": f"{folder.resolve()}/{name}/"}
    store = tensorstore.open({"driver": layout, "kvstore": place}, open=True, read=True).result()
    shape, dtype = tuple(store.shape), store.dtype.name
    refuse_shape(name, shape)
    if dtype not in KINDS:
        return unreadable(name, shape, dtype, "NumPy has no such type; save it in bfloat16 or float32")
    chunk = [size or 1 for size in store.chunk_layout.read_chunk.shape or ()]
    claimed = max(math.prod(shape), math.prod(chunk)) * KINDS[dtype].itemsize
    if claimed > COMPRESSION * max(stored, SMALL):
        raise ValueError(f"{name!r} claims {claimed} bytes, and all its files have {stored}")
    return Tensor(name, shape, dtype, lambda: np.asarray(store.read().result()))
