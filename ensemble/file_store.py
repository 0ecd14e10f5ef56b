"""Checkpoints as one file each: what orbax's manager does, for a process that must not wait for others.

Where jax knows of several processes, as on a TPU slice, orbax has every one of them agree with all others about each
save; but members never talk to each other, and the others may be gone.
"""

import json
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

PARTIAL = ".partial"
Arrays = dict[str, dict[str, np.ndarray]]
"""Part of a snapshot -> number of the leaf -> array."""


class FileStore:
    """The checkpoints in a folder, numbered.

    Args:
        folder: where they lie; created if absent.
        kept: how many of the newest.
        saved: called when one is safely on the disk.

    Raises:
        OSError: the folder cannot be written.
    """

    def __init__(self, folder: Path, kept: int, saved: Callable[[], None]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for unfinished in folder.glob(f"*{PARTIAL}"):
            unfinished.unlink()
        self._folder, self._kept, self._saved = folder, kept, saved
        self._pool = ThreadPoolExecutor(1)
        self._last: Future[None] = Future()
        self._last.set_result(None)

    def steps(self) -> list[int]:
        """The numbers of those that are there."""
        return sorted(int(path.stem) for path in self._folder.glob("*.safetensors") if path.stem.isdigit())

    def save(self, step: int, arrays: Arrays, manifest: dict[str, Any]) -> None:
        """Write one in the background, after the last one."""
        # Copies: training goes on, and uses the memory of its arrays again.
        flat = {f"{part}/{leaf}": np.array(array, order="C") for part in arrays for leaf, array in arrays[part].items()}
        self._last = self._pool.submit(self._write, step, flat, manifest)

    def saving(self) -> bool:
        """Whether one is being written."""
        return not self._last.done()

    def wait(self) -> None:
        """Block until the last one is on the disk; raises what went wrong."""
        self._last.result()

    def read_manifest(self, step: int) -> dict[str, Any]:
        """What a checkpoint says of itself."""
        with safe_open(self._path(step), "numpy") as file:
            return json.loads((file.metadata() or {})["manifest"])

    def read_arrays(self, step: int) -> Arrays:
        """The arrays of a checkpoint; a file that is shorter than it claims is refused before anything is allocated."""
        arrays: Arrays = {}
        with safe_open(self._path(step), "numpy") as file:
            for name in file.keys():  # noqa: SIM118 (it is no dict)
                part, _, leaf = name.partition("/")
                arrays.setdefault(part, {})[leaf] = file.get_tensor(name)
        return arrays

    def delete(self, step: int) -> None:
        """Remove one."""
        self._path(step).unlink(missing_ok=True)

    def close(self) -> None:
        """Wait for the last one, and end."""
        self._pool.shutdown()

    def _path(self, step: int) -> Path:
        return self._folder / f"{step}.safetensors"

    def _write(self, step: int, flat: dict[str, np.ndarray], manifest: dict[str, Any]) -> None:
        partial = self._path(step).with_suffix(PARTIAL)
        save_file(flat, partial, metadata={"manifest": json.dumps(manifest)})
        with partial.open("rb+") as written:
            os.fsync(written.fileno())
        os.replace(partial, self._path(step))
        for old in self.steps()[: -self._kept]:
            self.delete(old)
        self._saved()
