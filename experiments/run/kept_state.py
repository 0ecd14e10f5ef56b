"""What the members of a run had learned after its last epoch: the state.safetensors that `pigmm extend` goes on from.

Runs that keep their weights keep it. Each chunk of members is written when it has had all its epochs, before a
checkpoint counts it as done; when all are, they become one file.
"""

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save, save_file

from ensemble import Snapshot
from ensemble.continuing import NamedState, named_state
from ensemble.errors import first_line
from experiments.errors import UserError
from experiments.store import atomic, digests
from experiments.store.run_folder import CONFIG, RunFolder

STATE, DIGEST = "state.safetensors", "state.sha256"
CHUNKS = "states"
UNREADABLE = (OSError, SafetensorError, AttributeError, KeyError, TypeError, ValueError)
"""What the library makes of damage, and of types that NumPy does not have."""


def keep_chunk(folder: RunFolder, chunk: Snapshot, members: int) -> None:
    """Write the state of a chunk; `members` are trained in all, and what a last chunk has beyond them is filling.

    Raises:
        UserError: it cannot be written.
    """
    rest = members - chunk.start
    state = {name: np.ascontiguousarray(leaf[:rest]) for name, leaf in named_state(chunk.state).items()}
    folder.write_bytes(f"{CHUNKS}/{chunk.start}.safetensors", save(state))


def forget_later(folder: RunFolder, resume: Snapshot | None) -> None:
    """Remove the chunks that are trained, or at least written, again when the training is resumed from there."""
    for path in _chunks(folder.path):
        if resume is None or int(path.stem) >= resume.start:
            path.unlink()


def gather_chunks(folder: RunFolder, members: int) -> str:
    """Make one file of the chunks; returns the warning of `gather`.

    Raises:
        UserError: one of them cannot be read, or the whole not be written.
    """
    return gather(folder, _chunks(folder.path), members)


def gather(folder: RunFolder, files: Sequence[Path], members: int) -> str:
    """Make one file of the states of so many members, in the order of the files, one array at a time.

    If there are files, but not all, there is none; the warning that is returned says so, and is else empty.

    Raises:
        UserError: one of them cannot be read, or the whole not be written.
    """
    folder.remove(STATE)
    there = [path for path in files if path.exists()]
    with ExitStack() as stack:
        opened = [stack.enter_context(_opened(path)) for path in there]
        names = [sorted(file.keys()) for file in opened]
        whole = bool(there) and len(there) == len(files) and all(own == names[0] for own in names)
        state = {name: np.concatenate([f.get_tensor(name) for f in opened]) for name in names[0]} if whole else {}
    if not state or {len(leaf) for leaf in state.values()} != {members}:
        return f"not all members have their state, so none is kept: {folder.path} cannot be extended" if there else ""
    with atomic.replacing(folder.path / STATE) as temporary:
        save_file(state, temporary)
        shutil.copymode(folder.path / CONFIG, temporary)  # the library lets nobody else read it
        with temporary.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    folder.write_text(DIGEST, digests.line(digest, STATE))
    return ""


def refuse_damaged(path: Path) -> None:
    """Refuse a run folder whose state is not what was written; one without any is none.

    Raises:
        UserError: says so.
    """
    try:
        if (path / STATE).exists():
            digests.refuse_altered(path / STATE, path / DIGEST)
    except digests.AlteredFile as error:
        raise _unreadable(path / STATE, error) from error


def read_state(path: Path, rows: slice) -> NamedState:
    """The state of some members in a run folder, by their positions.

    Raises:
        UserError: it cannot be read.
    """
    with _opened(path / STATE) as file:
        return {name: file.get_slice(name)[rows] for name in file.keys()}  # noqa: SIM118 - it is no dictionary


def _chunks(folder: Path) -> list[Path]:
    return sorted((folder / CHUNKS).glob("*.safetensors"), key=lambda path: int(path.stem))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="np") as file:
            yield file
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(f"{path} cannot be read ({first_line(error)}): restore it, or train anew in another folder")
