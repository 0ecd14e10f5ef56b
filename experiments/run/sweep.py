"""`pigmm sweep`: one run for each width, and all of them side by side."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ensemble import load
from experiments.errors import UserError
from experiments.report.comparing import COMPARISON, compare_runs
from experiments.run import stages
from experiments.run.observer import square_layers
from experiments.run.presets import RunConfig
from experiments.run.training import Session
from experiments.store.run_folder import CONFIG, RunFolder, finished

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
            training. Or all members of a width have diverged.
        Interrupted: on SIGINT or SIGTERM, with everything saved.
    """
    folders = {width: out / f"width-{width}" for width in configs}
    configs = {width: stages.settled(config, folders[width]) for width, config in configs.items()}
    _refuse_unusable(configs, folders, out, session)
    for number, (width, config) in enumerate(configs.items(), 1):
        print(f"width {width}, run {number} of {len(configs)}", flush=True)
        print(stages.run(config, folders[width], session), flush=True)
    return compare_runs({path.name: path for path in folders.values()}, out / "comparison", LAYERS)


def _refuse_unusable(
    configs: Mapping[int, RunConfig], folders: Mapping[int, Path], out: Path, session: Session
) -> None:
    """Find whatever would stop the sweep later: folders of other runs, widths that do not fit."""
    if (out / CONFIG).exists():
        raise UserError(f"{out} is the folder of one run, not of a sweep: choose another --out")
    expected: dict[Path, dict[str, Any]] = {out / "comparison": COMPARISON}
    data = load(next(iter(configs.values())).dataset, session.data_dir)
    for width, config in configs.items():
        if not square_layers(config.train, data.classes):
            raise UserError(f"width {width} gives no square weight matrix: give widths above 1")
        expected[folders[width]] = stages.identify(config, data)
        if not finished(folders[width]):
            stages.plan_here(config, data, config.train.members, session)
    for path, identity in expected.items():
        if path.exists():
            RunFolder.open(path, identity).close()
