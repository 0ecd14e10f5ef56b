"""What the commands do, given their parsed options."""

import os
from argparse import Namespace
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from ensemble import DataError, TrainConfig
from experiments.cli import doctor as examination
from experiments.errors import UserError
from experiments.hosts import cluster, distributed
from experiments.hosts.cluster import Cluster
from experiments.report.comparing import compare_runs, named_runs
from experiments.report.matrices import analyze_file
from experiments.report.model_comparing import are_models, compare_models
from experiments.report.networks import analyze_networks
from experiments.report.weights import Choice, analyze_model, is_one_ensemble, list_weights
from experiments.reproduction import reproduce as reproduction
from experiments.run import reporting, stages
from experiments.run.merging import merge_runs
from experiments.run.models import read_parameters
from experiments.run.presets import PRESETS, WIDTHS, RunConfig, width_run
from experiments.run.sweep import sweep_widths
from experiments.run.training import Session
from experiments.store.run_folder import RunFolder


def quickstart(options: Namespace) -> int:
    """The whole chain on the embedded sample."""
    return _print_result(
        stages.run, PRESETS["quickstart"].config, Path(options.out or "runs/quickstart"), _session(options)
    )


def run(options: Namespace) -> int:
    """Train, measure, fit and report a preset with the given overrides."""
    if options.preset not in PRESETS:
        raise UserError(f"no preset is called {options.preset!r}; choose one of {', '.join(PRESETS)}")
    config = override(PRESETS[options.preset].config, options)
    members = _members(config, options.member_range)
    session, path = _session(options), Path(options.out or f"runs/{options.preset}")
    processes = _cluster(options)
    if processes is not None:
        return _print_result(distributed.run, config, path, session, processes)
    return _print_result(stages.run, config, path, session, members, options.as_published)


def _session(options: Namespace) -> Session:
    """How it is carried out; an option that was not given, or that a command does not have, keeps its default."""
    given = {name: value for name, value in vars(options).items() if name in Session._fields and value is not None}
    return Session(**given)


def override(config: RunConfig, options: Namespace) -> RunConfig:
    """The configuration with the settings given on the command line.

    Raises:
        UserError: a setting is out of its range.
    """
    given = {name: value for name, value in vars(options).items() if value is not None}
    if "hidden" in given:
        given["hidden"] = tuple(given["hidden"])
    if "start_models" in given:
        given["start"] = read_parameters(Path(given["start_models"]))
    try:
        train = replace(config.train, **{f.name: given[f.name] for f in fields(TrainConfig) if f.name in given})
        rest = {f.name: given[f.name] for f in fields(RunConfig) if f.name in given}
        return replace(config, **(rest | {"train": train}))
    except ValueError as error:
        raise UserError(str(error)) from error


def _members(config: RunConfig, given: range | None) -> range | None:
    if given is not None and given.stop > config.train.members:
        raise UserError(
            f"--member-range reaches to {given.stop}, but members is {config.train.members}: "
            "give the members of the whole ensemble, and a range of them"
        )
    return given


def _cluster(options: Namespace) -> Cluster | None:
    """The processes of the run and where they meet; None if it is one process."""
    numbers = options.processes, options.process
    if options.distributed is None:
        if numbers != (None, None):
            raise UserError(
                "--processes and --process go with --distributed HOST:PORT, where the processes meet: add it"
            )
        return None
    if options.member_range or options.as_published:
        raise UserError("--distributed goes with neither --member-range nor --as-published: leave them out")
    if options.distributed != "auto":
        return cluster.from_options(options.distributed, *numbers)
    if numbers != (None, None):
        raise UserError("--distributed auto finds out the number of processes: leave out --processes and --process")
    return cluster.from_environment(os.environ)


def _print_result(stage: Callable[..., object], *arguments: Any) -> int:
    """Carry out a stage that reads a data set, and print what it returns."""
    try:
        print(stage(*arguments))
    except DataError as error:
        raise UserError(str(error)) from error
    return 0


def sweep(options: Namespace) -> int:
    """The width study."""
    widths = options.widths or list(WIDTHS)
    if len(set(widths)) < max(2, len(widths)) or min(widths) < 1:
        raise UserError(f"--widths are {' '.join(map(str, widths))}: give at least two different ones, all positive")
    configs = {width: override(width_run(width), options) for width in widths}
    out = Path(options.out or f"runs/widths-{configs[widths[0]].train.init}")
    return _print_result(sweep_widths, configs, out, _session(options))


