"""Open a model, whatever wrote it: `open_weights` is the one function that others need."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from analysis.weights.tensors import Weights, sized
from experiments.errors import UserError
from experiments.store.run_folder import RESULTS
from experiments.weights.folders import open_folder
from experiments.weights.formats import KNOWN, open_file
from experiments.weights.runs import is_run, open_run


def open_weights(path: Path) -> tuple[Weights, ...]:
    """The models in a file or folder: several where a folder has many files or checkpoints, in the order of numbers.

    Nothing in a file is executed, and no number is read before it is asked for, but of tables, ONNX and runs.

    Raises:
        UserError: nothing is there, or it is damaged or hostile, or holds no weights, or needs a package that is not
            installed. Reading an array later raises nothing else, either.
    """
    try:
        if path.is_dir():
            return open_folder(path)
        if path.name == RESULTS and is_run(path.parent):
            return open_run(path.parent)
        if path.is_file():
            return (open_file(path),)
        what = "is no file" if path.exists() else "does not exist"
    except OSError as error:  # no permission, or a name too long
        raise UserError(f"cannot read {path} ({error.strerror}); give a file that you may read") from None
    except RuntimeError:  # as pathlib calls it
        raise UserError(f"cannot read {path} (links go round in circles); remove them") from None
    raise UserError(f"{path} {what}; give a file ({KNOWN}) or a folder of them")


def read_array(path: Path, key: str | None = None) -> np.ndarray:
    """The array of a file, or the one called `key` of several; of a folder of files of one matrix each, all of them.

    Raises:
        UserError: the file cannot be opened, or holds no array of that name; or it holds several and none is chosen; or
            it is a folder of models, or of matrices of several shapes.
    """
    weights, *others = open_weights(path)
    if others:
        return _stacked(path, (weights, *others), key)
    arrays = {tensor.name: tensor for tensor in weights.tensors}
    listed = ", ".join(arrays) or "none"
    if key is None and len(arrays) != 1:
        raise UserError(f"{path} holds the arrays {listed}; choose one with --key NAME, or layers with --chain")
    if key is not None and key not in arrays:
        raise UserError(f"{path} holds no array {key!r} but {listed}; choose one with --key")
    return arrays[next(iter(arrays)) if key is None else key].read()


def _stacked(path: Path, models: Sequence[Weights], key: str | None) -> np.ndarray:
    """The matrices of files of one matrix each, as one array [members, rows, columns]."""
    tensors = [tensor for weights in models for tensor in weights.tensors]
    if key is not None or any(len(weights.tensors) != 1 or len(weights.tensors[0].shape) != 2 for weights in models):
        raise UserError(f"{path} is a folder of {len(models)} models; give a file ({KNOWN})")
    for tensor, weights in zip(tensors, models, strict=True):
        if tensor.shape != tensors[0].shape:
            raise UserError(
                f"{path}: {models[0].title} is {sized(tensors[0].shape)} and {weights.title} is "
                f"{sized(tensor.shape)}; give matrices of one shape"
            )
    return np.stack([np.asarray(tensor.read()) for tensor in tensors])
