"""The stages of a run, each from files to files: train -> measure -> fit -> tables, figures, report."""

import math
import time
from pathlib import Path

import jax
import numpy as np

from analysis import EntryLaw
from analysis.pipeline import trajectories
from ensemble import Dataset, load
from ensemble.sharding import chunk_members
from experiments.observer import square_layers
from experiments.outputs import write_outputs
from experiments.parts import drop_parts, plan_parts, train_parts
from experiments.presets import RunConfig, settings
from experiments.progress import Progress
from experiments.provenance import provenance
from experiments.recording import from_dataset
from experiments.run_folder import RunFolder
from experiments.runtime import cores
from experiments.training import drop_checkpoints, train_members


def run(config: RunConfig, path: Path, data_dir: str | None) -> Path:
    """Train if need be, analyse, and report; returns the path of the report.

    Raises:
        UserError, DataError: the folder or the data cannot be used.
        Interrupted: on SIGINT or SIGTERM, with everything saved.
    """
    data = load(config.dataset, data_dir)
    square_layers(config.train, data.classes)
    identity = settings(config) | {"data": {"name": data.name, "digest": data.digest}}
    with RunFolder.open(path, identity) as folder:
        if not folder.has_results():
            measure(folder, config, data, data_dir)
        return report(folder)


def measure(folder: RunFolder, config: RunConfig, data: Dataset, data_dir: str | None) -> None:
    """From images to results.nc and provenance.json: in this process on an accelerator, else in one a core."""
    started = time.monotonic()
    members = config.train.members
    parts = plan_parts(folder.path, members, len(cores()), chunk_members(config.train, "cpu", devices=1))
    if jax.default_backend() != "cpu" or len(parts) == 1:
        progress = Progress("training", "network-epochs")
        results = train_members(folder, config, data, range(members), progress.update, print)
    else:
        results = train_parts(folder, config, data_dir, parts)
    seconds = time.monotonic() - started
    told = provenance(
        seed=config.train.seed,
        seconds=seconds,
        network_epochs=members * config.train.epochs,
        data=data.describe(),
    )
    folder.write_json("provenance.json", told)
    folder.write_results(results)
    drop_checkpoints(folder)
    drop_parts(folder)


def report(folder: RunFolder) -> Path:
    """From results.nc to everything that is drawn or fitted; returns the path of the report."""
    config, results = folder.config, folder.read_results()
    laws = initial_laws(config["train"]["init"], results["dim"].values)
    return write_outputs(folder, trajectories(from_dataset(results), laws), config, folder.read_json("provenance.json"))


def initial_laws(init: str, dims: np.ndarray) -> tuple[EntryLaw | None, ...]:
    """Law of the initial entries of each square layer, where fan_in = fan_out = D; None for dependent entries."""
    laws = {
        "gaussian": lambda dim: EntryLaw.gaussian(1 / math.sqrt(dim)),
        "uniform": lambda dim: EntryLaw.uniform(1 / math.sqrt(dim)),
        "he": lambda dim: EntryLaw.gaussian(math.sqrt(2 / dim)),
        "glorot": lambda dim: EntryLaw.gaussian(1 / math.sqrt(dim)),
        "orthogonal": lambda dim: None,
    }
    return tuple(laws[init](int(dim)) for dim in dims)