def extend(options: Namespace) -> int:
    """A finished run with more epochs."""
    return _print_result(stages.extend, Path(options.folder), options.epochs, Path(options.out), _session(options))


def reproduce(options: Namespace) -> int:
    """Every run behind docs/results.md."""
    out, docs = Path(options.out or "runs/reproduce"), Path(options.docs) if options.docs else None
    return _print_result(reproduction.reproduce, out, _session(options), options.budget, docs)


def merge(options: Namespace) -> int:
    """Put together runs of member ranges, and report."""
    out = Path(options.out)
    merge_runs(out, [Path(path) for path in options.parts])
    with RunFolder.existing(out) as folder:
        print(reporting.report(folder))
    return 0


def analyze(options: Namespace) -> int:
    """The analysis of the user's own weights: a whole model, one ensemble, or networks."""
    out, json_file = (Path(path) if path else None for path in (options.out, options.json))
    paths = list(map(Path, options.paths))
    choice = Choice(options.select or (), options.group or (), options.heads, options.orientation, options.files)
    one_array = options.key is not None or options.symmetry != "auto"
    if (options.chain is not None or one_array) and (options.list or choice != Choice()):
        raise UserError(
            "--list, --select, --group, --heads, --orientation and --files are of the table of a model: leave out "
            "--key, --symmetry and --chain"
        )
    if options.heads is not None and options.heads < 1:
        raise UserError(f"--heads {options.heads}: give a whole number, at least 1")
    if options.chain is not None:
        if one_array:
            raise UserError("--chain names its arrays and is a symmetry of its own: leave out --key and --symmetry")
        print(analyze_networks(paths, options.chain, json_file, out))
    elif one_array and len(paths) > 1:
        raise UserError(f"{len(paths)} files, but --key and --symmetry are of one: analyse them one by one")
    elif options.list:
        if out or json_file:
            raise UserError("--list writes nothing: leave out --out and --json")
        print(list_weights(paths, choice))
    elif one_array or (choice == Choice() and is_one_ensemble(paths)):
        print(analyze_file(paths[0], options.key, json_file, out, options.symmetry))
    else:
        print(analyze_model(paths, choice, json_file, out))
    return 0


def report(options: Namespace) -> int:
    """Redraw a run folder."""
    with RunFolder.existing(Path(options.folder)) as folder:
        print(reporting.report(folder, options.as_published))
    return 0


def compare(options: Namespace) -> int:
    """Finished runs side by side, or two models."""
    paths = list(map(Path, options.folders))
    models = are_models(paths)
    if models:
        if options.symmetry is not None:
            raise UserError("--symmetry is of runs and analyses: leave it out to compare models")
        if len(paths) != 2:
            raise UserError(f"{len(paths)} models: give two to compare, the base one first")
    named = named_runs(paths)
    out = Path(options.out or f"runs/{'-and-'.join(named).replace('/', '-')}")
    if models:
        print(compare_models(paths[0], paths[1], out))
    else:
        print(compare_runs(named, out, symmetry=options.symmetry or "simultaneous"))
    return 0


def formulas(options: Namespace) -> int:
    """Expected invariants as formulas."""
    # Imported here: SymPy takes a while, and no other command needs it.
    from experiments.cli.formulas import listed

    print(listed(options.graphs, options.symmetry, latex=options.latex, as_json=options.json))
    return 0


def doctor(options: Namespace) -> int:
    """Look at this machine; exit code 1 if something is not well."""
    return 0 if examination.report(examination.doctor(options.data_dir), options.json) else 1


def presets(options: Namespace) -> int:
    """List the presets with what they set."""
    width = max(map(len, PRESETS))
    for name, preset in PRESETS.items():
        train = preset.config.train
        print(f"{name:{width}}  {preset.about}")
        hidden = " ".join(map(str, train.hidden))
        print(
            f"{'':{width}}    --dataset {preset.config.dataset} --members {train.members} --epochs {train.epochs} "
            f"--hidden {hidden} --init {train.init} --weight-decay {train.weight_decay:g}"
        )
    return 0


COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "quickstart": quickstart,
    "run": run,
    "extend": extend,
    "sweep": sweep,
    "reproduce": reproduce,
    "merge": merge,
    "analyze": analyze,
    "report": report,
    "compare": compare,
    "formulas": formulas,
    "doctor": doctor,
    "presets": presets,
}
