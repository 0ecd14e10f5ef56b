"""The stages of a run, each from files to files: train -> measure -> fit -> tables, figures, report."""

import math
from pathlib import Path

import numpy as np

from analysis import EntryLaw
from analysis.pipeline import trajectories
from ensemble import Dataset, load
from experiments.outputs import write_outputs
from experiments.presets import RunConfig
from experiments.provenance import provenance
from experiments.recording import from_dataset, settings
from experiments.run_folder import RunFolder
from experiments.training import drop_checkpoints, train_stage


def run(config: RunConfig, path: Path, data_dir: str | None) -> Path:
    """Train if need be, analyse, and report; returns the path of the report."""
    data = load(config.dataset, data_dir)
    identity = settings(config) | {"data": {"name": data.name, "digest": data.digest}}
    with RunFolder.open(path, identity) as folder:
        if not folder.has_results():
            measure(folder, config, data)
        return report(folder)


def measure(folder: RunFolder, config: RunConfig, data: Dataset) -> None:
    """From images to results.nc and provenance.json."""
    results, seconds = train_stage(folder, config, data)
    network_epochs = config.train.members * config.train.epochs
    told = provenance(seed=config.train.seed, seconds=seconds, network_epochs=network_epochs, data=data.describe())
    folder.write_json("provenance.json", told)
    folder.write_results(results)
    drop_checkpoints(folder)


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
