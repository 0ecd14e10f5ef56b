"""The analysis of an ensemble of matrices that did not come from this program."""

import hashlib
import zipfile
from pathlib import Path

import numpy as np
from jaxtyping import Float

from experiments import atomic
from experiments.errors import UserError
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
    except FileNotFoundError:
        raise UserError(
            f"{path} does not exist; give a .npy or .npz file of matrices [members, rows, columns]"
        ) from None
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        reason = next(iter(str(error).splitlines()), "unreadable")
        raise UserError(
            f"{path} is not a readable .npy or .npz file of plain numbers ({reason}); save it anew with numpy.save"
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
