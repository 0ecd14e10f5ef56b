"""The analysis of an ensemble of matrices that did not come from this program."""

import hashlib
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from analysis.symmetry import Separate, Simultaneous, named_symmetry
from analysis.symmetry.symmetric import constant_diagonal, is_symmetric
from experiments.errors import UserError
from experiments.report.given import analyse, entry_of, summary_of, write_analysis
from experiments.store import atomic
from experiments.store.run_folder import RunFolder
from experiments.weights.opening import read_array

LARGEST = 1e70
"""Entries up to which sums of products of four do not overflow."""


def analyze_file(path: Path, key: str | None, json_file: Path | None, out: Path | None, symmetry: str = "auto") -> str:
    """Fit the model to the matrices in a file; write what is asked for and return a summary for people.

    Args:
        path: the file.
        key: which of its arrays.
        json_file: where to write the fit.
        out: where to write the fit, tables, figures and the report.
        symmetry: name of the symmetry to analyse them under; "auto" recognises it.

    Raises:
        UserError: the file is not a numeric array [members, rows, columns], or does not have the symmetry, or the
            results cannot be written.
    """
    stack = read_stack(path, key)
    if not np.isfinite(stack).all(axis=(1, 2)).any():
        raise UserError(f"{path}: every matrix has an entry that is not finite; nothing is left to fit")
    largest = np.abs(stack).max(where=np.isfinite(stack), initial=0.0)
    if largest > LARGEST:
        raise UserError(f"{path}: entries as large as {largest:.2g} have no finite fourth powers; divide by a constant")
    digest = hashlib.sha256(stack.tobytes()).hexdigest()
    try:
        stack, remark = _without_diagonal(stack, symmetry)
        chosen = named_symmetry(symmetry, stack)
        analysis = analyse(chosen.read(stack), chosen)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from error
    summary = "\n".join([summary_of(analysis, recognised=symmetry == "auto"), *remark])
    if json_file is not None:
        atomic.write_json(json_file, entry_of(analysis))
    if out is None:
        return summary
    config = {"matrices": path.name, "key": key, "digest": digest, "symmetry": chosen.name}
    config |= {"remark": remark[0]} if remark else {}
    with RunFolder.open(out, config) as folder:
        return f"{summary}\n{write_analysis(folder, analysis, config)}"


def _without_diagonal(
    stack: Float[np.ndarray, "N m n"], symmetry: str
) -> tuple[Float[np.ndarray, "N m n"], tuple[str, ...]]:
    """The matrices, and a line on a diagonal that never varies; symmetric ones, such as correlations, less it."""
    finite = stack[np.isfinite(stack).all(axis=(1, 2))]
    square = stack.shape[1] == stack.shape[2]
    value = constant_diagonal(finite) if square and symmetry != Separate.name and np.ptp(finite) > 0 else None
    if value is None:
        return stack, ()
    said = f"diagonal    {value:.6g} in every matrix"
    if symmetry == Simultaneous.name or not is_symmetric(finite):
        return stack, (f"{said}: it has no law, which is why blocks are singular; the parameters hold",)
    if value == 0:
        return stack, (said,)
    rest = stack.copy()
    rest[:, *np.diag_indices(stack.shape[1])] = 0.0
    return rest, (f"{said}: set to 0, since what is constant has no law",)


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
