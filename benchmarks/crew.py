"""Processes that hold contestants ready (`benchmarks.server`) and are all measured at once."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

from experiments.run.parts import MALLOC
from experiments.run.presets import RunConfig, settings


class Measured(NamedTuple):
    """One measurement of a contestant."""

    rate: float
    """Network-epochs a second, over all processes."""
    per_core: float
    """Network-epochs per second of processor time: what one core would do if nobody else used the machine."""


class Crew:
    """Processes that work at the same time on equal shares, one for each set of cores.

    Args:
        cores: the cores of each process.
        data_dir: folder of the images.
        flags: flags of XLA, besides those of a run.
    """

    def __init__(self, cores: Sequence[Sequence[int]], data_dir: str | None, flags: str = "") -> None:
        environment = os.environ | MALLOC | {"XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {flags}"}
        self._data_dir = data_dir
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.server", *map(str, bound)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=environment,
            )
            for bound in cores
        ]

    def measure(self, contestant: str, config: RunConfig) -> Measured:
        """Let all processes take turns at the contestant for a second; the first time also prepares it."""
        request = json.dumps([contestant, settings(config), self._data_dir]) + "\n"
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(request)
            process.stdin.flush()
        answers = [json.loads(_line(process)) for process in self._processes]
        work, busy = (sum(answer[name] for answer in answers) for name in ("work", "busy"))
        return Measured(sum(answer["rate"] for answer in answers), work / busy)

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *error: object) -> None:
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"a process of the benchmark ended with code {process.wait()}")
    return line
