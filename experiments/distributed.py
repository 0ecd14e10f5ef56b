"""One run on several machines: each process trains its share of the members, process 0 puts them together.

Members never talk to each other, so processes exchange nothing but that they are there, are given the same run, are
still alive, and are done; `experiments.companion` does that through jax.distributed.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from ensemble import load
from experiments import atomic, stages
from experiments.errors import UserError
from experiments.merging import MEMBERS
from experiments.parts import PARTS, part_of, split
from experiments.presets import RunConfig
from experiments.run_folder import RunFolder
from experiments.signals import Interrupted
from experiments.training import Session

PATIENCE = 60.0  # seconds to wait for the other processes that look at a common folder


class Cluster(NamedTuple):
    """Where the processes of a run meet; None is found out from the environment (Slurm, Open MPI, TPU pods)."""

    coordinator: str | None
    """HOST:PORT, on the machine of process 0."""
    processes: int | None
    process: int | None


def run(config: RunConfig, path: Path, session: Session, cluster: Cluster) -> str:
    """Train the share of this process; process 0 waits for all, merges and reports. Returns what to tell.

    Raises:
        UserError, DataError: the folder or the data cannot be used; another process has stopped, is missing, or was
            given another run.
        Interrupted: on SIGINT or SIGTERM, with everything saved.
    """
    config = stages.settled(config, path)
    data = load(config.dataset, session.data_dir)
    identity = stages.identify(config, data)
    RunFolder.open(path, identity, patience=PATIENCE).close()
    log = path / PARTS / f"companion-{socket.gethostname()}-{os.getpid()}.log"
    with Companion(cluster, identity, log) as companion:
        if companion.processes > config.train.members:
            raise UserError(f"{companion.processes} processes are too many for {config.train.members} members")
        shares = split(range(config.train.members), companion.processes)
        mine = part_of(path, shares[companion.process])
        try:
            with RunFolder.open(mine.path, identity | {MEMBERS: [mine.members.start, mine.members.stop]}) as folder:
                stages.train_if_need_be(folder, config, data, session, mine.members)
            companion.wait_for_all()
        except Interrupted as stop:
            if companion.lost:
                raise UserError(companion.lost) from stop
            raise
    if companion.process > 0:
        return f"{mine.path} is trained; process 0 puts it together with the others"
    missing = [part.path.name for part in (part_of(path, share) for share in shares) if not part.finished]
    if missing:
        raise UserError(
            f"{', '.join(missing)} are not in {path / PARTS}: copy them there from the {PARTS} of the other machines, "
            "and give the command again without --distributed"
        )
    return str(stages.run(config, path, session))


class Companion:
    """The process that keeps touch with the others; a context manager.

    Attributes:
        processes: how many there are.
        process: the number of this one.
        lost: what is to be told if another process has died.

    Raises:
        UserError: the others did not come, or were given another run.
    """

    def __init__(self, cluster: Cluster, run: dict[str, Any], log: Path) -> None:
        self.lost: str | None = None
        self._log, self._leaving = log, False
        log.parent.mkdir(exist_ok=True)
        with log.open("w") as errors:
            self._companion = subprocess.Popen(
                [sys.executable, "-m", "experiments.companion"],
                stdin=subprocess.PIPE,  # kept open: a companion that reads its end leaves, and is missed
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=os.environ | {"JAX_PLATFORMS": "cpu"},
                start_new_session=True,
            )
        self._say(json.dumps(cluster._asdict() | {"run": json.dumps(atomic.plain(run), sort_keys=True)}))

    def __enter__(self) -> "Companion":
        there = self._hear()
        self.processes, self.process = there["processes"], there["process"]
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._leaving = True
        self._companion.communicate()

    def wait_for_all(self) -> None:
        """Block until every process has trained its share.

        Raises:
            UserError: another process has died.
            Interrupted: on SIGINT or SIGTERM.
        """
        self._leaving = True
        self._say("trained")
        self._hear()
        self._companion.wait()

    def _watch(self) -> None:
        """Interrupt this process, so that it saves and stops, when the companion dies before its time."""
        if self._companion.wait() and not self._leaving:
            self.lost = self._loss
            os.kill(os.getpid(), signal.SIGTERM)

    def _say(self, line: str) -> None:
        assert self._companion.stdin is not None
        self._companion.stdin.write(line + "\n")
        self._companion.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self._companion.stdout is not None
        line = self._companion.stdout.readline()
        if not line:
            raise UserError(self._loss)
        message = json.loads(line)
        if "failed" in message:
            raise UserError(f"{message['failed']}: give the same commands again, everywhere, at about the same time")
        return message

    @property
    def _loss(self) -> str:
        return (
            f"another process of the run has stopped (details in {self._log}); "
            "what was trained is saved: give the same commands again, everywhere, to resume"
        )
