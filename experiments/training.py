"""The training stage: from images to results.nc, surviving interruption."""

import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import xarray as xr

from ensemble import Dataset, Moment, train
from ensemble.checkpoint import Checkpoints
from experiments.presets import RunConfig
from experiments.progress import Progress
from experiments.recording import observe, settings, square_layers, to_dataset
from experiments.run_folder import RunFolder


class Interrupted(Exception):
    """Training was stopped by a signal after the last epoch had been saved."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


def train_stage(folder: RunFolder, config: RunConfig, data: Dataset) -> tuple[xr.Dataset, float]:
    """Train the ensemble of a run, from its last checkpoint if there is one; returns results and the seconds it took.

    Raises:
        Interrupted: on SIGINT or SIGTERM, with everything saved.
    """
    layers = square_layers(config.train, data.classes)
    progress = Progress("training", "network-epochs")
    checkpoints_path = folder.path / "checkpoints"
    started = time.monotonic()
    with _signals() as received, Checkpoints(checkpoints_path, settings(config) | {"data": data.digest}) as checkpoints:
        resume = checkpoints.newest()
        for warning in checkpoints.warnings:
            print(warning)
        if resume is not None:
            print(f"resuming at member {resume.start}, epoch {resume.epoch}")

        def on_epoch(moment: Moment) -> None:
            progress.update(moment.done, moment.total)
            if received or (checkpoints.due and moment.done < moment.total):
                checkpoints.save(moment.snapshot())
            if received:
                checkpoints.wait()
                raise Interrupted(received[0])

        result = train(config.train, data, observe(config, list(layers.values())), resume=resume, on_epoch=on_epoch)
    widths = (*config.train.hidden, data.classes)
    results = to_dataset(config, layers, [widths[k] for k in layers.values()], result)
    return results, time.monotonic() - started


def drop_checkpoints(folder: RunFolder) -> None:
    """Remove the checkpoints of a run whose results are safely written."""
    shutil.rmtree(folder.path / "checkpoints", ignore_errors=True)


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM instead of dying of them, so that training stops between two epochs; twice kills."""
    received: list[int] = []

    def collect(number: int, frame: FrameType | None) -> None:
        received.append(number)
        signal.signal(number, previous[number])

    previous: dict[int, Any] = {number: signal.signal(number, collect) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
