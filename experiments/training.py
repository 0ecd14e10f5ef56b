"""The training stage of one process: a range of members, from images to recordings, surviving interruption."""

import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np
import xarray as xr

from ensemble import Dataset, Moment, train
from ensemble.checkpoint import Checkpoints
from experiments.observer import Observer, square_layers
from experiments.presets import RunConfig
from experiments.recording import to_dataset
from experiments.run_folder import RunFolder

CHECKPOINTS = "checkpoints"


class Interrupted(Exception):
    """Training was stopped by a signal after everything had been saved."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


def train_members(
    folder: RunFolder,
    config: RunConfig,
    data: Dataset,
    members: range,
    report: Callable[[int, int], None],
    say: Callable[[str], None],
) -> xr.Dataset:
    """Train a range of members, from the last good checkpoint in the folder if there is one.

    Args:
        folder: holds the checkpoints.
        config: the run.
        data: its images.
        members: the numbers of the members.
        report: told network-epochs done and in all after every epoch of every chunk.
        say: told what a person should know.

    Raises:
        Interrupted: on SIGINT or SIGTERM, with everything saved.
    """
    layers = square_layers(config.train, data.classes)
    with collected_signals() as received, Checkpoints(folder.path / CHECKPOINTS, folder.config) as checkpoints:
        resume = checkpoints.newest()
        for warning in checkpoints.warnings:
            say(warning)
        if resume is not None:
            say(f"resuming at member {members[resume.start]}, epoch {resume.epoch}")

        def on_epoch(moment: Moment) -> None:
            report(moment.done, moment.total)
            if received or (checkpoints.due and moment.done < moment.total):
                checkpoints.save(moment.snapshot())
            if received:
                checkpoints.wait()
                raise Interrupted(received[0])

        observe = Observer(config, tuple(layers.values()))
        result = train(config.train, data, observe, members=np.array(members), resume=resume, on_epoch=on_epoch)
    return to_dataset(config, data, result)


def drop_checkpoints(folder: RunFolder) -> None:
    """Remove the checkpoints of a training whose results are safely written."""
    shutil.rmtree(folder.path / CHECKPOINTS, ignore_errors=True)


@contextmanager
def collected_signals(forward: Callable[[int], None] = lambda number: None) -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM instead of dying of them, so that work stops where it can be resumed.

    The first is also handed to `forward`; one that comes more than a second later has its usual effect. (Shells and
    supervisors often send the same signal twice at once, to the process and to its group.)
    """
    received: list[int] = []
    deadline = 0.0

    def collect(number: int, frame: FrameType | None) -> None:
        nonlocal deadline
        if not received:
            received.append(number)
            deadline = time.monotonic() + 1.0
            forward(number)
        elif time.monotonic() > deadline:
            signal.signal(number, previous[number])
            signal.raise_signal(number)

    previous: dict[int, Any] = {number: signal.signal(number, collect) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
