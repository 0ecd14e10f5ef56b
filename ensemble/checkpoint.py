"""Checkpoints of a training: written in the background, whole or not at all, every array's digest checked."""

import hashlib
import json
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from ensemble.train import Snapshot

KEPT = 2  # the newest and the one before it, which is used if the newest is damaged
FIRST_AFTER = 20.0  # seconds of training before the first save: a shorter run is sooner repeated than restored
SHARE = 0.02  # of the time spent saving, at most


class Checkpoints:
    """The checkpoints of one training in one folder.

    Args:
        folder: where they lie; created if absent.
        run: what identifies the training; a checkpoint of another one is not used.
    """

    def __init__(self, folder: Path, run: dict[str, Any]) -> None:
        options = ocp.CheckpointManagerOptions(max_to_keep=KEPT, create=True, enable_async_checkpointing=True)
        self._manager = ocp.CheckpointManager(folder.resolve(), options=options)
        self._run = json.loads(json.dumps(run))
        self._due = time.monotonic() + FIRST_AFTER
        self.warnings: list[str] = []

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._manager.close()

    @property
    def due(self) -> bool:
        """Whether it is time to save: saving takes at most `SHARE` of the time."""
        return time.monotonic() >= self._due

    def save(self, snapshot: Snapshot) -> None:
        """Write a snapshot in the background, the last one having been finished first.

        Raises:
            OSError: the last or this snapshot could not be written.
        """
        started = time.monotonic()
        self._manager.wait_until_finished()
        arrays = {
            part: {str(i): np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(getattr(snapshot, part)))}
            for part in ("state", "record")
        }
        position = {"start": snapshot.start, "epoch": snapshot.epoch}
        manifest = {"run": self._run, "position": position, "digests": jax.tree.map(_digest, arrays)}
        step = (self._manager.latest_step() or 0) + 1
        content = ocp.args.Composite(arrays=ocp.args.StandardSave(arrays), manifest=ocp.args.JsonSave(manifest))
        self._manager.save(step, args=content, force=True)
        spent = time.monotonic() - started
        self._due = time.monotonic() + max(FIRST_AFTER, spent / SHARE)

    def wait(self) -> None:
        """Block until the last snapshot is safely on disk."""
        self._manager.wait_until_finished()

    def newest(self) -> Snapshot | None:
        """The newest undamaged snapshot of this training, or None; what was passed over is told in `warnings`."""
        for step in sorted(self._manager.all_steps(), reverse=True):
            try:
                return self._restore(step)
            except Exception as error:  # a damaged file surfaces as one of many errors of orbax and tensorstore
                self.warnings.append(
                    f"checkpoint {step} is not used: {next(iter(str(error).splitlines()), repr(error))}"
                )
        return None

    def _restore(self, step: int) -> Snapshot:
        manifest = self._manager.restore(step, args=ocp.args.Composite(manifest=ocp.args.JsonRestore()))["manifest"]
        if manifest["run"] != self._run:
            raise ValueError("it belongs to another configuration")
        arrays = self._manager.restore(step, args=ocp.args.Composite(arrays=ocp.args.StandardRestore()))["arrays"]
        if jax.tree.map(_digest, arrays) != manifest["digests"]:
            raise ValueError("its content does not match its digests")
        state, record = ([arrays[part][str(i)] for i in range(len(arrays[part]))] for part in ("state", "record"))
        return Snapshot(manifest["position"]["start"], manifest["position"]["epoch"], state, record)


def _digest(array: np.ndarray) -> str:
    header = f"{array.dtype.str}{array.shape}".encode()
    return hashlib.sha256(header + np.ascontiguousarray(array).tobytes()).hexdigest()
