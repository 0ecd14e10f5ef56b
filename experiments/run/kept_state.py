"""What the members of a run had learned after its last epoch: the state.safetensors that `pigmm extend` goes on from.

Runs that keep their weights keep it. Each chunk of members is written when it has had all its epochs, before a
checkpoint counts it as done; when all are, they become one file.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save

from ensemble import Snapshot
from ensemble.continuing import NamedState, named_state
from experiments.errors import UserError
from experiments.store import digests
from experiments.store.run_folder import RunFolder

STATE, DIGEST = "state.safetensors", "state.sha256"
CHUNKS = "states"


def keep_chunk(folder: RunFolder, chunk: Snapshot, members: int) -> None:
    """Write the state of a chunk; `members` are trained in all, and what a last chunk has beyond them is filling.

    Raises:
        UserError: it cannot be written.
    """
    rest = members - chunk.start
    state = {name: np.ascontiguousarray(leaf[:rest]) for name, leaf in named_state(chunk.state).items()}
    folder.write_bytes(f"{CHUNKS}/{chunk.start}.safetensors", save(state))


def forget_later(folder: RunFolder, resume: Snapshot | None, epochs: int) -> None:
    """Remove the chunks that are trained again, perhaps in other sizes, when the training is resumed from there."""
    trained = -1 if resume is None else resume.start - (resume.epoch < epochs)
    for path in _chunks(folder.path):
        if int(path.stem) > trained:
            path.unlink()


def gather_chunks(folder: RunFolder, members: int) -> None:
    """Make one file of the chunks, if they are all there: a run that an earlier version began lacks some.

    Raises:
        UserError: it cannot be written.
    """
    gather(folder, _chunks(folder.path), members)


def gather(folder: RunFolder, files: Sequence[Path], members: int) -> None:
    """Make one file of the states of so many members, in the order of the files; none if some are missing.

    Raises:
        UserError: one of them cannot be read, or the whole not be written.
    """
    parts = [_read(path) for path in files if path.exists()]
    if not parts or sum(len(next(iter(part.values()))) for part in parts) != members:
        return
    content = save({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
    folder.write_bytes(STATE, content)
    folder.write_text(DIGEST, digests.line(hashlib.sha256(content).hexdigest(), STATE))


def refuse_damaged(path: Path) -> None:
    """Refuse a run folder whose state is not what was written.

    Raises:
        UserError: says so.
    """
    try:
        digests.refuse_altered(path / STATE, path / DIGEST)
    except digests.AlteredFile as error:
        raise _unreadable(path / STATE, str(error)) from error


def read_state(path: Path, rows: slice) -> NamedState:
    """The state of some members in a run folder, by their positions.

    Raises:
        UserError: it cannot be read.
    """
    try:
        with safe_open(path / STATE, framework="np") as file:
            return {name: file.get_slice(name)[rows] for name in file.keys()}  # noqa: SIM118 - it is no dictionary
    except (OSError, SafetensorError) as error:
        raise _unreadable(path / STATE, str(error)) from error


def _chunks(folder: Path) -> list[Path]:
    return sorted((folder / CHUNKS).glob("*.safetensors"), key=lambda path: int(path.stem))


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, str(error)) from error


def _unreadable(path: Path, reason: str) -> UserError:
    return UserError(f"{path} cannot be read ({reason}): restore it, or train from the beginning in another folder")
