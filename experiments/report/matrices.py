"""The analysis of an ensemble of matrices that did not come from this program."""

import hashlib
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from experiments.errors import UserError
from experiments.report.given import analyse_rectangular, analyse_square
from experiments.store import atomic
from experiments.store.run_folder import RunFolder
from experiments.store.weights_io import read_array


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
    """An ensemble of matrices from a .npy, .npz or .safetensors file.

    Raises:
        UserError: the file is missing, damaged, holds several arrays and none is chosen, or holds another shape.
    """
    array = read_array(path, key)
    if array.ndim != 3 or 0 in array.shape or array.shape[1:] == (1, 1):
        raise UserError(
            f"{path} holds an array of shape {array.shape}; "
            "matrices [members, rows, columns] larger than 1 x 1 are needed"
        )
    # NumPy alone does not count bfloat16 and its like among the floating-point types.
    if array.dtype.kind not in "iub" and not jnp.issubdtype(array.dtype, jnp.floating):
        raise UserError(f"{path} holds entries of type {array.dtype}; real numbers are needed")
    return np.asarray(array, np.float64)
