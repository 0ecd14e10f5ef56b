"""The analysis of an ensemble of matrices that did not come from this program."""

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from analysis import block_moments
from analysis.inspection import inspect_recording
from analysis.pipeline import Recording, trajectories
from analysis.trajectories import HIGH, Trajectories, to_json_entry
from experiments import atomic
from experiments.errors import UserError
from experiments.inspection import write_inspection
from experiments.outputs import write_outputs
from experiments.provenance import versions
from experiments.run_folder import RunFolder
from invariants import PAPER, evaluate

COMPRESSION = 200  # an .npz is refused if it claims to grow by more than this factor


def analyze_file(path: Path, key: str | None, json_file: Path | None, out: Path | None) -> str:
    """Fit the model to the matrices in a file; write what is asked for and return a summary for people.

    Raises:
        UserError: the file is not a numeric array [members, D, D], or the results cannot be written.
    """
    stack = read_stack(path, key)
    if not np.isfinite(stack).all(axis=(1, 2)).any():
        raise UserError(f"{path}: every matrix has an entry that is not finite; nothing is left to fit")
    recording = recording_of(stack)
    fitted = trajectories(recording, (None,))
    if json_file is not None:
        atomic.write_json(json_file, json_entry(fitted))
    if out is not None:
        config = {"matrices": path.name, "key": key, "digest": hashlib.sha256(stack.tobytes()).hexdigest()}
        with RunFolder.open(out, config) as folder:
            sections = [write_inspection(folder, inspect_recording(recording, [stack[:, None]]))]
            page = write_outputs(folder, fitted, config, {"versions": versions()}, sections)
            return f"{summary(fitted)}\n{page}"
    return summary(fitted)


def read_stack(path: Path, key: str | None = None) -> Float[np.ndarray, "members D D"]:
    """An ensemble of square matrices from a .npy or .npz file; nothing in the file is ever executed.

    Raises:
        UserError: the file is missing, damaged, holds several arrays and none is chosen, or holds another shape.
    """
    try:
        array = _load(path, key)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; give a .npy or .npz file of matrices [members, D, D]") from None
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        reason = next(iter(str(error).splitlines()), "unreadable")
        raise UserError(
            f"{path} is not a readable .npy or .npz file of plain numbers ({reason}); save it anew with numpy.save"
        ) from None
    if array.ndim != 3 or array.shape[1] != array.shape[2] or array.shape[1] < 2 or not len(array):
        raise UserError(
            f"{path} holds an array of shape {array.shape}; square matrices [members, D, D] with D >= 2 are needed"
        )
    if array.dtype.kind not in "fiub":
        raise UserError(f"{path} holds entries of type {array.dtype}; real numbers are needed")
    return np.asarray(array, np.float64)


def _load(path: Path, key: str | None) -> np.ndarray:
    with path.open("rb") as file:
        if file.read(2) != b"PK":
            return np.load(path, allow_pickle=False, mmap_mode="r")  # mapped: a header that lies allocates nothing
        file.seek(0)
        with np.load(file, allow_pickle=False) as archive:
            return _pick(path, archive, key)


def _pick(path: Path, archive: np.lib.npyio.NpzFile, key: str | None) -> np.ndarray:
    if key is None and len(archive.files) != 1:
        raise UserError(f"{path} holds the arrays {', '.join(archive.files) or '(none)'}; choose one with --key NAME")
    name = key if key is not None else archive.files[0]
    if name not in archive.files:
        raise UserError(
            f"{path} holds no array {name!r} but {', '.join(archive.files) or 'none'}; choose one with --key"
        )
    if archive.zip is not None:
        for member in archive.zip.infolist():
            if member.file_size > COMPRESSION * max(member.compress_size, 2**20):
                raise UserError(
                    f"{path} claims {member.file_size} bytes in {member.compress_size}; save it anew uncompressed"
                )
    return archive[name]


def recording_of(stack: Float[np.ndarray, "members D D"]) -> Recording:
    """An ensemble of given matrices as a recording of one epoch and one layer."""
    finite = np.all(np.isfinite(stack), axis=(1, 2))
    invariants = np.full((len(stack), len(PAPER)), np.nan)
    moments = np.full((len(stack), 10), np.nan)
    if finite.any():
        invariants[finite] = evaluate(PAPER, stack[finite])
        moments[finite] = block_moments(stack[finite])
    unknown = np.full((len(stack), 1), np.nan)
    return Recording(
        epochs=np.array([0]),
        layers=("M",),
        dims=(stack.shape[1],),
        invariants=invariants[:, None, None],
        block_moments=moments[:, None, None],
        finite=finite[:, None],
        train_loss=unknown,
        test_loss=unknown,
        test_accuracy=unknown,
    )


def json_entry(fitted: Trajectories) -> dict[str, Any]:
    """The fit of the one ensemble, without epoch and layer."""
    entry = to_json_entry(fitted, 0, 0)
    return {name: value for name, value in entry.items() if name not in ("epoch", "layer")}


def summary(fitted: Trajectories) -> str:
    """What a person wants to know first: size, status, distance from independence, the worst predicted invariants."""
    deviation = fitted.deviation[0, 0]
    worst = np.argsort(-np.nan_to_num(deviation))[:3]
    lines = [
        f"members     {fitted.members[0, 0]} of {fitted.dims[0]} x {fitted.dims[0]}, {fitted.excluded[0, 0]} excluded",
        f"status      {fitted.status[0][0]}",
        f"W2 to iid   {fitted.w2[0, 0]:.6g}",
        "deviation   " + ", ".join(f"{fitted.names[HIGH][i]} {deviation[i]:.3g}" for i in worst) + " (largest, in std)",
    ]
    return "\n".join(lines)
