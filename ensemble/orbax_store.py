"""The one door to orbax: the checkpoints in a folder, numbered, each an array tree and a manifest."""

import logging
import math
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from ensemble.file_store import Arrays


class OrbaxStore:
    """The checkpoints in a folder, numbered; what goes wrong is raised as one of many errors of orbax and tensorstore.

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
        self._silence = _Silence()
        try:
            self._manager = ocp.CheckpointManager(folder.resolve(), options=options, item_handlers=handlers)
        except BaseException:
            self._silence.lift()
            raise

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
        try:
            self._manager.close()
        finally:
            self._silence.lift()


class _Silence:
    """Keeps orbax from printing traces of what fails: it is raised where it is asked for. Ends with `lift`."""

    def __init__(self) -> None:
        self._of_thread, self._of_callback = threading.excepthook, sys.unraisablehook
        threading.excepthook, sys.unraisablehook = self._in_thread, self._in_callback
        logging.getLogger("absl").addFilter(_not_of_orbax)

    def lift(self) -> None:
        """Have the program's own hooks back."""
        threading.excepthook, sys.unraisablehook = self._of_thread, self._of_callback
        logging.getLogger("absl").removeFilter(_not_of_orbax)

    def _in_thread(self, failure: threading.ExceptHookArgs) -> None:
        if not type(failure.thread).__module__.startswith("orbax."):
            self._of_thread(failure)

    def _in_callback(self, failure: Any) -> None:
        # After the first array that fails, orbax closes the loop on which tensorstore tells of the others.
        if str(failure.exc_value) != "Event loop is closed":
            self._of_callback(failure)


def _not_of_orbax(entry: logging.LogRecord) -> bool:
    return "/orbax/" not in entry.pathname
