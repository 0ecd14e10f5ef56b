"""The analysis of a whole model: what `pigmm analyze` writes and says of its groups of matrices."""

import hashlib
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from analysis.show.chains import chain_tables
from analysis.show.hidden_units import CAPTION, HEADER, unit_row
from analysis.show.tables import Table
from analysis.show.trajectories import draw_moves, draw_trajectory, paths_table, trajectory_table
from analysis.show.weights_figures import draw_group, draw_traits
from analysis.show.weights_table import groups_table, members_table, study_entry, terminal
from analysis.weights.checkpoints import Files, checkpoints_of
from analysis.weights.grouping import Group
from analysis.weights.model_study import ModelStudy, course_of, study_weights
from analysis.weights.tensors import Orientation, Weights, sized
from experiments.cli.progress import Steps
from experiments.errors import UserError
from experiments.report import page
from experiments.report.figures import Drawn, picture, write_picture
from experiments.report.outputs import REPORT
from experiments.report.weights_page import MOST_FIGURES, document
from experiments.store import atomic
from experiments.store.run_folder import RunFolder
from experiments.weights.config import heads_of
from experiments.weights.opening import open_weights
from experiments.weights.regions import ARRAY


class Choice(NamedTuple):
    """What to look at, and how."""

    select: Sequence[str] = ()
    group: Sequence[str] = ()
    heads: int | None = None
    orientation: Orientation | None = None
    files: Files | None = None
    """What several files are of one another; None for what their names say."""


def open_all(paths: Sequence[Path], files: Files | None = None) -> tuple[Weights, ...]:
    """All models in some files and folders; files of one array each, if no checkpoints, are the arrays of one model.

    Raises:
        UserError: nothing is there, or it is damaged, or holds no weights, or is given twice.
    """
    places = [os.path.realpath(path) for path in paths]
    if twice := [path for path, place in zip(paths, places, strict=True) if places.count(place) > 1]:
        raise UserError(f"{twice[0]} is given twice, and would count as copies of itself: give it once")
    opened = [weights for path in paths for weights in open_weights(path)]
    checkpoints = files == "checkpoints" or bool(checkpoints_of(opened, files)[0])
    if len(opened) == 1 or checkpoints or any(len(one.tensors) > 1 for one in opened):
        return tuple(opened)
    tensors = tuple(tensor._replace(name=one.title) for one in opened for tensor in one.tensors)
    return (Weights(f"{opened[0].title} to {opened[-1].title}", tensors, opened[0].orientation),)


def is_one_ensemble(paths: Sequence[Path]) -> bool:
    """Whether what is given is an array [members, rows, columns] of several, or a folder of square ones without names.

    Both get the full analysis.

    Raises:
        UserError: nothing is there, or it is damaged, or holds no weights.
    """
    if len(paths) > 1:
        return False
    tensors = [tensor for weights in open_weights(paths[0]) for tensor in weights.tensors]
    shapes, names = {tensor.shape for tensor in tensors}, {tensor.name for tensor in tensors}
    if len(tensors) == 1:
        return len(tensors[0].shape) == 3 and tensors[0].shape[0] != 1
    (shape, *others) = shapes or {()}
    return names == {ARRAY} and not others and len(shape) == 2 and shape[0] == shape[1]


def list_weights(paths: Sequence[Path], choice: Choice) -> str:
    """Names, shapes and types of all arrays, and the groups that are formed of them.

    Raises:
        UserError: the files cannot be opened, or a pattern fits no name.
    """
    weights = open_all(paths, choice.files)
    choice = choice._replace(heads=choice.heads or heads_of(paths[0]))
    try:
        course = course_of(weights, *choice)
    except ValueError as error:
        raise UserError(str(error)) from error
    reasons = {one.name: f"  ({one.reason})" for one in course.skipped}
    lines = []
    for one in weights:
        lines += [f"{one.title}: {len(one.tensors)} arrays, matrices stored {one.orientation.replace('_', ' x ')}"]
        lines += [
            f"  {sized(tensor.shape) or '–':16} {tensor.dtype:9} {tensor.name}{reasons.get(tensor.name, '')}"
            for tensor in one.tensors
        ]
    groups = [group for *_, group in course.groups]
    lines += ["", f"{len(groups)} groups: {'; '.join(course.notes)}"]
    lines += [f"  {group.members:6} of {sized(group.shape):14} {group.name}  ({group.formed})" for group in groups]
    return "\n".join([*lines, *_reports(course.chains, paths, len(weights))])


