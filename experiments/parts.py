"""Training on a CPU in parts: one process pinned to each core trains a range of members in a folder of its own.

A process that owns one core runs the small products of these networks a fifth faster than a thread of a process that
owns all cores (benchmarks/engine.py). Parts are independent of each other: each saves and resumes for itself.
"""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

import xarray as xr

from experiments.errors import UserError
from experiments.presets import RunConfig, settings
from experiments.progress import Progress
from experiments.run_folder import RunFolder
from experiments.runtime import cores
from experiments.training import Interrupted, collected_signals

PARTS = "parts"
# glibc returns large buffers to the system and faults them in again at every step, unless told not to.
MALLOC = {"MALLOC_MMAP_THRESHOLD_": "4000000000", "MALLOC_TRIM_THRESHOLD_": "8000000000"}


class Part(NamedTuple):
    """A range of members and the folder in which it is trained."""

    path: Path
    members: range

    @property
    def log(self) -> Path:
        """What its processes print when something goes wrong."""
        return self.path.with_suffix(".log")

    @property
    def finished(self) -> bool:
        """Whether its results are written."""
        return (self.path / "results.nc").exists()


def plan_parts(folder: Path, members: int, workers: int, chunk: int) -> list[Part]:
    """The parts of a run: those an interrupted run has begun, else about equal ranges of whole chunks, one a worker."""
    begun = [re.fullmatch(r"(\d+)-(\d+)", path.name) for path in sorted((folder / PARTS).glob("*-*"))]
    ranges = [range(int(match[1]), int(match[2])) for match in begun if match]
    if [member for part in ranges for member in part] != list(range(members)):
        chunks = -(-members // chunk)
        cuts = [min(members, chunk * (chunks * worker // workers)) for worker in range(workers + 1)]
        ranges = [range(start, stop) for start, stop in itertools.pairwise(cuts) if start < stop]
    return [Part(folder / PARTS / f"{part.start:06d}-{part.stop:06d}", part) for part in ranges]


def train_parts(folder: RunFolder, config: RunConfig, data_dir: str | None, parts: list[Part]) -> xr.Dataset:
    """Train all parts, as many at once as there are cores, and put their recordings together.

    Raises:
        Interrupted: on SIGINT or SIGTERM, when every process has saved and stopped.
        UserError: a process failed; what has been saved is kept.
    """
    crew = _Crew(config, folder.config, data_dir, parts)
    with collected_signals(crew.stop) as received, ThreadPoolExecutor(len(cores())) as pool:
        codes = list(pool.map(crew.train, [part for part in parts if not part.finished]))
    if received:
        raise Interrupted(received[0])
    if any(codes):
        failed = next(part for part in parts if not part.finished)
        raise UserError(f"training failed: {_last_line(failed.log)} (all of it in {failed.log})")
    return merge([part.path for part in parts])


def merge(paths: list[Path]) -> xr.Dataset:
    """The recordings of all parts as one, in the order of members."""
    pieces: list[xr.Dataset] = []
    for path in paths:
        with RunFolder.existing(path) as part:
            pieces.append(part.read_results())
    return xr.concat(pieces, "member", data_vars="minimal", coords="minimal", compat="equals", join="exact")


def drop_parts(folder: RunFolder) -> None:
    """Remove the parts of a training whose merged results are safely written."""
    shutil.rmtree(folder.path / PARTS, ignore_errors=True)


class _Crew:
    """The processes at work, and what they report."""

    def __init__(self, config: RunConfig, identity: dict, data_dir: str | None, parts: list[Part]) -> None:
        self._request = {"config": settings(config), "identity": identity, "data_dir": data_dir}
        self._progress, self._total = Progress("training", "network-epochs"), config.train.members * config.train.epochs
        self._done = {part.path: len(part.members) * config.train.epochs * part.finished for part in parts}
        self._running: list[subprocess.Popen[str]] = []
        self._stopped = False
        self._cores: SimpleQueue[int] = SimpleQueue()
        for core in cores():
            self._cores.put(core)

    def train(self, part: Part) -> int:
        """Train one part in a process on a free core; returns its exit code."""
        core = self._cores.get()
        try:
            return 1 if self._stopped else self._follow(part, core)
        finally:
            self._cores.put(core)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Have every process save and stop, and start no other."""
        self._stopped = True
        for process in self._running:
            process.send_signal(number)

    def _follow(self, part: Part, core: int) -> int:
        part.path.parent.mkdir(exist_ok=True)
        members = [part.members.start, part.members.stop]
        request = self._request | {"path": str(part.path), "range": members, "core": core}
        with part.log.open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "experiments.worker"],
                stdin=subprocess.PIPE,  # kept open: a worker whose parent dies reads its end, and stops
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | MALLOC,
                start_new_session=True,  # Ctrl-C reaches the parent alone, which hands it on
            )
        assert process.stdin is not None
        assert process.stdout is not None
        self._running.append(process)
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        for line in process.stdout:
            self._hear(part, json.loads(line))
        code = process.wait()
        self._running.remove(process)
        if code:
            self.stop()
        return code

    def _hear(self, part: Part, message: dict) -> None:
        if "say" in message:
            print(message["say"], flush=True)
        else:
            self._done[part.path] = message["done"]
            self._progress.update(sum(self._done.values()), self._total)


def _last_line(log: Path) -> str:
    lines = log.read_text().strip().splitlines()
    return lines[-1] if lines else "a process ended without a word"
