"""What the commands do, given their parsed options."""

from argparse import Namespace
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

from ensemble import DataError, TrainConfig
from experiments import stages
from experiments.errors import UserError
from experiments.matrices import analyze_file
from experiments.presets import PRESETS, RunConfig
from experiments.run_folder import RunFolder
from experiments.training import Interrupted


def quickstart(options: Namespace) -> int:
    """The whole chain on the embedded sample."""
    return _run(PRESETS["quickstart"].config, Path(options.out or "runs/quickstart"), None)


def run(options: Namespace) -> int:
    """Train, measure, fit and report a preset with the given overrides."""
    if options.preset not in PRESETS:
        raise UserError(f"no preset is called {options.preset!r}; choose one of {', '.join(PRESETS)}")
    config = override(PRESETS[options.preset].config, options)
    return _run(config, Path(options.out or f"runs/{options.preset}"), options.data_dir, options.as_published)


def override(config: RunConfig, options: Namespace) -> RunConfig:
    """The configuration with the settings given on the command line.

    Raises:
        UserError: a setting is out of its range.
    """
    given = {name: value for name, value in vars(options).items() if value is not None}
    if "hidden" in given:
        given["hidden"] = tuple(given["hidden"])
    try:
        train = replace(config.train, **{f.name: given[f.name] for f in fields(TrainConfig) if f.name in given})
        rest = {f.name: given[f.name] for f in fields(RunConfig) if f.name in given}
        return replace(config, **(rest | {"train": train}))
    except ValueError as error:
        raise UserError(str(error)) from error


def _run(config: RunConfig, path: Path, data_dir: str | None, published: bool = False) -> int:
    try:
        print(stages.run(config, path, data_dir, published))
    except DataError as error:
        raise UserError(str(error)) from error
    except Interrupted as stop:
        print(f"pigmm: stopped by {stop}; saved: give the same command again to resume")
        return stop.exit_code
    return 0


def analyze(options: Namespace) -> int:
    """The analysis of the user's own matrices."""
    out, json_file = (Path(path) if path else None for path in (options.out, options.json))
    print(analyze_file(Path(options.path), options.key, json_file, out))
    return 0


def report(options: Namespace) -> int:
    """Redraw a run folder."""
    with RunFolder.existing(Path(options.folder)) as folder:
        print(stages.report(folder, options.as_published))
    return 0


def presets(options: Namespace) -> int:
    """List the presets."""
    width = max(map(len, PRESETS))
    for name, preset in PRESETS.items():
        train = preset.config.train
        size = f"{train.members} members, {train.epochs} epochs"
        print(f"{name:{width}}  {size}  {preset.about}")
    return 0


COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "quickstart": quickstart,
    "run": run,
    "analyze": analyze,
    "report": report,
    "presets": presets,
}