def analyze_model(paths: Sequence[Path], choice: Choice, json_file: Path | None, out: Path | None) -> str:
    """Study every group of matrices of a model; write what is asked for and return the table.

    Args:
        paths: files or folders: checkpoints of one training, or copies of one model.
        choice: what to look at.
        json_file: where to write the numbers.
        out: where to write numbers, tables, figures and the report.

    Raises:
        UserError: the files cannot be opened, hold no matrix, or a pattern fits no name, or the results cannot be
            written.
    """
    weights = open_all(paths, choice.files)
    choice, steps = choice._replace(heads=choice.heads or heads_of(paths[0])), Steps("weights", plain=False)
    try:
        study = study_weights(weights, **choice._asdict(), progress=steps.begin)
    except ValueError as error:
        raise UserError(str(error)) from error
    steps.end()
    hints = _reports([one.chain for one in study.chains], paths, len(weights))
    said = "\n".join([terminal(study), *hints])
    if json_file is not None:
        atomic.write_json(json_file, study_entry(study))
    if out is None:
        return said
    config = {
        "matrices": [one.title for one in weights],
        **choice._asdict(),
        "digest": _digest(study),
    }
    with RunFolder.open(out, config) as folder:
        return f"{said}\n{write_study(folder, study, config, hints, _command(paths, choice, out))}"


def write_study(
    folder: RunFolder, study: ModelStudy, config: Mapping[str, Any], hints: Sequence[str], command: str
) -> Path:
    """Fill the folder of an analysis; returns the path of the report."""
    folder.write_json("weights.json", study_entry(study))
    tables = {"groups": groups_table(study), "members": members_table(study)}
    if study.units:
        tables["hidden_units"] = Table(HEADER, tuple(map(unit_row, study.units)), CAPTION)
    if study.chains:
        tables |= chain_tables(study.chains)
    if study.steps:
        tables |= {"checkpoints": trajectory_table(study.rows), "paths": paths_table(study.rows)}
    for name, table in tables.items():
        folder.write_text(f"tables/{name}.csv", table.csv())
    drawn: dict[str, Drawn] = {"traits": picture(draw_traits, study)}
    shown = study.rows[:MOST_FIGURES]
    drawn |= {f"group{k}": picture(draw_group, row) for k, row in enumerate(shown, start=1)}
    if study.steps:
        drawn["moves"] = picture(draw_moves, shown)
        drawn |= {f"trajectory{k}": picture(draw_trajectory, row) for k, row in enumerate(shown, start=1)}
    pngs = {name: write_picture(folder, name, one) for name, one in drawn.items()}
    return folder.write_text(REPORT, page.document(document(study, config, hints, command), pngs))


def _command(paths: Sequence[Path], choice: Choice, out: Path) -> str:
    """What makes the same study again."""
    given = [(name, value) for name in ("select", "group") for value in getattr(choice, name)]
    given += [(name, getattr(choice, name)) for name in ("heads", "orientation", "files")]
    options = [text for name, value in given if value is not None for text in (f"--{name}", str(value))]
    return shlex.join(("pigmm", "analyze", *map(str, paths), *options, "--out", str(out)))


def _digest(study: ModelStudy) -> str:
    """Of numbers that other matrices would not have, at any checkpoint."""
    numbers = [row.rms for row in study.rows]
    numbers += [row.trajectory.statistics.mean for row in study.rows if row.trajectory]
    return hashlib.sha256(b"".join(one.tobytes() for one in numbers)).hexdigest()


def _reports(chains: Sequence[tuple[Group, ...]], paths: Sequence[Path], models: int) -> list[str]:
    """One line for each chain of stacks in one model, or in a file a layer: how to get a report of it alone."""
    files = {path.name: str(path) for path in paths}
    hints = []
    for chain in chains:
        names = [group.name for group in chain]
        turned = any(source.tensors[0].shape[1:] != group.shape for group in chain for source in group.sources)
        if all(name in files for name in names):
            call = [*(files[name] for name in names), "--chain"]
        elif models == 1:
            call = [*map(str, paths), "--chain", *names]
        else:
            continue
        if not turned:
            networks = f"{', '.join(names)}, layers of {chain[0].members} networks"
            call = shlex.join(("pigmm", "analyze", *call))
            hints.append(f"A report of {networks}, with all parameters and cumulants of their joint law: {call}")
    return hints
