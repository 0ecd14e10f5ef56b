"""`pigmm sweep`: one run for each width, and all of them side by side."""

from collections.abc import Mapping
from pathlib import Path

from ensemble import load
from experiments import stages
from experiments.comparing import compare_runs
from experiments.observer import square_layers
from experiments.presets import RunConfig
from experiments.training import Session

LAYERS = ("L1",)
"""The one w x w matrix of a network 784-w-w-10; where w is 10, the last matrix is square too, but not of the study."""


def sweep_widths(configs: Mapping[int, RunConfig], out: Path, session: Session) -> Path:
    """Train each width that is not finished, resuming where a run was interrupted, report each, and compare them.

    Args:
        configs: the run of each width; all on one data set.
        out: gets a run folder for each width, and the comparison.
        session: how the runs are carried out.

    Raises:
        UserError, DataError: a folder or the data cannot be used, or a width does not fit into memory; before any
            training.
        Interrupted: on SIGINT or SIGTERM, with everything saved.
    """
    for config in configs.values():
        data = load(config.dataset, session.data_dir)
        square_layers(config.train, data.classes)
        stages.plan_here(config, data, config.train.members)
    folders = {f"width-{width}": out / f"width-{width}" for width in configs}
    for number, (name, config) in enumerate(zip(folders, configs.values(), strict=True), 1):
        print(f"{name}, run {number} of {len(configs)}", flush=True)
        print(stages.run(config, folders[name], session), flush=True)
    return compare_runs(folders, out / "comparison", LAYERS)
