"""The only module that knows orbax: the checkpoints in a folder, numbered, each an array tree and a manifest."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from ensemble.file_store import Arrays


class OrbaxStore:
    """The checkpoints in a folder, numbered; what goes wrong is raised as one of many errors of orbax and tensorstore.

    Threads of orbax print a trace of it besides, some of them after the end; to suppress that is left to the program.

    Args:
        folder: where they lie; created if absent.
        kept: how many of the newest.
        saved: called when one is safely on the disk.
    """

    def __init__(self, folder: Path, kept: int, saved: Callable[[], None]) -> None:
        for unfinished in folder.glob("*.orbax-checkpoint-tmp"):
            shutil.rmtree(unfinished, ignore_errors=True)
        options = ocp.CheckpointManagerOptions(
            max_to_keep=kept,
            async_options=ocp.AsyncOptions(post_finalization_callback=saved),
        )
        # Not compressed: what a file claims to hold can then be checked against its size before it is read.
        handlers = {
            "arrays": ocp.PyTreeCheckpointHandler(use_compression=False),
            "manifest": ocp.JsonCheckpointHandler(),
        }
        self._folder = folder
        self._manager = ocp.CheckpointManager(folder.resolve(), options=options, item_handlers=handlers)

    def steps(self) -> list[int]:
        """The numbers of those that are there."""
        return sorted(self._manager.all_steps())

    def save(self, step: int, arrays: Arrays, manifest: dict[str, Any]) -> None:
        """Write one in the background, after the last one."""
        content = ocp.args.Composite(arrays=ocp.args.PyTreeSave(arrays), manifest=ocp.args.JsonSave(manifest))
        self._manager.save(step, args=content, force=True)

    def saving(self) -> bool:
        """Whether one is being written."""
        return self._manager.is_saving_in_progress()

    def wait(self) -> None:
        """Block until the last one is on the disk; raises what went wrong."""
        self._manager.wait_until_finished()

    def read_manifest(self, step: int) -> dict[str, Any]:
        """What a checkpoint says of itself."""
        return self._manager.restore(step, args=ocp.args.Composite(manifest=ocp.args.JsonRestore()))["manifest"]

    def read_arrays(self, step: int) -> Arrays:
        """The arrays of a checkpoint; files shorter than they claim are refused before anything is allocated."""
        stored = sum(path.stat().st_size for path in (self._folder / str(step)).rglob("*") if path.is_file())
        claimed = jax.tree.leaves(self._manager.item_metadata(step)["arrays"].tree)
        if sum(math.prod(array.shape) * array.dtype.itemsize for array in claimed) > stored:
            raise ValueError("it claims to hold more than its files do")
        return self._manager.restore(step, args=ocp.args.Composite(arrays=ocp.args.PyTreeRestore()))["arrays"]

    def delete(self, step: int) -> None:
        """Remove one."""
        self._manager.delete(step)

    def close(self) -> None:
        """Wait for the last one, and end."""
        self._manager.close()
