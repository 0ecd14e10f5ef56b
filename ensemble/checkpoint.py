"""Checkpoints of a training: written in the background, whole or not at all, every array's digest checked."""

import hashlib
import json
import math
import os
import re
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
import numpy as np

from ensemble.errors import first_line
from ensemble.file_store import FileStore
from ensemble.orbax_store import OrbaxStore
from ensemble.snapshot import Snapshot, SnapshotError

KEPT = 2  # the newest and the one before it, which is used if the newest is damaged
SHARE = 0.02  # of the time that goes into saving, at most
FIRST_COST = 0.4  # seconds a save is taken to last before one was timed; so a run of 20 s is repeated, not restored


class Checkpoints:
    """The checkpoints of one training in one folder; a context manager.

    Args:
        folder: where they lie; created if absent.
        run: what identifies the training; a checkpoint of another one is not used.
        share: the share of the time that may go into saving.

    Raises:
        SnapshotError: the folder cannot be written.
    """

    def __init__(self, folder: Path, run: dict[str, Any], share: float = SHARE) -> None:
        self.folder, self.warnings = folder, list[str]()
        self._run, self._share = json.loads(json.dumps(run)), share
        self._started, self._due = 0.0, time.monotonic() + FIRST_COST / share
        store = OrbaxStore if jax.process_count() == 1 else FileStore
        try:
            self._store = store(folder, KEPT, self._saved)
        except Exception as error:
            raise self._unwritten(error) from error

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        # That the last save failed matters no more: training is complete, or a graver error is on its way.
        with suppress(Exception):
            self._store.close()

    def due(self) -> bool:
        """Whether it is time to save: saving, in the background too, takes at most its share of the time.

        Raises:
            SnapshotError: the last save failed.
        """
        if math.isinf(self._due) and not self._store.saving():
            self.wait()  # it has ended without a call of `_saved`
        return time.monotonic() >= self._due

    def save(self, snapshot: Snapshot) -> None:
        """Write a snapshot in the background.

        Raises:
            SnapshotError: it could not be written, or the last one was not.
        """
        self._started, self._due = time.monotonic(), math.inf
        arrays = {
            part: {str(i): np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(content))}
            for part, content in snapshot._asdict().items()
        }
        manifest = {"run": self._run, "digests": jax.tree.map(_digest, arrays)}
        try:
            self._store.wait()
            self._store.save(max(self._store.steps(), default=0) + 1, arrays, manifest)
        except Exception as error:
            raise self._unwritten(error) from error

    def wait(self) -> None:
        """Block until the last snapshot is safely on disk.

        Raises:
            SnapshotError: it could not be written.
        """
        try:
            self._store.wait()
        except Exception as error:
            raise self._unwritten(error) from error

    def newest(self) -> Snapshot | None:
        """The newest good snapshot of this training, or None before the first; `warnings` tell what was passed over.

        Raises:
            SnapshotError: there are checkpoints, but none is good.
        """
        damaged = []
        for step in reversed(self._store.steps()):
            try:
                snapshot = self._restore(step)
            except Exception as error:  # damage surfaces as one of many errors
                self.warnings.append(f"checkpoint {step} in {self.folder} is not used: {_reason(error)}")
                damaged.append(step)
            else:
                for bad in damaged:  # or it would count among those kept, and push out the good one
                    self._store.delete(bad)
                return snapshot
        if damaged:
            raise SnapshotError(
                f"no checkpoint in {self.folder} is good ({'; '.join(self.warnings)}): "
                "restore that folder, or delete it to train its members from the beginning"
            )
        return None

    def _restore(self, step: int) -> Snapshot:
        manifest = self._store.read_manifest(step)
        if manifest["run"] != self._run:
            raise ValueError("it belongs to another configuration")
        arrays = self._store.read_arrays(step)
        if jax.tree.map(_digest, arrays) != manifest["digests"]:
            raise ValueError("its content does not match its digests")
        leaves = {part: [arrays[part][str(i)] for i in range(len(arrays[part]))] for part in Snapshot._fields}
        return Snapshot(int(leaves["start"][0]), int(leaves["epoch"][0]), leaves["state"], leaves["record"])

    def _saved(self) -> None:
        """Called by orbax in the background when a snapshot is safely on disk."""
        now = time.monotonic()
        self._due = now + max(FIRST_COST, now - self._started) / self._share

    def _unwritten(self, error: Exception) -> SnapshotError:
        return SnapshotError(
            f"cannot save a checkpoint in {self.folder} ({_reason(error)}); earlier ones are kept: "
            "free space there, and give the same command again to resume"
        )


def _digest(array: np.ndarray) -> str:
    header = f"{array.dtype.str}{array.shape}".encode()
    return hashlib.sha256(header + np.ascontiguousarray(array).tobytes()).hexdigest()


def _reason(error: Exception) -> str:
    """The operating system's reason if there is one, else the first line of what orbax or tensorstore says."""
    code = re.search(r"os_error_code='(\d+)'", str(error))
    number = int(code[1]) if code else error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number else first_line(error)[:200]
