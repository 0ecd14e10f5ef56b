"""The training stage of one process: a range of members, from images to recordings, surviving interruption."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
import xarray as xr

from ensemble import Dataset, Moment, Trained, train
from ensemble.checkpoint import SHARE, Checkpoints
from ensemble.footprint import DoesNotFit
from ensemble.snapshot import SnapshotError
from experiments.cli.signals import Interrupted, collected_signals
from experiments.errors import UserError
from experiments.run.kept_state import forget_later, gather_chunks, keep_chunk
from experiments.run.models import sampled_start
from experiments.run.observer import Observer, square_layers
from experiments.run.presets import RunConfig
from experiments.run.recording import to_dataset
from experiments.run.spectra import examine
from experiments.store.run_folder import RunFolder

CHECKPOINTS = "checkpoints"


class Session(NamedTuple):
    """How a run is carried out here and now; none of it changes what a run is, so it can be resumed with another."""

    data_dir: str | None = None
    """Folder of IDX files to read the data set from."""
    save_share: float = SHARE
    """Share of the time that may go into checkpoints."""
    devices: int | None = None
    """How many local devices train, on a CPU how many cores; None takes all."""
    deterministic: bool = False
    """Whether equal bytes are asked for; the flags for it are set when the program starts."""


def train_members(
    folder: RunFolder,
    config: RunConfig,
    data: Dataset,
    members: range,
    session: Session,
    report: Callable[[int, int], None],
    say: Callable[[str], None],
    chunk: int | None = None,
    after: Trained | None = None,
) -> xr.Dataset:
    """Train a range of members, from the last good checkpoint in the folder if there is one.

    Args:
        folder: holds the checkpoints.
        config: the run.
        data: its images.
        members: the numbers of the members.
        session: how often to save, and on how many devices to train.
        report: called with network-epochs done and in all after every epoch of every chunk.
        say: called with messages for people.
        chunk: members trained at once, as `ensemble.memory.plan_memory` has chosen; None lets `train` choose.
        after: what these members have learned in fewer epochs.

    Raises:
        Interrupted: on SIGINT or SIGTERM, with everything saved.
        UserError: checkpoints cannot be written, or there are some but none is good; or memory has run out.
    """
    layers = square_layers(config.train, data.classes)
    place = folder.path / CHECKPOINTS
    try:
        with collected_signals() as received, Checkpoints(place, folder.config, session.save_share) as checkpoints:
            resume = checkpoints.newest()
            for warning in checkpoints.warnings:
                say(warning)
            if resume is not None:
                say(f"resuming at member {members[resume.start]}, epoch {resume.epoch}")
            forget_later(folder, resume)

            def on_epoch(moment: Moment) -> None:
                report(moment.done, moment.total)
                keep = config.save_weights and moment.epoch == config.train.epochs
                save = bool(received) or (checkpoints.due() and moment.done < moment.total)
                snapshot = moment.snapshot() if keep or save else None
                if snapshot and keep:
                    keep_chunk(folder, snapshot, len(members))
                if snapshot and save:
                    checkpoints.save(snapshot)
                if received:
                    checkpoints.wait()
                    raise Interrupted(received[0])

            observe = Observer(config, tuple(layers.values()))
            result = train(
                config.train,
                data,
                observe,
                members=np.array(members),
                devices=None if jax.default_backend() == "cpu" else session.devices,  # a CPU's cores are processes
                chunk=chunk,
                resume=resume,
                on_epoch=on_epoch,
                initial=sampled_start(config, data.classes),
                say=say,
                examine=examine,
                after=after,
            )
    except (SnapshotError, DoesNotFit) as error:
        raise UserError(str(error)) from error
    if warning := gather_chunks(folder, len(members)):
        say(warning)
    return to_dataset(config, data, result)
