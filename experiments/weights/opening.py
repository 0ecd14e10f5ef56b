"""Open a model, whatever wrote it: `open_weights` is the one function that others need."""

from pathlib import Path

import numpy as np

from analysis.weights.tensors import Weights
from experiments.errors import UserError
from experiments.weights.folders import open_folder
from experiments.weights.formats import KNOWN, open_file


def open_weights(path: Path) -> tuple[Weights, ...]:
    """The models in a file or folder: several where a folder has many files or checkpoints, in the order of numbers.

    Nothing in a file is executed, and no number is read before it is asked for.

    Raises:
        UserError: nothing is there, or it is damaged or hostile, or holds no weights, or needs a package that is not
            installed. Reading an array later raises nothing else, either.
    """
    if path.is_dir():
        return open_folder(path)
    if not path.is_file():
        what = "is no file" if path.exists() else "does not exist"
        raise UserError(f"{path} {what}; give a file ({KNOWN}) or a folder of them")
    return (open_file(path),)


def read_array(path: Path, key: str | None = None) -> np.ndarray:
    """The array of a file, or the one called `key` of several.

    Raises:
        UserError: the file cannot be opened, or holds no array of that name; or it holds several and none is chosen.
    """
    weights, *others = open_weights(path)
    if others:
        raise UserError(f"{path} is a folder of {1 + len(others)} models; give a file ({KNOWN})")
    arrays = {tensor.name: tensor for tensor in weights.tensors}
    listed = ", ".join(arrays) or "none"
    if key is None and len(arrays) != 1:
        raise UserError(f"{path} holds the arrays {listed}; choose one with --key NAME, or layers with --chain")
    if key is not None and key not in arrays:
        raise UserError(f"{path} holds no array {key!r} but {listed}; choose one with --key")
    return arrays[next(iter(arrays)) if key is None else key].read()
