"""Training on a CPU in parts: one process pinned to each core trains a range of members in a folder of its own.

A process that owns one core trains these networks faster than a thread of a process that owns all cores: by a fifth and
more with independent order, by a twentieth with the shared order (benchmarks/engine.py). Parts are independent of each
other: each saves and resumes for itself.
"""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

import xarray as xr

from experiments.cli.signals import Interrupted, collected_signals
from experiments.errors import UserError
from experiments.run.extending import Earlier
from experiments.run.kept_state import STATE, gather
from experiments.run.merging import concatenated, read_part
from experiments.run.presets import RunConfig, settings
from experiments.run.runtime import cores
from experiments.run.training import Session
from experiments.store.run_folder import RunFolder, finished

PARTS = "parts"
STOPPED = (143, -signal.SIGTERM)  # exit codes of a process told to stop: after it has saved, and while it was starting
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
        return finished(self.path)


def plan_parts(folder: Path, members: range, workers: int, chunk: int) -> list[Part]:
    """The parts of a run: those an interrupted run has begun, else about equal ranges of whole chunks, one a worker."""
    begun = [re.fullmatch(r"(\d+)-(\d+)", path.name) for path in sorted((folder / PARTS).glob("*-*"))]
    ranges = [range(int(match[1]), int(match[2])) for match in begun if match]
    return [part_of(folder, part) for part in (ranges if _cover(ranges, members) else split(members, workers, chunk))]


def part_of(folder: Path, members: range) -> Part:
    """The part of a run that trains these members."""
    return Part(folder / PARTS / f"{members.start:06d}-{members.stop:06d}", members)


def split(members: range, workers: int, chunk: int = 1) -> list[range]:
    """At most so many about equal ranges of whole chunks."""
    chunks = -(-len(members) // chunk)
    cuts = [members.start + min(len(members), chunk * (chunks * n // workers)) for n in range(workers + 1)]
    return [range(start, stop) for start, stop in itertools.pairwise(cuts) if start < stop]


def train_parts(
    folder: RunFolder,
    config: RunConfig,
    session: Session,
    parts: list[Part],
    chunk: int,
    report: Callable[[int, int], None],
    earlier: Earlier | None = None,
) -> xr.Dataset:
    """Train all parts, as many at once as there are cores, and put their recordings together.

    Args:
        folder: holds the parts.
        config: the run.
        session: how it is carried out.
        parts: all of its parts, finished or not.
        chunk: members that each process trains at once.
        report: called with network-epochs done and in all.
        earlier: the run of fewer epochs that it goes on from.

    Raises:
        Interrupted: on SIGINT or SIGTERM, when every process has saved and stopped.
        UserError: a process failed; what has been saved is kept.
    """
    request = {
        "config": settings(config),
        "identity": folder.config,
        "session": session._asdict(),
        "chunk": chunk,
        "earlier": earlier and earlier.place(),
    }
    epochs = config.train.epochs - (earlier.config.train.epochs if earlier else 0)
    workers = _Workers(request, epochs, parts, report)
    with collected_signals(workers.stop) as received, ThreadPoolExecutor(session.devices or len(cores())) as pool:
        list(pool.map(workers.train, [part for part in parts if not part.finished]))
    if workers.failure:
        raise UserError(workers.failure)
    if received:
        raise Interrupted(received[0])
    warning = gather(folder, [part.path / STATE for part in parts], sum(len(part.members) for part in parts))
    if warning:
        print(warning, flush=True)
    return concatenated([read_part(part.path) for part in parts])


class _Workers:
    """The worker processes, and what they report."""

    def __init__(self, request: dict, epochs: int, parts: list[Part], report: Callable[[int, int], None]) -> None:
        self.failure: str | None = None
        self._request, self._report, self._total = request, report, epochs * sum(len(part.members) for part in parts)
        self._done = {part: epochs * len(part.members) * part.finished for part in parts}
        self._running: list[subprocess.Popen[str]] = []
        self._stopped = False
        self._cores: SimpleQueue[int] = SimpleQueue()
        for core in cores():
            self._cores.put(core)

    def train(self, part: Part) -> None:
        """Train one part in a process on a free core; if it fails, all others stop."""
        core = self._cores.get()
        try:
            if not self._stopped:
                self._follow(part, core)
        except OSError as error:
            self._fail(
                f"cannot start training in {part.path} ({error.strerror}): free space, and give the command again"
            )
        finally:
            self._cores.put(core)

    def stop(self) -> None:
        """Have every process save and stop, and start no other."""
        self._stopped = True
        for process in list(self._running):
            process.terminate()

    def _follow(self, part: Part, core: int) -> None:
        failure = None
        with self._start(part, core) as process:
            assert process.stdout is not None
            for line in process.stdout:
                message = json.loads(line)
                failure = message.get("failed", failure)
                self._receive(part, message)
            code = process.wait()
        self._running.remove(process)
        if code and not (self._stopped and code in STOPPED):
            self._fail(failure or _cause_of_death(part, code))

    def _fail(self, reason: str) -> None:
        self.failure = self.failure or reason
        self.stop()

    def _start(self, part: Part, core: int) -> subprocess.Popen[str]:
        part.path.parent.mkdir(exist_ok=True)
        members = [part.members.start, part.members.stop]
        request = self._request | {"path": str(part.path), "range": members, "core": core}
        with part.log.open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "experiments.run.worker"],
                stdin=subprocess.PIPE,  # kept open: a worker whose parent dies reads its end, and stops
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | MALLOC,
                start_new_session=True,  # Ctrl-C reaches the parent alone, which hands it on
            )
        self._running.append(process)
        if self._stopped:  # between the check before and the line above
            process.terminate()
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # its exit code will show
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        return process

    def _receive(self, part: Part, message: dict) -> None:
        if "say" in message:
            print(message["say"], flush=True)
        if "done" in message:
            self._done[part] = message["done"]
            self._report(sum(self._done.values()), self._total)


def _cover(ranges: list[range], members: range) -> bool:
    """Whether the ranges, one after the other, are all of the members."""
    ends = [members.start, *(part.stop for part in ranges)]
    return [part.start for part in ranges] == ends[:-1] and all(ranges) and ends[-1] == members.stop


def _cause_of_death(part: Part, code: int) -> str:
    """Why a process ended that could not send it."""
    lines = part.log.read_text().strip().splitlines()
    if code < 0:
        reason = f"its process was killed by {signal.Signals(-code).name} (out of memory, perhaps)"
    else:
        reason = f"{lines[-1] if lines else 'its process ended without a word'} (all of it in {part.log})"
    first, last = part.members.start, part.members.stop - 1
    return f"training members {first} to {last} failed: {reason}; give the same command again to resume"
