"""`pigmm compare`: finished runs side by side, and how each two of them differ."""

import os
from collections.abc import Mapping, Sequence
from itertools import combinations, count
from pathlib import Path
from typing import Any, NamedTuple

from analysis import run_plots, run_tables
from analysis.pipeline import Recording, trajectories
from analysis.runs import Between, SideBySide, accuracy_to_json, contrast_runs, to_json_entry
from analysis.trajectories import Trajectories
from experiments.cli.progress import Progress
from experiments.errors import UserError
from experiments.report.comparison_page import comparison_page
from experiments.report.figures import rendered, write_picture
from experiments.run.laws import initial_laws
from experiments.run.stages import recorded, refuse_all_diverged
from experiments.store.run_folder import RunFolder

SCHEMA = 1
COMPARISON = {"kind": "comparison"}
"""What the folder of a comparison is recognised by."""


class Finished(NamedTuple):
    """A finished run as far as a comparison needs it."""

    config: dict[str, Any]
    recording: Recording
    source: dict[str, str]
    """Where it is from: its folder, and the SHA-256 of its results.nc."""


def compare_runs(folders: Mapping[str, Path], out: Path, layers: Sequence[str] | None = None) -> Path:
    """Compare finished runs, write tables, figures, comparison.json and a report; returns the path of the report.

    Args:
        folders: the runs by the names they are told apart by.
        out: folder of the comparison; an earlier one there is replaced, as everything in it is made of the runs.
        layers: names of the layers to compare; None for all.

    Raises:
        UserError: a run cannot be read, or the folder cannot be written.
    """
    finished = {name: read_finished(path, layers) for name, path in folders.items()}
    with RunFolder.open(out, COMPARISON) as folder:
        return write_comparison(folder, side_by_side(finished), finished)


def named_runs(paths: Sequence[Path]) -> dict[str, Path]:
    """The folders by the names they are told apart by: their own, or with as many parents as it takes.

    Raises:
        UserError: there are fewer than two, two are the same folder, or a name is not text.
    """
    if len({path.resolve() for path in paths}) < max(2, len(paths)):
        raise UserError("give at least two different run folders to compare")
    try:
        "".join(map(str, paths)).encode()
    except UnicodeEncodeError as error:
        raise UserError(f"a folder's name is not UTF-8 ({error.reason}): rename it") from error
    absolute = [Path(os.path.abspath(path)) for path in paths]  # links keep their names
    endings = (["/".join(path.parts[-depth:]) for path in absolute] for depth in count(1))
    names = next(ending for ending in endings if len(set(ending)) == len(ending))
    return dict(zip(names, paths, strict=True))


def read_finished(path: Path, layers: Sequence[str] | None = None) -> Finished:
    """The recordings of a run folder, which is only read, of some or all layers.

    Raises:
        UserError: it holds no finished run, one in which every member has diverged, or none of the layers.
    """
    with RunFolder.existing(path, exclusive=False) as folder:
        if "train" not in folder.config:
            raise UserError(f"{path} holds no run but an analysis or a comparison: give folders of `pigmm run`")
        config, _, recording = recorded(folder)
        refuse_all_diverged(folder, recording)
        source = {"folder": str(path), "results_sha256": folder.results_digest()}
    if layers is not None:
        recording = of_layers(recording, layers)
        if not recording.layers:
            raise UserError(f"{path} has none of the layers {', '.join(layers)}")
    return Finished(config, recording, source)


def of_layers(recording: Recording, layers: Sequence[str]) -> Recording:
    """The recording of those of the layers that it has."""
    kept = [i for i, layer in enumerate(recording.layers) if layer in layers]
    return recording._replace(
        layers=tuple(recording.layers[i] for i in kept),
        dims=tuple(recording.dims[i] for i in kept),
        invariants=recording.invariants[:, :, kept],
        block_moments=recording.block_moments[:, :, kept],
    )


def side_by_side(finished: Mapping[str, Finished]) -> SideBySide:
    """The statistics of each run, and of each two of them, with progress."""
    couples = list(combinations(finished, 2))
    progress, total = Progress("comparing", "runs and pairs"), len(finished) + len(couples)
    runs: dict[str, Trajectories] = {}
    for name, run in finished.items():
        progress.update(len(runs), total)
        runs[name] = trajectories(run.recording, initial_laws(run.config, run.recording))
    pairs: dict[tuple[str, str], Between] = {}
    for done, (first, second) in enumerate(couples, len(runs)):
        progress.update(done, total)
        one, other = finished[first], finished[second]
        same_seed = one.config["train"]["seed"] == other.config["train"]["seed"]
        between = contrast_runs(one.recording, other.recording, paired=same_seed)
        if between is not None:
            pairs[first, second] = between
    progress.update(total, total)
    return SideBySide(runs, pairs)


def write_comparison(folder: RunFolder, several: SideBySide, finished: Mapping[str, Finished]) -> Path:
    """Write everything a reader looks at, in place of an earlier comparison; returns the path of the report."""
    pictures = {name: run_plots.draw(several, name) for name in run_plots.available(several)}
    for earlier in ("figures", "tables"):
        folder.remove(earlier)
    entries = [
        {"first": first, "second": second, **to_json_entry(between, e, layer)}
        for (first, second), between in several.pairs.items()
        for e in range(len(between.epochs))
        for layer in range(len(between.layers))
    ]
    accuracy = [
        {"first": first, "second": second, "epoch": int(epoch), **accuracy_to_json(between, e)}
        for (first, second), between in several.pairs.items()
        for e, epoch in enumerate(between.epochs)
    ]
    runs = {name: {**run.source, "config": run.config} for name, run in finished.items()}
    told = {"schema": SCHEMA, "runs": runs, "between": entries, "accuracy": accuracy}
    folder.write_json("comparison.json", told)
    for name, table in run_tables.TABLES.items():
        folder.write_text(f"tables/{name}.csv", table(several).csv())
    pngs = {name: write_picture(folder, name, rendered(figure)) for name, figure in pictures.items()}
    return folder.write_text("report.html", comparison_page(several, runs, pngs))
